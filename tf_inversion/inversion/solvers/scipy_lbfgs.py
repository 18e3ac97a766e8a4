"""SciPy's L-BFGS-B, the paper's own optimiser, to compare with."""

from __future__ import annotations

import functools

import numpy as np
import scipy.optimize
import tensorflow as tf

from tf_inversion.inversion import batch
from tf_inversion.inversion.compiled import for_any_number
from tf_inversion.inversion.solvers.base import Solver, State


class SciPyLBFGS(Solver):
    """L-BFGS-B without bounds, one clip at a time and in one round.

    The tolerance is SciPy's: of the objective's relative decrease and of the gradient.
    """

    tol = 1e-8
    max_batch_size = 1

    @functools.cached_property
    def compiled(self):
        self._value_and_gradient = for_any_number(self.objective.value_and_gradient)
        return self.init, self.update

    def init(self, z, targets) -> State:
        none = tf.zeros([1], tf.int32)
        return State(z, tf.zeros([1]), none, none, none)

    def update(self, state: State, targets, options) -> State:
        maxiter = int(options.maxiter - state.iterations[0])
        tol, stopval = float(options.tol), float(options.stopval)

        def function(z):
            value, gradient = self._value_and_gradient(tf.constant(z[None], tf.float32), targets)
            return float(value[0]), gradient.numpy()[0].astype(np.float64)

        def stop(intermediate_result):
            if intermediate_result.fun <= stopval:
                raise StopIteration

        limits = {"maxiter": maxiter, "maxfun": 20 * maxiter, "ftol": tol, "gtol": tol}
        found = scipy.optimize.minimize(
            function, state.z[0].numpy(), jac=True, method="L-BFGS-B", callback=stop, options=limits
        )
        status = {0: batch.CONVERGED, 1: batch.RAN_OUT}.get(found.status, batch.FAILED)
        if found.fun <= stopval:
            status = batch.CONVERGED
        nit, nfev = (
            int(x[0]) + y for x, y in ((state.iterations, found.nit), (state.evaluations, found.nfev))
        )
        z, value = (tf.constant([x], tf.float32) for x in (found.x, found.fun))
        return State(z, value, *(tf.constant([x]) for x in (nit, nfev, status)))
