"""TensorFlow Probability's L-BFGS in rounds, where the answer is known."""

import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import losses
from tf_inversion.inversion import batch
from tf_inversion.inversion.solvers.tfp_lbfgs import TFPLBFGS


@pytest.fixture(scope="module")
def objective(rosenbrock):
    return losses.Objective({"waveform_mse": 1}, rosenbrock)


@pytest.fixture(scope="module")
def solver(objective):
    """One for all tests, so that it compiles once for two items and once for one."""
    return TFPLBFGS(objective)


@pytest.fixture(scope="module")
def search(minimize, solver):
    def run(start, max_iterations, **options):
        start = np.array(start, np.float32)
        return minimize(solver, np.zeros_like(start), start, max_iterations, **options)

    return run


def tensors(options):
    return batch.Options(*map(tf.constant, options))


def test_follows_a_curved_valley_to_its_end(search):
    found = search([[-1.2, 1], [0, 0], [1.5, -1]], max_iterations=200, stopval=1e-10, batch_size=2)
    np.testing.assert_allclose(found.latents, 1, atol=1e-3)
    assert (found.status == batch.CONVERGED).all()
    assert (found.iterations < 80).all()
    assert all((np.diff([value for _, value in points]) <= 0).all() for points in found.trace)


def test_iterations_run_out(search):
    found = search([[-1.2, 1], [1, 1]], max_iterations=4)
    assert list(found.status) == [batch.RAN_OUT, batch.CONVERGED]  # the second starts at the answer
    assert found.iterations[0] == 4
    np.testing.assert_array_equal(found.latents[1], [1, 1])


def test_the_history_goes_on_between_rounds(objective, solver):
    """Rounds of three iterations; without history these were steps down the slope, and got nowhere near."""
    start = tf.constant([[-1.2, 1.0]])
    targets = objective.targets(tf.zeros([1, 2]), start)
    init, update = solver.compiled
    state = init(start, targets)
    while state.status == batch.RUNNING and state.iterations < 60:
        options = tensors(solver.options(int(state.iterations[0]) + 3, tol=0.0, stopval=1e-9))
        state = update(state, targets, options)
        state = state._replace(status=tf.where(state.status == batch.RAN_OUT, batch.RUNNING, state.status))
    assert state.status == batch.CONVERGED


def test_an_item_whose_search_failed_is_restarted(objective, solver):
    start = tf.constant([[-0.5, 0.5], [0.5, -0.5]])
    targets = objective.targets(tf.zeros([2, 2]), start)
    init, update = solver.compiled
    state = init(start, targets)
    # A history of which the curvature is negative leads the second item uphill.
    uphill = state._replace(changes=state.changes * [[[1.0]], [[-1.0]]])
    options = tensors(solver.options(200, tol=0.0, stopval=1e-9))
    failed = update(uphill, targets, options)
    assert failed.resets.numpy().tolist() == [0, 1]
    assert failed.status[1] == batch.RUNNING
    np.testing.assert_array_equal(failed.z[1], start[1])
    np.testing.assert_array_equal(failed.changes[1], state.changes[1])
    after = update(failed, targets, options)
    assert after.resets.numpy().tolist() == [0, 0]
    assert after.value[1] < state.value[1]


def test_a_search_that_finds_no_way_down_has_failed(search):
    """At the answer the gradient is 0, and no stopval says that less can't be had."""
    found = search([[1, 1]], max_iterations=50, stopval=-1)
    assert found.status == batch.FAILED
    assert len(found.trace[0]) == 4  # it was tried again three times
    np.testing.assert_array_equal(found.latents, [[1, 1]])


def test_an_item_with_nan_leaves_the_others_alone(search):
    found = search([[-1.2, 1], [np.nan, 0], [0, 0]], max_iterations=200, stopval=1e-10)
    assert list(found.status) == [batch.CONVERGED, batch.FAILED, batch.CONVERGED]
    np.testing.assert_allclose(found.latents[[0, 2]], 1, atol=1e-3)
