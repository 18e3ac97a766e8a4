"""The paper's own optimiser, to compare with: SciPy's L-BFGS-B without bounds, one clip at a time."""

from __future__ import annotations

import time

import numpy as np
import scipy.optimize
import tensorflow as tf

from tf_inversion.inversion import lbfgs, objectives


def minimize(
    objective: objectives.Objective,
    clips: np.ndarray,
    start: np.ndarray,
    *,
    max_iterations: int,
    tolerance: float = 1e-8,
    goal: float = 0.0,
) -> lbfgs.Outcome:
    """Minimises the objective for n clips; arguments as in `lbfgs.minimize`.

    The tolerance is SciPy's: of the objective's relative decrease and of the gradient.
    """
    compiled = tf.function(objective.value_and_gradient, reduce_retracing=True)
    results = [
        _minimize_one(objective, compiled, *pair, max_iterations, tolerance, goal)
        for pair in zip(clips, start)
    ]
    return lbfgs.Outcome(*(np.stack(column) for column in list(zip(*results))[:-1]), [r[-1] for r in results])


def _minimize_one(objective, compiled, clip, start, max_iterations, tolerance, goal):
    began, trace = time.perf_counter(), []
    targets = objective.targets(tf.constant(clip[None]), tf.constant(start[None]))

    def function(z):
        value, gradient = compiled(tf.constant(z[None], tf.float32), targets)
        return float(value[0]), gradient.numpy()[0].astype(np.float64)

    def look(intermediate_result):
        trace.append((len(trace) + 1, float(intermediate_result.fun)))
        if intermediate_result.fun <= goal:
            raise StopIteration

    options = {"maxiter": max_iterations, "maxfun": 20 * max_iterations, "ftol": tolerance, "gtol": tolerance}
    found = scipy.optimize.minimize(
        function, start, jac=True, method="L-BFGS-B", callback=look, options=options
    )
    status = {0: lbfgs.CONVERGED, 1: lbfgs.RAN_OUT}.get(found.status, lbfgs.FAILED)
    if found.fun <= goal:
        status = lbfgs.CONVERGED
    row = found.x.astype(np.float32), np.float32(found.fun), found.nit, found.nfev, status
    return *row, np.float32(time.perf_counter() - began), trace
