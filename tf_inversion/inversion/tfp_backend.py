"""L-BFGS of TensorFlow Probability, run in rounds.

It searches each line until every member of the batch has found its step
(Hager and Zhang), so members wait for one another; between rounds those that
are done leave. A member whose search failed forgets its history and goes on
from where it is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_inversion.inversion import lbfgs, rounds
from tf_inversion.losses import Objective

_HISTORY = 10
_ROUND_LENGTH = 20  # iterations between looks at who is done
_MOST_RESTARTS = 3  # in succession, without a gain between them
_DONE_SHARE = 0.1  # a round ends when so many of its members are done
_FIRST_STEP = 0.5  # length of the step that a member without history tries first


class State(NamedTuple):
    """Members between two rounds; histories are [b, _HISTORY, latent_dim], the latest last."""

    z: tf.Tensor
    value: tf.Tensor
    gradient: tf.Tensor
    steps: tf.Tensor
    changes: tf.Tensor
    restarts: tf.Tensor
    iterations: tf.Tensor
    evaluations: tf.Tensor
    status: tf.Tensor


def minimize(
    objective: Objective,
    clips: np.ndarray,
    start: np.ndarray,
    *,
    tolerance: float = lbfgs.TOLERANCE,
    **options,
) -> rounds.Outcome:
    """Minimises the objective for n clips from n starts; arguments as in `lbfgs.minimize`.

    The tolerance is of one step. What a member has cost counts the whole batch's searches.
    """
    return rounds.minimize(objective, clips, start, *_compiled(objective), tolerance=tolerance, **options)


@functools.lru_cache(maxsize=8)
def _compiled(objective: Objective) -> tuple[Callable, Callable]:
    from tensorflow_probability.python.optimizer import lbfgs as theirs  # takes seconds to import

    @tf.function(reduce_retracing=True)
    def begin(z, targets) -> State:
        value, gradient = objective.value_and_gradient(z, targets)
        counts = tf.zeros_like(value, tf.int32)
        return State(z, value, gradient, *_first_pair(gradient), counts, counts, counts + 1, counts)

    @tf.function(reduce_retracing=True)
    def advance(state: State, targets, limits, max_iterations) -> State:
        tolerance, goal = limits[0], limits[1]
        undone = tf.zeros_like(state.value, tf.bool)
        steps = tf.minimum(_ROUND_LENGTH, max_iterations - tf.reduce_max(state.iterations))
        found = theirs.minimize(
            lambda z: objective.value_and_gradient(z, targets),
            initial_position=None,
            previous_optimizer_results=theirs.LBfgsOptimizerResults(
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
            f_relative_tolerance=tolerance,
            max_iterations=_HISTORY + steps,
            stopping_condition=lambda converged, failed: (
                tf.reduce_mean(tf.cast(converged | failed, tf.float32)) > _DONE_SHARE
            ),
        )
        # A search along NaN, which is what there is where the gradient is zero, was none.
        sound = tf.reduce_all(tf.math.is_finite(found.position), 1)
        value = tf.where(sound, found.objective_value, state.value)
        gradient = tf.where(sound[:, None], found.objective_gradient, state.gradient)
        restarts = tf.where(found.failed, tf.where(value < state.value, 1, state.restarts + 1), 0)
        # A search that failed leaves no history to go on with, nor does one that another's NaN cut short.
        unusable = found.failed | tf.reduce_all(found.gradient_deltas[-1] == 0, 1)
        fresh_steps, fresh_changes = _first_pair(gradient)
        unusable = unusable[:, None, None]
        iterations = state.iterations + found.num_iterations - _HISTORY
        status = tf.where(iterations >= max_iterations, rounds.RAN_OUT, state.status)
        status = tf.where(restarts > _MOST_RESTARTS, rounds.FAILED, status)
        done = found.converged | (value <= goal)
        return State(
            z=tf.where(sound[:, None], found.position, state.z),
            value=value,
            gradient=gradient,
            steps=tf.where(unusable, fresh_steps, tf.transpose(found.position_deltas, [1, 0, 2])),
            changes=tf.where(unusable, fresh_changes, tf.transpose(found.gradient_deltas, [1, 0, 2])),
            restarts=restarts,
            iterations=iterations,
            evaluations=state.evaluations + found.num_objective_evaluations,
            status=tf.where(done, rounds.CONVERGED, status),
        )

    return begin, advance


def _first_pair(gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns histories that make the next direction the steepest descent, of the length of a first step."""
    rate = tf.math.divide_no_nan(_FIRST_STEP, tf.norm(gradient, axis=1, keepdims=True))
    change = tf.pad(gradient[:, None], [[0, 0], [_HISTORY - 1, 0], [0, 0]])
    return rate[:, :, None] * change, change
