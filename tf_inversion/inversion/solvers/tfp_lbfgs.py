"""L-BFGS of TensorFlow Probability, run in rounds."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tf_inversion.inversion import batch
from tf_inversion.inversion.solvers.base import Solver

_HISTORY = 10
_ROUND_LENGTH = 20  # iterations between looks at who is done
_MAX_RESETS = 3  # in succession, without a gain between them
_DONE_SHARE = 0.1  # a round ends when so many of its items are done
_FIRST_STEP = 0.5  # length of the step that an item without history tries first


class State(NamedTuple):
    """Items between two rounds; histories are [b, _HISTORY, latent_dim], the latest last."""

    z: tf.Tensor
    value: tf.Tensor
    gradient: tf.Tensor
    steps: tf.Tensor
    changes: tf.Tensor
    resets: tf.Tensor
    iterations: tf.Tensor
    evaluations: tf.Tensor
    status: tf.Tensor


class TFPLBFGS(Solver):
    """`tfp.optimizer.lbfgs_minimize`, between whose rounds the items that are done leave.

    It searches each line until every item of the batch has found its step (Hager and Zhang), so items
    wait for one another, and `evaluations` counts the whole batch's searches. An item whose search
    failed forgets its history and goes on from where it is. The tolerance is of one step.
    """

    def init(self, z, targets) -> State:
        value, gradient = self.objective.value_and_gradient(z, targets)
        counts = tf.zeros_like(value, tf.int32)
        return State(z, value, gradient, *_first_pair(gradient), counts, counts, counts + 1, counts)

    def update(self, state: State, targets, options) -> State:
        from tensorflow_probability.python.optimizer import lbfgs  # takes seconds to import

        undone = tf.zeros_like(state.value, tf.bool)
        iterations = tf.minimum(_ROUND_LENGTH, options.maxiter - tf.reduce_max(state.iterations))
        found = lbfgs.minimize(
            lambda z: self.objective.value_and_gradient(z, targets),
            initial_position=None,
            previous_optimizer_results=lbfgs.LBfgsOptimizerResults(
                converged=undone,
                failed=undone,
                num_iterations=tf.constant(_HISTORY),  # counted from here, so that the history is used
                num_objective_evaluations=tf.constant(0),
                position=state.z,
                objective_value=state.value,
                objective_gradient=state.gradient,
                position_deltas=tf.transpose(state.steps, [1, 0, 2]),
                gradient_deltas=tf.transpose(state.changes, [1, 0, 2]),
            ),
            tolerance=0.0,
            f_relative_tolerance=options.tol,
            max_iterations=_HISTORY + iterations,
            stopping_condition=lambda converged, failed: (
                tf.reduce_mean(tf.cast(converged | failed, tf.float32)) > _DONE_SHARE
            ),
        )
        # A search along NaN, which is what there is where the gradient is zero, was none.
        sound = tf.reduce_all(tf.math.is_finite(found.position), 1)
        value = tf.where(sound, found.objective_value, state.value)
        gradient = tf.where(sound[:, None], found.objective_gradient, state.gradient)
        resets = tf.where(found.failed, tf.where(value < state.value, 1, state.resets + 1), 0)
        # A search that failed leaves no history to go on with, nor does one that another's NaN cut short.
        unusable = found.failed | tf.reduce_all(found.gradient_deltas[-1] == 0, 1)
        fresh_steps, fresh_changes = _first_pair(gradient)
        unusable = unusable[:, None, None]
        iterations = state.iterations + found.num_iterations - _HISTORY
        status = tf.where(iterations >= options.maxiter, batch.RAN_OUT, state.status)
        status = tf.where(resets > _MAX_RESETS, batch.FAILED, status)
        done = found.converged | (value <= options.stopval)
        return State(
            z=tf.where(sound[:, None], found.position, state.z),
            value=value,
            gradient=gradient,
            steps=tf.where(unusable, fresh_steps, tf.transpose(found.position_deltas, [1, 0, 2])),
            changes=tf.where(unusable, fresh_changes, tf.transpose(found.gradient_deltas, [1, 0, 2])),
            resets=resets,
            iterations=iterations,
            evaluations=state.evaluations + found.num_objective_evaluations,
            status=tf.where(done, batch.CONVERGED, status),
        )


def _first_pair(gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns histories that make the next direction the steepest descent, of the length of a first step."""
    rate = tf.math.divide_no_nan(_FIRST_STEP, tf.norm(gradient, axis=1, keepdims=True))
    change = tf.pad(gradient[:, None], [[0, 0], [_HISTORY - 1, 0], [0, 0]])
    return rate[:, :, None] * change, change
