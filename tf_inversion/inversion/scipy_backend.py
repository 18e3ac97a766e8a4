"""The paper's own optimiser, to compare with: SciPy's L-BFGS-B without bounds, one clip at a time."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import numpy as np
import scipy.optimize
import tensorflow as tf

from tf_inversion.inversion import rounds
from tf_inversion.losses import Objective


def minimize(
    objective: Objective,
    clips: np.ndarray,
    start: np.ndarray,
    *,
    max_iterations: int,
    tolerance: float = 1e-8,
    goal: float = 0.0,
    finished: Callable[[np.ndarray], object] | None = None,
) -> rounds.Outcome:
    """Minimises the objective for n clips; arguments as in `lbfgs.minimize`.

    The tolerance is SciPy's: of the objective's relative decrease and of the gradient.
    """
    compiled = _compiled(objective)
    results = []
    for pair in zip(clips, start):
        results.append(_minimize_one(objective, compiled, *pair, max_iterations, tolerance, goal))
        if finished:
            finished(np.stack([results[-1][1]]))
    *arrays, traces = zip(*results)
    return rounds.Outcome(*map(np.stack, arrays), list(traces))


@functools.lru_cache(maxsize=8)
def _compiled(objective: Objective) -> Callable:
    return tf.function(objective.value_and_gradient, reduce_retracing=True)


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
    status = {0: rounds.CONVERGED, 1: rounds.RAN_OUT}.get(found.status, rounds.FAILED)
    if found.fun <= goal:
        status = rounds.CONVERGED
    row = found.x.astype(np.float32), np.float32(found.fun), found.nit, found.nfev, status
    return *row, np.float32(time.perf_counter() - began), trace
