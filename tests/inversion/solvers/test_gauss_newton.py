"""Gauss-Newton and its error bars, where the answer is known."""

import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import errors, load_generator, losses
from tf_inversion.generators.base import FunctionGenerator
from tf_inversion.inversion import batch
from tf_inversion.inversion.solvers.gauss_newton import GaussNewton, jacobian
from tf_inversion.inversion.uncertainty import standard_deviation
from tf_inversion.networks.classifier import Classifier
from tf_inversion.priors import UniformPrior


def test_jacobian_is_that_of_reverse_mode_and_of_differences(curved):
    z = tf.constant(UniformPrior().sample(2, 4, seed=3))
    forward = jacobian(curved, z).numpy()
    assert forward.shape == (2, 4, 64)
    with tf.GradientTape() as tape:
        tape.watch(z)
        audio = curved(z)
    reverse = tape.batch_jacobian(audio, z).numpy()
    np.testing.assert_allclose(forward, reverse.transpose(0, 2, 1), atol=1e-6)
    step = np.float32([0, 0, 1e-2, 0])
    np.testing.assert_allclose(forward[:, 2], (curved(z + step) - curved(z - step)) / 2e-2, atol=1e-3)


def test_a_linear_generator_is_solved_in_one_round(minimize, linear):
    latents = UniformPrior().sample(3, 3, seed=0)
    objective = losses.Objective("synthesized", linear)
    start = -latents
    found = minimize(
        GaussNewton(objective), linear(latents).numpy(), start, max_iterations=80, stopval=1e-12, batch_size=2
    )
    np.testing.assert_allclose(found.latents, latents, atol=1e-6)
    assert (found.objective <= 1e-12).all()
    assert (found.status == batch.CONVERGED).all()
    assert list(found.iterations) == [8, 8, 8]
    # One at the start, three for the Jacobian and six for each of eight steps.
    assert list(found.evaluations) == [52, 52, 52]


def test_each_step_may_have_a_jacobian_of_its_own(minimize, curved, curved_clips):
    latents, clips = curved_clips
    objective = losses.Objective("synthesized", curved)
    options = {"max_iterations": 16, "stopval": 1e-12, "tol": 0.0}
    shared = minimize(GaussNewton(objective), clips, 0.5 * latents, **options)
    fresh = minimize(GaussNewton(objective, steps=1), clips, 0.5 * latents, **options)
    assert (fresh.objective <= 1e-12).all()
    assert (fresh.iterations < shared.iterations).all()


def test_clips_that_nothing_explains_end_at_the_least_squares(minimize, linear):
    """But for the pull of the prior, which is as strong as a latent of 0.006 of what is unexplained."""
    clips = np.random.default_rng(3).normal(0, 0.3, (2, 40)).astype(np.float32)
    latents = UniformPrior().sample(2, 3, seed=1)
    clips = linear(latents).numpy() + 0.05 * clips
    best, squares = np.linalg.lstsq(linear.sounds.T, clips.T, rcond=None)[:2]
    objective = losses.Objective("synthesized", linear)
    found = minimize(GaussNewton(objective), clips, np.zeros((2, 3), np.float32), max_iterations=80)
    np.testing.assert_allclose(found.latents, best.T, atol=1e-3)
    np.testing.assert_allclose(found.objective, squares / np.sum(clips**2, 1), rtol=1e-3)
    assert (found.status == batch.CONVERGED).all()


@pytest.mark.parametrize("batch_size", [1, 4])
def test_curved_generator_from_far_away_in_any_company(minimize, curved, curved_clips, batch_size):
    latents, clips = curved_clips
    solver = GaussNewton(losses.Objective("synthesized", curved))
    found = minimize(solver, clips, -latents, max_iterations=80, stopval=1e-12, batch_size=batch_size)
    np.testing.assert_allclose(found.latents, latents, atol=1e-5)
    assert (found.iterations <= 24).all()
    together = minimize(solver, clips, -latents, max_iterations=80, stopval=1e-12)
    np.testing.assert_allclose(found.latents, together.latents, atol=1e-5)
    np.testing.assert_array_equal(found.iterations, together.iterations)
    for points in found.trace:
        assert (np.diff([value for _, value in points]) <= 0).all()


def test_a_jacobian_is_corrected_along_a_curved_valley(minimize, rosenbrock):
    """Without corrections the first item takes 96 iterations."""
    objective = losses.Objective({"waveform_mse": 1}, rosenbrock)
    start = np.array([[-1.2, 1], [0, 0], [1.5, -1]], np.float32)
    found = minimize(GaussNewton(objective), np.zeros_like(start), start, max_iterations=200, stopval=1e-10)
    np.testing.assert_allclose(found.latents, 1, atol=1e-3)
    assert (found.iterations <= 32).all()


def test_pretrained_generator_is_recovered_exactly(minimize):
    generator = load_generator()
    latents = UniformPrior().sample(2, generator.latent_dim, seed=5)
    start = latents + np.random.default_rng(1).normal(0, 0.03, latents.shape).astype(np.float32)
    objective = losses.Objective("synthesized", generator)
    found = minimize(
        GaussNewton(objective), generator(latents).numpy(), start, max_iterations=40, stopval=1e-12
    )
    assert (found.status == batch.CONVERGED).all()
    assert np.abs(found.latents - latents).mean(1).max() < 5e-5


def test_one_clip_alone_may_be_heard_by_its_spectrum(minimize):
    """TensorFlow 2.17 crashed on the vectorised spectrum of a single clip."""
    generator = load_generator()
    latents = UniformPrior().sample(1, generator.latent_dim, seed=0)
    objective = losses.Objective("phase_free", generator)
    start = np.zeros_like(latents)
    found = minimize(GaussNewton(objective), generator(latents).numpy(), start, max_iterations=8)
    before = objective.value(tf.constant(start), objective.targets(generator(latents), tf.constant(start)))
    assert found.objective < 0.7 * before.numpy()  # from far away, in eight steps


def test_iterations_run_out_at_the_end_of_a_round(minimize, curved, curved_clips):
    latents, clips = curved_clips
    objective = losses.Objective("synthesized", curved)
    found = minimize(GaussNewton(objective), clips, -latents, max_iterations=3, tol=0, stopval=-1)
    assert (found.status == batch.RAN_OUT).all()
    assert (found.iterations == 8).all()


def test_an_item_with_nan_leaves_the_others_alone(minimize, linear):
    latents = UniformPrior().sample(3, 3, seed=2)
    start = np.zeros_like(latents)
    start[1] = np.nan
    objective = losses.Objective("synthesized", linear)
    found = minimize(GaussNewton(objective), linear(latents).numpy(), start, max_iterations=40, stopval=1e-12)
    assert list(found.status) == [batch.CONVERGED, batch.FAILED, batch.CONVERGED]
    np.testing.assert_allclose(found.latents[[0, 2]], latents[[0, 2]], atol=1e-6)


@pytest.fixture(scope="module")
def deaf(linear):
    """Hears of three latents only the first and the sum of the others."""
    mixing = np.float32([[1, 0, 0], [0, 1, 0], [0, 1, 0]])
    return FunctionGenerator(lambda z: linear(z @ mixing), tf.TensorShape([None, 3]), "deaf")


def test_latents_that_make_no_difference_go_to_the_mean_of_the_prior(minimize, deaf):
    latents = UniformPrior().sample(2, 3, seed=2)
    start = np.array([[0, 0.5, -0.5], [0.1, -0.9, 0.6]], np.float32)
    objective = losses.Objective("synthesized", deaf)
    found = minimize(GaussNewton(objective), deaf(latents).numpy(), start, max_iterations=16, stopval=-1)
    assert (found.objective < 1e-9).all()
    np.testing.assert_allclose(found.latents[:, 0], latents[:, 0], atol=1e-4)
    half = latents[:, 1:].mean(1)
    # Nothing pulls any more once the residual is 0: of the difference of 1.5 at the start 5% may stay.
    np.testing.assert_allclose(found.latents[:, 1:], np.stack([half, half], 1), atol=0.05)


def test_a_singular_hessian_at_the_answer_does_no_harm(minimize, deaf):
    latents = UniformPrior().sample(2, 3, seed=2)
    objective = losses.Objective("synthesized", deaf)
    found = minimize(GaussNewton(objective), deaf(latents).numpy(), latents, max_iterations=8, stopval=-1)
    assert (found.objective < 1e-9).all()
    np.testing.assert_allclose(deaf(found.latents), deaf(latents), atol=1e-5)


def test_of_a_noisy_clip_the_most_probable_latents_are_found(minimize):
    random = np.random.default_rng(0)
    sounds = random.normal(0, 0.3, (3, 2000)).astype(np.float32)
    sounds[2] *= 0.01  # which the noise nearly drowns
    generator = FunctionGenerator(lambda z: tf.matmul(z, sounds), tf.TensorShape([None, 3]), "linear")
    latents = UniformPrior().sample(4, 3, seed=2)
    clips = generator(latents).numpy() + random.normal(0, 0.1, (4, 2000)).astype(np.float32)
    objective = losses.Objective("synthesized", generator)
    found = minimize(GaussNewton(objective), clips, np.zeros_like(latents), max_iterations=40)
    assert (found.status == batch.CONVERGED).all()
    noise = np.mean((clips - generator(found.latents)) ** 2, axis=1)
    for clip, z, variance in zip(clips, found.latents, noise):
        expected = np.linalg.solve(sounds @ sounds.T + 3 * variance * np.eye(3), sounds @ clip)
        # Nearer, float32 does not tell the residuals' energies apart; without the prior it is 0.4 off.
        np.testing.assert_allclose(z, expected, atol=0.1)


@pytest.mark.parametrize("name", ["paper", "authors", "real", {"waveform": 1.0, "waveform_mae": 1.0}])
def test_refuses_what_is_no_sum_of_squares(linear, name):
    objective = losses.Objective(name, linear, classifier=Classifier(width=2))
    with pytest.raises(errors.InvalidArgumentError, match="objective: Gauss-Newton needs squared loss terms"):
        GaussNewton(objective)


def test_error_bars_of_a_linear_generator(linear):
    latents = UniformPrior().sample(10, 3, seed=0)  # more than fit into one batch of Jacobians
    clips = linear(latents).numpy() + np.random.default_rng(0).normal(0, 0.1, (10, 40)).astype(np.float32)
    std = standard_deviation(linear, clips, latents)
    assert (std.shape, std.dtype) == ((10, 3), np.float32)
    sounds = linear.sounds.astype(np.float64)
    for clip, z, found in zip(clips, latents, std):
        noise = np.mean((clip - z @ sounds) ** 2)
        covariance = np.linalg.inv(sounds @ sounds.T / noise + 3 * np.eye(3))
        np.testing.assert_allclose(found, np.sqrt(np.diag(covariance)), rtol=1e-4)


def test_error_bars_are_as_long_as_errors(minimize, curved):
    """Noise at -20 dB on 100 clips: errors divided by error bars have a root mean square near 1."""
    latents = UniformPrior().sample(100, 4, seed=4)
    clips = curved(latents).numpy()
    noise = np.random.default_rng(5).normal(size=clips.shape).astype(np.float32)
    clips += 0.1 * np.sqrt(np.mean(clips**2, 1, keepdims=True)) * noise
    objective = losses.Objective("synthesized", curved)
    start = np.zeros_like(latents)
    found = minimize(GaussNewton(objective), clips, start, max_iterations=40).latents
    std = standard_deviation(curved, clips, found)
    ratio = (found - latents) / std
    assert 0.9 < np.sqrt(np.mean(ratio**2)) < 1.15
    assert 0.9 < np.mean(np.abs(ratio) < 2) < 0.99
    assert std.max() > 3 * std.min()  # so that this says something of each component


def test_error_bars_of_what_is_not_heard_are_those_of_the_prior(deaf):
    latents = UniformPrior().sample(2, 3, seed=2)
    std = standard_deviation(deaf, deaf(latents).numpy(), latents)
    assert (std[:, 0] < 1e-5).all()
    # Of two latents whose sum is known either may be off by the spread of their difference.
    np.testing.assert_allclose(std[:, 1:], np.sqrt(1 / 6), rtol=0.2)
