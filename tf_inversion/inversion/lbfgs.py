"""L-BFGS on a whole batch of problems at once (Liu and Nocedal 1989; the paper's section 4.2).

Each member of the batch is a problem of its own: it takes steps of its own
length, and one evaluation of the batch serves all, some to accept a step, some
to shorten one. No member waits for another's line search, which is where a
batched optimiser usually spends its time. Members that are done leave the batch
after each round, and others that wait take their place.

A metric makes it Gauss-Newton: it gives each member an inverse Hessian to begin
with (gauss_newton.py). Without one the latest step's curvature does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_inversion.inversion import objectives

RUNNING, CONVERGED, FAILED, RAN_OUT = range(4)
_HISTORY = 10  # pairs of steps and gradient differences
_LONGEST_STEP = 3.0  # of a latent vector whose own length is about 6
_MOST_SHORTENINGS = 12
_PATIENCE = 5  # iterations with less than the tolerance gained, until a member counts as converged
_DONE_SHARE = 0.1  # a round ends when so many of its members are done


class Outcome(NamedTuple):
    """What became of each member, [n] each: where it ended and what it took."""

    latents: np.ndarray
    objective: np.ndarray
    iterations: np.ndarray
    evaluations: np.ndarray
    status: np.ndarray
    seconds: np.ndarray
    trace: list[list[tuple[int, float]]]


class State(NamedTuple):
    """Members in the middle of their work, the batch first in every tensor."""

    z: tf.Tensor
    value: tf.Tensor
    gradient: tf.Tensor
    steps: tf.Tensor  # [b, _HISTORY, d], the latest first
    changes: tf.Tensor  # of the gradient, likewise
    length: tf.Tensor  # of the step to try, 1 being the whole direction
    shortenings: tf.Tensor  # of that step
    stalls: tf.Tensor  # successive iterations that gained next to nothing
    iterations: tf.Tensor
    evaluations: tf.Tensor
    status: tf.Tensor


def minimize(
    objective: objectives.Objective,
    clips: np.ndarray,
    start: np.ndarray,
    *,
    max_iterations: int,
    tolerance: float = 1e-6,
    goal: float = 0.0,
    metric: Callable | None = None,
    round_length: int = 50,
    batch_size: int = 64,
) -> Outcome:
    """Minimises the objective for n clips from n starts, `batch_size` at a time.

    Args:
      objective: what to minimise.
      clips: float32 [n, num_samples].
      start: float32 [n, latent_dim].
      max_iterations: accepted steps of a member.
      tolerance: a member has converged when five successive steps gained less than this share of its
        objective.
      goal: or when its objective is down to this.
      metric: (latents [b, d], targets, value [b]) -> inverse Hessians [b, d, d], asked at the beginning of a
        round.
      round_length: evaluations between looks at who is done, and between calls of `metric`.
      batch_size: members at work at once; bounds the memory.
    """
    n, d = start.shape
    limits = tf.constant([tolerance, goal]), tf.constant(max_iterations)
    run = _compiled_round(objective, round_length)
    begin = tf.function(objective.value_and_gradient, reduce_retracing=True)
    state = _unstarted(n, d)
    state.z[:] = start
    seconds, trace = np.zeros(n, np.float32), [[] for _ in range(n)]
    waiting, active = list(range(n)), []
    while waiting or active:
        began = time.perf_counter()
        room = batch_size - len(active)
        entering, waiting = waiting[:room], waiting[room:]
        active += entering
        targets = objective.targets(tf.constant(clips[active]), tf.constant(start[active]))
        if entering:
            new = {name: target[-len(entering) :] for name, target in targets.items()}
            value, gradient = begin(tf.constant(start[entering]), new)
            state.value[entering], state.gradient[entering] = value, gradient
            state.evaluations[entering] = 1
        members = State(*(tf.constant(array[active]) for array in state))
        inverse = None if metric is None else metric(members.z, targets, members.value)
        for array, values in zip(state, run(members, targets, inverse, *limits)):
            array[active] = values.numpy()
        for member in active:
            trace[member].append((int(state.iterations[member]), float(state.value[member])))
        seconds[active] += (time.perf_counter() - began) / len(active)
        active = [member for member in active if state.status[member] == RUNNING]
    return Outcome(state.z, state.value, state.iterations, state.evaluations, state.status, seconds, trace)


def _unstarted(n: int, d: int) -> State:
    def zeros(*shape, dtype=np.float32):
        return np.zeros((n, *shape), dtype)

    pairs, counts = (_HISTORY, d), [zeros(dtype=np.int32) for _ in range(5)]
    ones = np.ones(n, np.float32)
    return State(zeros(d), zeros(), zeros(d), zeros(*pairs), zeros(*pairs), ones, *counts)


def _compiled_round(objective: objectives.Objective, round_length: int) -> Callable:
    @tf.function(reduce_retracing=True)
    def run(state: State, targets, inverse, limits, max_iterations) -> State:
        allowed = _DONE_SHARE * tf.cast(tf.shape(state.z)[0], tf.float32)

        def unfinished(evaluation, state):
            done = tf.reduce_sum(tf.cast(state.status != RUNNING, tf.float32))
            return (evaluation < round_length) & (done <= allowed)

        def body(evaluation, state):
            return evaluation + 1, _evaluate(objective, state, targets, inverse, limits, max_iterations)

        return tf.while_loop(unfinished, body, (0, state))[1]

    return run


def _evaluate(objective, state: State, targets, inverse, limits, max_iterations) -> State:
    """Tries each member's next step: takes it, or shortens it, or finds that the member is done."""
    tolerance, goal = limits[0], limits[1]
    running = state.status == RUNNING
    direction = _direction(state, inverse)
    slope = _dot(state.gradient, direction)
    z = state.z + state.length[:, None] * direction
    value, gradient = objective.value_and_gradient(z, targets)
    # Armijo's condition: the step gains at least a little of what the slope promised. NaN does not.
    taken = running & (value <= state.value + 1e-4 * state.length * slope)
    shortened = running & ~taken

    step, change = z - state.z, gradient - state.gradient
    curved = taken & (_dot(step, change) > 1e-6 * tf.norm(step, axis=1) * tf.norm(change, axis=1))
    steps = _push(state.steps, step, curved)
    changes = _push(state.changes, change, curved)

    # A search that got nowhere forgets the history and goes down the metric's own slope; then it gives up.
    stuck = shortened & (state.shortenings >= _MOST_SHORTENINGS)
    fresh = tf.reduce_all(state.steps[:, 0] == 0, 1)
    forget = tf.cast(~stuck, z.dtype)[:, None, None]
    # The minimum of the parabola through both values and the slope.
    best = -0.5 * slope * state.length**2 / (value - state.value - slope * state.length)
    shorter = tf.where(tf.math.is_finite(best), best, 0.0)
    shorter = tf.clip_by_value(shorter, 0.1 * state.length, 0.5 * state.length)

    stalled = taken & (state.value - value <= tolerance * tf.abs(state.value))
    stalls = tf.where(taken, tf.where(stalled, state.stalls + 1, 0), state.stalls)
    iterations = state.iterations + tf.cast(taken, tf.int32)
    value = tf.where(taken, value, state.value)
    status = tf.where(running & (iterations >= max_iterations), RAN_OUT, state.status)
    status = tf.where(stuck & fresh, FAILED, status)
    status = tf.where(running & ((value <= goal) | (stalls >= _PATIENCE)), CONVERGED, status)
    return State(
        z=tf.where(taken[:, None], z, state.z),
        value=value,
        gradient=tf.where(taken[:, None], gradient, state.gradient),
        steps=steps * forget,
        changes=changes * forget,
        length=tf.where(shortened & ~stuck, shorter, 1.0),
        shortenings=tf.where(shortened & ~stuck, state.shortenings + 1, 0),
        stalls=stalls,
        iterations=iterations,
        evaluations=state.evaluations + tf.cast(running, tf.int32),
        status=status,
    )


def _direction(state: State, inverse: tf.Tensor | None) -> tf.Tensor:
    """Returns minus the inverse Hessian times the gradient, by the two-loop recursion, of limited length."""
    curvature = [_dot(state.steps[:, i], state.changes[:, i]) for i in range(_HISTORY)]
    weight = [tf.math.divide_no_nan(1.0, c)[:, None] for c in curvature]
    q, projections = state.gradient, []
    for i in range(_HISTORY):
        projections.append(weight[i] * _dot(state.steps[:, i], q)[:, None])
        q -= projections[i] * state.changes[:, i]
    if inverse is not None:
        q = tf.linalg.matvec(inverse, q)
    else:
        change = _dot(state.changes[:, 0], state.changes[:, 0])
        first = tf.math.divide_no_nan(0.5, tf.norm(state.gradient, axis=1))
        q *= tf.where(change > 0, tf.math.divide_no_nan(curvature[0], change), first)[:, None]
    for i in reversed(range(_HISTORY)):
        q += (projections[i] - weight[i] * _dot(state.changes[:, i], q)[:, None]) * state.steps[:, i]
    return -tf.clip_by_norm(q, _LONGEST_STEP, axes=[1])


def _push(history: tf.Tensor, latest: tf.Tensor, where: tf.Tensor) -> tf.Tensor:
    return tf.where(where[:, None, None], tf.concat([latest[:, None], history[:, :-1]], 1), history)


def _dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(a * b, 1)
