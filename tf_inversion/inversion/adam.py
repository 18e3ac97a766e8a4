"""Adam with stochastic clipping (Lipton and Tripathi 2017, cited in the paper's section 2)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_inversion.inversion import rounds
from tf_inversion.losses import Objective

TOLERANCE = 1e-6
LEARNING_RATE = 0.02
_ROUND_LENGTH = 100  # steps between looks at who is done


class State(NamedTuple):
    z: tf.Tensor  # the best so far
    value: tf.Tensor  # its objective
    current: tf.Tensor
    first: tf.Tensor  # moving averages of the gradient and its square
    second: tf.Tensor
    iterations: tf.Tensor
    evaluations: tf.Tensor
    status: tf.Tensor


def minimize(
    objective: Objective,
    clips: np.ndarray,
    start: np.ndarray,
    *,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    **options,
) -> rounds.Outcome:
    """Minimises the objective for n clips from n starts; components that leave [-1, 1] are drawn anew.

    Arguments as in `lbfgs.minimize`, but that a clip has converged when a round of a hundred steps has
    lowered the best objective so far by less than the share `tolerance`. The best latents seen are returned.
    """
    begin, advance = _compiled(objective)
    advance = functools.partial(advance, seed=tf.constant(seed % 2**31))  # int32, as the step
    return rounds.minimize(objective, clips, start, begin, advance, tolerance=tolerance, **options)


@functools.lru_cache(maxsize=8)
def _compiled(objective: Objective) -> tuple[Callable, Callable]:
    @tf.function(reduce_retracing=True)
    def begin(z, targets) -> State:
        z, zeros = tf.clip_by_value(z, -1.0, 1.0), tf.zeros_like(z)
        counts = tf.zeros(tf.shape(z)[:1], tf.int32)
        return State(z, objective.value(z, targets), z, zeros, zeros, counts, counts + 1, counts)

    @tf.function(reduce_retracing=True)
    def advance(state: State, targets, limits, max_iterations, seed) -> State:
        tolerance, goal = limits[0], limits[1]
        steps = tf.minimum(_ROUND_LENGTH, max_iterations - tf.reduce_max(state.iterations))
        before = state.value
        for _ in tf.range(steps):
            state = _step(objective, state, targets, seed)
        status = tf.where(state.iterations >= max_iterations, rounds.RAN_OUT, state.status)
        stalled = (before - state.value <= tolerance * before) & (steps == _ROUND_LENGTH)
        return state._replace(status=tf.where((state.value <= goal) | stalled, rounds.CONVERGED, status))

    return begin, advance


def _step(objective: Objective, state: State, targets, seed) -> State:
    value, gradient = objective.value_and_gradient(state.current, targets)
    better = value < state.value
    first, second = 0.9 * state.first + 0.1 * gradient, 0.999 * state.second + 0.001 * gradient**2
    t = tf.cast(state.iterations + 1, tf.float32)[:, None]
    rate = LEARNING_RATE * tf.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    moved = state.current - rate * first / (tf.sqrt(second) + 1e-8)
    drawn = tf.random.stateless_uniform(tf.shape(moved), [seed, tf.reduce_max(state.iterations)], -1.0, 1.0)
    return State(
        z=tf.where(better[:, None], state.current, state.z),
        value=tf.where(better, value, state.value),
        current=tf.where(tf.abs(moved) > 1, drawn, moved),
        first=first,
        second=second,
        iterations=state.iterations + 1,
        evaluations=state.evaluations + 1,
        status=state.status,
    )
