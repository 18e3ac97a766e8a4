"""SciPy's L-BFGS-B, the paper's own optimiser, to compare with."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.optimize
import tensorflow as tf

from tf_inversion.inversion import batch
from tf_inversion.inversion.solvers.base import Solver


class State(NamedTuple):
    """What `on_round` is told of all n clips after each."""

    z: np.ndarray
    value: np.ndarray
    iterations: np.ndarray
    evaluations: np.ndarray
    status: np.ndarray


class SciPyLBFGS(Solver):
    """L-BFGS-B without bounds, one clip at a time.

    The tolerance is SciPy's: of the objective's relative decrease and of the gradient.
    """

    tol = 1e-8
    init = update = None  # SciPy runs the whole search

    @functools.cached_property
    def _value_and_gradient(self) -> Callable:
        return tf.function(self.objective.value_and_gradient, reduce_retracing=True)

    def run(self, audio, start, options, batch_size=1, on_round=None) -> batch.Outcome:
        n = len(start)
        state = State(np.array(start), *(np.zeros(n, kind) for kind in ("f", "i", "i", "i")))
        seconds, traces = np.zeros(n, np.float32), []
        for i in range(n):
            began = time.perf_counter()
            found, trace = self._minimize(audio[i], start[i], options)
            for array, value in zip(state, found):
                array[i] = value
            seconds[i] = time.perf_counter() - began
            traces.append(trace)
            if on_round:
                on_round(np.array([i]), state)
        return batch.Outcome(
            state.z, state.value, self.error_db(state.value), *state[2:], seconds=seconds, trace=traces
        )

    def _minimize(self, clip, start, options: batch.Options) -> tuple[tuple, list]:
        trace = []
        targets = self.objective.targets(tf.constant(clip[None]), tf.constant(start[None]))

        def function(z):
            value, gradient = self._value_and_gradient(tf.constant(z[None], tf.float32), targets)
            return float(value[0]), gradient.numpy()[0].astype(np.float64)

        def look(intermediate_result):
            trace.append((len(trace) + 1, float(intermediate_result.fun)))
            if intermediate_result.fun <= options.goal:
                raise StopIteration

        theirs = {"maxiter": options.maxiter, "maxfun": 20 * options.maxiter}
        theirs |= {"ftol": options.tol, "gtol": options.tol}
        found = scipy.optimize.minimize(
            function, start, jac=True, method="L-BFGS-B", callback=look, options=theirs
        )
        status = {0: batch.CONVERGED, 1: batch.RAN_OUT}.get(found.status, batch.FAILED)
        if found.fun <= options.goal:
            status = batch.CONVERGED
        return (found.x, found.fun, found.nit, found.nfev, status), trace
