"""The wrapping of SciPy's L-BFGS-B."""

import numpy as np

from tf_inversion import losses
from tf_inversion.inversion import batch
from tf_inversion.inversion.solvers.scipy_lbfgs import SciPyLBFGS


def test_follows_a_curved_valley_to_its_end(minimize, rosenbrock):
    objective = losses.Objective({"waveform_mse": 1}, rosenbrock)
    start = np.array([[-1.2, 1], [0, 0]], np.float32)
    found = minimize(SciPyLBFGS(objective), np.zeros_like(start), start, max_iterations=200, stopval=1e-10)
    np.testing.assert_allclose(found.latents, 1, atol=1e-3)
    assert found.latents.dtype == found.objective.dtype == np.float32
    assert (found.status == batch.CONVERGED).all()
    for points, iterations, value in zip(found.trace, found.iterations, found.objective):
        assert points == [(iterations, value)]


def test_iterations_run_out(minimize, rosenbrock):
    objective = losses.Objective({"waveform_mse": 1}, rosenbrock)
    start = np.array([[-1.2, 1]], np.float32)
    found = minimize(SciPyLBFGS(objective), np.zeros_like(start), start, max_iterations=3)
    assert found.status == batch.RAN_OUT
    assert found.iterations == 3


def test_the_tolerance_is_of_what_an_iteration_gains(minimize, linear):
    clips = np.random.default_rng(3).normal(size=(1, 40)).astype(np.float32)
    objective = losses.Objective({"waveform_mse": 1}, linear)
    loose, strict = (
        minimize(SciPyLBFGS(objective), clips, np.zeros((1, 3), np.float32), max_iterations=50, tol=tol)
        for tol in (0.5, 1e-9)
    )
    assert loose.status == strict.status == batch.CONVERGED
    assert loose.iterations < strict.iterations


def test_a_search_that_finds_no_way_down_has_failed(minimize, cliff):
    objective = losses.Objective({"waveform_mse": 1}, cliff)
    clip, start = np.array([[-1]], np.float32), np.array([[0]], np.float32)
    found = minimize(SciPyLBFGS(objective), clip, start, max_iterations=50)
    assert found.status == batch.FAILED
    assert found.latents == 0
