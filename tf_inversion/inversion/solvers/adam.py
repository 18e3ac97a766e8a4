"""Adam with stochastic clipping (Lipton and Tripathi 2017, cited in the paper's section 2)."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tf_inversion.inversion import batch
from tf_inversion.inversion.solvers.base import Solver

LEARNING_RATE = 0.02
_ROUND_LENGTH = 100  # iterations between looks at who is done


class State(NamedTuple):
    z: tf.Tensor  # the best so far
    value: tf.Tensor  # its objective
    current: tf.Tensor
    first: tf.Tensor  # moving averages of the gradient and its square
    second: tf.Tensor
    iterations: tf.Tensor
    evaluations: tf.Tensor
    status: tf.Tensor


class Adam(Solver):
    """Adam; components of the latents that leave the prior's range are drawn anew.

    An item has converged when a round of a hundred iterations has lowered the best objective so far by
    less than the share `tol`. The best latents seen are returned.
    """

    def init(self, z, targets) -> State:
        z, zeros = self.objective.generator.prior.project(z), tf.zeros_like(z)
        counts = tf.zeros(tf.shape(z)[:1], tf.int32)
        return State(z, self.objective.value(z, targets), z, zeros, zeros, counts, counts + 1, counts)

    def update(self, state: State, targets, options) -> State:
        iterations = tf.minimum(_ROUND_LENGTH, options.maxiter - tf.reduce_max(state.iterations))
        before = state.value
        _, state = tf.while_loop(
            lambda count, _: count < iterations,
            lambda count, state: (count + 1, self._step(state, targets, options.seed)),
            (0, state),
        )
        status = tf.where(state.iterations >= options.maxiter, batch.RAN_OUT, state.status)
        stalled = (before - state.value <= options.tol * before) & (iterations == _ROUND_LENGTH)
        converged = (state.value <= options.stopval) | stalled
        return state._replace(status=tf.where(converged, batch.CONVERGED, status))

    def _step(self, state: State, targets, seed) -> State:
        prior = self.objective.generator.prior
        value, gradient = self.objective.value_and_gradient(state.current, targets)
        better = value < state.value
        first, second = 0.9 * state.first + 0.1 * gradient, 0.999 * state.second + 0.001 * gradient**2
        t = tf.cast(state.iterations + 1, tf.float32)[:, None]
        rate = LEARNING_RATE * tf.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        moved = state.current - rate * first / (tf.sqrt(second) + 1e-8)
        drawn = prior.draw(tf.shape(moved), [seed, tf.reduce_max(state.iterations)])
        return State(
            z=tf.where(better[:, None], state.current, state.z),
            value=tf.where(better, value, state.value),
            current=tf.where(tf.abs(prior.excess(moved)) > 0, drawn, moved),
            first=first,
            second=second,
            iterations=state.iterations + 1,
            evaluations=state.evaluations + 1,
            status=state.status,
        )
