"""Batched L-BFGS where the answer is known."""

import numpy as np
import pytest

from tf_inversion import losses
from tf_inversion.inversion import batch
from tf_inversion.inversion.solvers.lbfgs import LBFGS
from tf_inversion.inversion.solvers.scipy_lbfgs import SciPyLBFGS


def test_follows_a_curved_valley_to_its_end(minimize, rosenbrock):
    objective = losses.Objective({"waveform_mse": 1}, rosenbrock)
    start = np.array([[-1.2, 1], [0, 0], [1.5, -1]], np.float32)
    found = minimize(LBFGS(objective), np.zeros_like(start), start, max_iterations=200, stopval=1e-10)
    np.testing.assert_allclose(found.latents, 1, atol=1e-3)
    assert (found.status == batch.CONVERGED).all()
    assert (found.objective <= 1e-10).all()
    assert (found.iterations < 60).all()
    assert (found.evaluations > found.iterations).all()


def test_finds_the_least_squares_of_noisy_clips(minimize, linear):
    clips = np.random.default_rng(3).normal(size=(2, 40)).astype(np.float32)
    best, squares = np.linalg.lstsq(linear.sounds.T, clips.T, rcond=None)[:2]
    objective = losses.Objective("synthesized", linear)
    found = minimize(LBFGS(objective), clips, np.zeros((2, 3), np.float32), max_iterations=50)
    np.testing.assert_allclose(found.latents, best.T, atol=2e-3)
    np.testing.assert_allclose(found.objective, squares / np.sum(clips**2, 1), rtol=1e-5)
    assert (found.status == batch.CONVERGED).all()


def test_gets_as_low_as_scipy_in_as_many_iterations(minimize, rosenbrock):
    objective = losses.Objective({"waveform_mse": 1}, rosenbrock)
    start = np.random.default_rng(2).uniform(-1, 1, (8, 2)).astype(np.float32)
    options = {"max_iterations": 500, "stopval": 1e-6}
    ours, theirs = (
        minimize(solver(objective), np.zeros_like(start), start, **options) for solver in (LBFGS, SciPyLBFGS)
    )
    assert (ours.objective <= 1e-6).all()
    assert np.mean(ours.iterations) < 1.5 * np.mean(theirs.iterations)


def test_no_step_goes_up(minimize, curved, curved_clips):
    objective = losses.Objective("synthesized", curved)
    start = np.zeros((6, 4), np.float32)
    found = minimize(LBFGS(objective), curved_clips[1], start, max_iterations=30, tol=0, batch_size=2)
    for points in found.trace:
        values = [1.0, *(value for _, value in points)]  # silence has all the clip's energy to explain
        assert (np.diff(values) <= 0).all()
    np.testing.assert_allclose([points[-1][1] for points in found.trace], found.objective)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_an_item_does_not_depend_on_its_company(minimize, curved, curved_clips, batch_size):
    objective = losses.Objective("synthesized", curved)
    start, options = np.zeros((6, 4), np.float32), {"max_iterations": 100, "stopval": 1e-9}
    together = minimize(LBFGS(objective), curved_clips[1], start, **options)
    apart = minimize(LBFGS(objective), curved_clips[1], start, **options, batch_size=batch_size)
    np.testing.assert_allclose(apart.latents, together.latents, atol=1e-3)
    np.testing.assert_allclose(apart.latents, curved_clips[0], atol=1e-3)
    assert (np.abs(apart.iterations - together.iterations) <= 2).all()


def test_iterations_run_out(minimize, rosenbrock):
    objective = losses.Objective({"waveform_mse": 1}, rosenbrock)
    start = np.array([[-1.2, 1], [1, 1]], np.float32)
    found = minimize(LBFGS(objective), np.zeros_like(start), start, max_iterations=4)
    assert list(found.status) == [batch.RAN_OUT, batch.CONVERGED]  # the second starts at the answer
    assert found.iterations[0] == 4


def test_tolerance_ends_the_search(minimize, rosenbrock):
    objective = losses.Objective({"waveform_mse": 1}, rosenbrock)
    start = np.array([[-1.2, 1]], np.float32)
    loose, strict = (
        minimize(LBFGS(objective), np.zeros_like(start), start, max_iterations=200, tol=tol)
        for tol in (0.9, 0)
    )
    assert loose.status == batch.CONVERGED
    assert loose.iterations < strict.iterations
    assert loose.objective > strict.objective


def test_a_step_to_where_the_generator_is_not_a_number_is_shortened(minimize, cliff):
    objective = losses.Objective({"waveform_mse": 1}, cliff)
    clip, start = np.array([[0.2]], np.float32), np.array([[0.3]], np.float32)  # the first step is of 0.5
    found = minimize(LBFGS(objective), clip, start, max_iterations=50, stopval=1e-10)
    np.testing.assert_allclose(found.latents, 0.2, atol=1e-4)


def test_a_search_that_finds_no_way_down_has_failed(minimize, cliff):
    objective = losses.Objective({"waveform_mse": 1}, cliff)
    clip, start = np.array([[-1]], np.float32), np.array([[0]], np.float32)
    found = minimize(LBFGS(objective), clip, start, max_iterations=50)
    assert found.status == batch.FAILED
    assert found.latents == 0


def test_an_item_with_nan_leaves_the_others_alone(minimize, linear):
    objective = losses.Objective("synthesized", linear)
    latents = np.random.default_rng(4).uniform(-1, 1, (3, 3)).astype(np.float32)
    start = np.zeros_like(latents)
    start[1] = np.nan
    found = minimize(LBFGS(objective), linear(latents).numpy(), start, max_iterations=50, stopval=1e-9)
    assert list(found.status) == [batch.CONVERGED, batch.FAILED, batch.CONVERGED]
    np.testing.assert_allclose(found.latents[[0, 2]], latents[[0, 2]], atol=1e-3)
