"""Adam with stochastic clipping."""

import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import losses
from tf_inversion.inversion import batch
from tf_inversion.inversion.solvers.adam import LEARNING_RATE, Adam


def zeros(n):
    return np.zeros((n, 3), np.float32)


def test_converges_where_the_answer_is_inside(minimize, linear):
    latents = np.random.default_rng(1).uniform(-0.8, 0.8, (4, 3)).astype(np.float32)
    objective = losses.Objective("synthesized", linear)
    found = minimize(Adam(objective), linear(latents).numpy(), zeros(4), max_iterations=600, batch_size=2)
    np.testing.assert_allclose(found.latents, latents, atol=0.01)
    np.testing.assert_array_equal(found.iterations + 1, found.evaluations)


@pytest.mark.parametrize("seed", [0, 2**31 - 1])
def test_components_that_leave_the_prior_are_drawn_anew(minimize, linear, seed):
    """The answer is outside in its first component, so that the search gets there again and again."""
    clips = linear(tf.constant([[1.5, 0.2, -0.3]])).numpy()
    objective = losses.Objective({"waveform_mse": 1}, linear)
    short, long = (
        minimize(Adam(objective), clips, zeros(1), max_iterations=count, tol=0, seed=seed)
        for count in (45, 400)
    )
    assert short.latents[0, 0] > 0.5
    assert (np.abs(long.latents) <= 1).all()
    targets = objective.targets(tf.constant(clips), tf.zeros([1, 3]))
    corner = objective.value(tf.constant([[1.0, 0.2, -0.3]]), targets)
    assert long.objective < 1.3 * corner  # close to the best that the cube holds
    np.testing.assert_allclose(objective.value(tf.constant(long.latents), targets), long.objective, rtol=1e-5)


def one_step(linear, seed):
    """Returns latents after a step of Adam from near two walls, beyond which the answer is."""
    clips = linear(tf.constant([[1.5, -1.5, 0.5]]))
    objective = losses.Objective({"waveform_mse": 1}, linear)
    start = tf.constant([[0.99, -0.99, 0.2]])
    targets = objective.targets(clips, start)
    gradient = objective.value_and_gradient(start, targets)[1].numpy()[0]
    assert gradient[0] < 0 < gradient[1]
    solver = Adam(objective)
    state = solver.update(
        solver.init(start, targets), targets, solver.options(1, tol=0, stopval=0, seed=seed)
    )
    return state.current.numpy()[0], gradient


def test_the_first_step_is_of_the_learning_rate_unless_it_is_drawn_anew(linear):
    after, gradient = one_step(linear, seed=1)
    assert after[2] == pytest.approx(0.2 - np.sign(gradient[2]) * LEARNING_RATE, abs=1e-5)
    assert (np.abs(after[:2]) < 0.97).all()


def test_the_seed_fixes_every_draw(linear):
    (one, _), (again, _), (other, _) = (one_step(linear, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one[:2] != other[:2]).all()
    assert one[2] == other[2]


def test_a_start_outside_is_clipped(minimize, linear):
    clips = linear(tf.constant([[0.5, 0.5, 0.5]])).numpy()
    objective = losses.Objective("synthesized", linear)
    start = np.array([[7.0, -7.0, 0.5]], np.float32)
    found = minimize(Adam(objective), clips, start, max_iterations=1)
    np.testing.assert_array_equal(found.latents, [[1, -1, 0.5]])


def test_ends(minimize, linear):
    """By running out, by a round of a hundred steps without gain, and by reaching stopval."""
    clips = np.random.default_rng(3).normal(size=(1, 40)).astype(np.float32)
    best = np.linalg.lstsq(linear.sounds.T, clips.T, rcond=None)[0].T
    objective = losses.Objective("synthesized", linear)
    short = minimize(Adam(objective), clips, best, max_iterations=20)
    assert (short.status, short.iterations) == (batch.RAN_OUT, 20)
    still = minimize(Adam(objective), clips, best, max_iterations=1000)
    assert (still.status, still.iterations) == (batch.CONVERGED, 100)
    start = np.full((1, 3), -0.9, np.float32)
    reached = minimize(Adam(objective), clips, start, max_iterations=1000, tol=0, stopval=1.0)
    assert (reached.status, reached.iterations) == (batch.CONVERGED, 100)
    assert len(reached.trace[0]) == 1


def test_an_item_with_nan_leaves_the_others_alone(minimize, linear):
    latents = np.full((3, 3), 0.4, np.float32)
    start = zeros(3)
    start[1] = np.nan
    objective = losses.Objective("synthesized", linear)
    found = minimize(Adam(objective), linear(latents).numpy(), start, max_iterations=300, stopval=0)
    assert list(found.status) == [batch.RAN_OUT, batch.FAILED, batch.RAN_OUT]
    np.testing.assert_allclose(found.latents[[0, 2]], latents[[0, 2]], atol=0.02)
