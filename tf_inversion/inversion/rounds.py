"""How a refinement works through its clips: in rounds, a batch of members at a time.

After each round the members that are done leave and others that wait take
their place, so that no evaluation goes to the done and memory does not grow
with the number of clips.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_inversion.losses import Objective

RUNNING, CONVERGED, FAILED, RAN_OUT = range(4)


class Outcome(NamedTuple):
    """What became of each of n members and what it took; every array starts with n."""

    latents: np.ndarray
    objective: np.ndarray
    iterations: np.ndarray
    evaluations: np.ndarray  # forward passes of the generator
    status: np.ndarray  # RUNNING to RAN_OUT
    seconds: np.ndarray  # of wall time, a round's being shared out equally
    trace: list[list[tuple[int, float]]]  # (iteration, objective) after each round


def minimize(
    objective: Objective,
    clips: np.ndarray,
    start: np.ndarray,
    begin: Callable,
    advance: Callable,
    *,
    max_iterations: int,
    tolerance: float,
    goal: float = 0.0,
    batch_size: int = 64,
    finished: Callable[[np.ndarray], object] | None = None,
    watch: Callable[[np.ndarray], object] | None = None,
) -> Outcome:
    """Runs a refinement on n clips from n starts.

    Args:
      objective: what is minimised.
      clips: float32 [n, num_samples].
      start: float32 [n, latent_dim].
      begin: (latents [b, latent_dim], targets) -> the state of members that enter, a named tuple of
        tensors [b, ...], of which `z`, `value`, `iterations`, `evaluations` and `status` are read here.
      advance: (state, targets, (tolerance, goal), max_iterations) -> the state after a round.
      max_iterations: of a member.
      tolerance: what a member must gain to go on, as the refinement means it.
      goal: a member has converged when its objective is down to this.
      batch_size: members at work at once; bounds the memory.
      finished: told after each round the objectives of the members that are done since the last.
      watch: shown after each round the latents [b, latent_dim] of the members that were at work.
    """
    n, limits = len(start), (tf.constant([tolerance, goal], tf.float32), tf.constant(max_iterations))
    arrays: list[np.ndarray] = []  # the state of all
    seconds, trace = np.zeros(n, np.float32), [[] for _ in range(n)]
    waiting, active = list(range(n)), []
    while waiting or active:
        began = time.perf_counter()
        room = batch_size - len(active)
        entering, waiting = waiting[:room], waiting[room:]
        active += entering
        targets = objective.targets(tf.constant(clips[active]), tf.constant(start[active]))
        if entering:
            own = {name: target[-len(entering) :] for name, target in targets.items()}
            state = begin(tf.constant(start[entering]), own)
            arrays = arrays or [np.zeros((n, *x.shape[1:]), x.dtype.as_numpy_dtype) for x in state]
            for array, values in zip(arrays, state):
                array[entering] = values
        state = advance(type(state)(*(tf.constant(array[active]) for array in arrays)), targets, *limits)
        for array, values in zip(arrays, state):
            array[active] = values
        every = type(state)(*arrays)
        every.status[~np.isfinite(every.value)] = FAILED
        for member in active:
            trace[member].append((int(every.iterations[member]), float(every.value[member])))
        seconds[active] += (time.perf_counter() - began) / len(active)
        worked, active = active, [member for member in active if every.status[member] == RUNNING]
        if finished:
            finished(every.value[[member for member in worked if every.status[member] != RUNNING]])
        if watch:
            watch(every.z[worked])
    return Outcome(every.z, every.value, every.iterations, every.evaluations, every.status, seconds, trace)
