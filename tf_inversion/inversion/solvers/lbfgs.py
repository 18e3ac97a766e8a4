"""L-BFGS on a whole batch of problems at once (Liu and Nocedal 1989; the paper's section 4.2)."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tf_inversion.inversion import batch
from tf_inversion.inversion.solvers.base import Solver

_HISTORY = 10  # pairs of steps and gradient differences
_MAX_STEP = 3.0  # of a latent vector whose own length is about 6
_MAX_BACKTRACKS = 12
_PATIENCE = 5  # iterations with less than the tolerance gained, until an item counts as converged
_ROUND_LENGTH = 50  # evaluations between looks at who is done
_DONE_SHARE = 0.1  # a round ends when so many of its items are done


class State(NamedTuple):
    """Items in the middle of their work, the batch first in every tensor."""

    z: tf.Tensor
    value: tf.Tensor
    gradient: tf.Tensor
    steps: tf.Tensor  # [b, _HISTORY, d], the latest first
    changes: tf.Tensor  # of the gradient, likewise
    length: tf.Tensor  # of the step to try, 1 being the whole direction
    backtracks: tf.Tensor  # that it has been shortened by
    stalls: tf.Tensor  # successive iterations that gained next to nothing
    iterations: tf.Tensor
    evaluations: tf.Tensor
    status: tf.Tensor


class LBFGS(Solver):
    """L-BFGS in which no item waits for another's line search.

    Each item takes steps of its own length, and one evaluation of the batch serves all, some to accept a
    step, some to shorten one. Line searches in step are where a batched optimiser usually spends its time
    (benchmarks/optimisation.py compares it with TensorFlow Probability's).

    An item has converged when five successive steps gained less than the share `tol` of its objective, or
    when none, however short, gains any more; it has failed if not even the first did. Iterations are
    accepted steps.
    """

    def init(self, z, targets) -> State:
        value, gradient = self.objective.value_and_gradient(z, targets)
        counts = tf.zeros_like(value, tf.int32)
        pairs = tf.zeros([tf.shape(z)[0], _HISTORY, z.shape[1]])
        ones = tf.ones_like(value)
        return State(z, value, gradient, pairs, pairs, ones, counts, counts, counts, counts + 1, counts)

    def update(self, state: State, targets, options) -> State:
        allowed = _DONE_SHARE * tf.cast(tf.shape(state.z)[0], tf.float32)

        def unfinished(evaluation, state):
            done = tf.reduce_sum(tf.cast(state.status != batch.RUNNING, tf.float32))
            return (evaluation < _ROUND_LENGTH) & (done <= allowed)

        def body(evaluation, state):
            return evaluation + 1, self._evaluate(state, targets, options)

        return tf.while_loop(unfinished, body, (0, state))[1]

    def solve(self, audio: tf.Tensor, start: tf.Tensor, maxiter: tf.Tensor) -> tf.Tensor:
        """`run` as operations of one graph, for a model that runs without this package.

        Args:
          audio: float32 [b, num_samples].
          start: float32 [b, latent_dim].
          maxiter: int32 [b], each item's.

        Returns:
          latents float32 [b, latent_dim].
        """
        targets = self.objective.targets(audio, start)
        options = batch.Options(maxiter, *(tf.constant(x, tf.float32) for x in (self.tol, 0.0)))
        (state,) = tf.while_loop(
            lambda state: tf.reduce_any(state.status == batch.RUNNING),
            lambda state: (self._evaluate(state, targets, options),),
            (self.init(start, targets),),
        )
        return state.z

    def _evaluate(self, state: State, targets, options) -> State:
        """Tries each item's next step: takes it, or shortens it, or finds that the item is done."""
        running = state.status == batch.RUNNING
        direction = _direction(state)
        slope = _dot(state.gradient, direction)
        z = state.z + state.length[:, None] * direction
        value, gradient = self.objective.value_and_gradient(z, targets)
        # Armijo's condition: the step gains at least a little of what the slope promised. NaN does not.
        taken = running & (value <= state.value + 1e-4 * state.length * slope)
        shortened = running & ~taken

        step, change = z - state.z, gradient - state.gradient
        curved = taken & (_dot(step, change) > 1e-6 * tf.norm(step, axis=1) * tf.norm(change, axis=1))
        steps = _push(state.steps, step, curved)
        changes = _push(state.changes, change, curved)

        # A search that got nowhere forgets the history and goes down the slope; then it gives up.
        stuck = shortened & (state.backtracks >= _MAX_BACKTRACKS)
        fresh = tf.reduce_all(state.steps[:, 0] == 0, 1)
        forget = tf.cast(~stuck, z.dtype)[:, None, None]
        # The minimum of the parabola through both values and the slope.
        best = -0.5 * slope * state.length**2 / (value - state.value - slope * state.length)
        shorter = tf.where(tf.math.is_finite(best), best, 0.0)
        shorter = tf.clip_by_value(shorter, 0.1 * state.length, 0.5 * state.length)

        stalled = taken & (state.value - value <= options.tol * tf.abs(state.value))
        stalls = tf.where(taken, tf.where(stalled, state.stalls + 1, 0), state.stalls)
        iterations = state.iterations + tf.cast(taken, tf.int32)
        value = tf.where(taken, value, state.value)
        status = tf.where(running & (iterations >= options.maxiter), batch.RAN_OUT, state.status)
        at_the_end = tf.where(iterations > 0, batch.CONVERGED, batch.FAILED)
        status = tf.where(stuck & fresh, at_the_end, status)
        status = tf.where(
            running & ((value <= options.stopval) | (stalls >= _PATIENCE)), batch.CONVERGED, status
        )
        return State(
            z=tf.where(taken[:, None], z, state.z),
            value=value,
            gradient=tf.where(taken[:, None], gradient, state.gradient),
            steps=steps * forget,
            changes=changes * forget,
            length=tf.where(shortened & ~stuck, shorter, 1.0),
            backtracks=tf.where(shortened & ~stuck, state.backtracks + 1, 0),
            stalls=stalls,
            iterations=iterations,
            evaluations=state.evaluations + tf.cast(running, tf.int32),
            status=status,
        )


def _direction(state: State) -> tf.Tensor:
    """Returns minus the inverse Hessian times the gradient, by the two-loop recursion, of limited length."""
    curvature = [_dot(state.steps[:, i], state.changes[:, i]) for i in range(_HISTORY)]
    weight = [tf.math.divide_no_nan(1.0, c)[:, None] for c in curvature]
    q, projections = state.gradient, []
    for i in range(_HISTORY):
        projections.append(weight[i] * _dot(state.steps[:, i], q)[:, None])
        q -= projections[i] * state.changes[:, i]
    change = _dot(state.changes[:, 0], state.changes[:, 0])
    first = tf.math.divide_no_nan(0.5, tf.norm(state.gradient, axis=1))
    q *= tf.where(change > 0, tf.math.divide_no_nan(curvature[0], change), first)[:, None]
    for i in reversed(range(_HISTORY)):
        q += (projections[i] - weight[i] * _dot(state.changes[:, i], q)[:, None]) * state.steps[:, i]
    return -tf.clip_by_norm(q, _MAX_STEP, axes=[1])


def _push(history: tf.Tensor, latest: tf.Tensor, where: tf.Tensor) -> tf.Tensor:
    return tf.where(where[:, None, None], tf.concat([latest[:, None], history[:, :-1]], 1), history)


def _dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(a * b, 1)
