"""Runs a solver on any number of clips, a batch at a time.

After each round the items that are done leave and others that wait take their place, so that no
evaluation goes to the done and memory does not grow with the number of clips.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tensorflow as tf

if TYPE_CHECKING:
    from tf_inversion.inversion.solvers.base import Solver

RUNNING, CONVERGED, FAILED, RAN_OUT = range(4)


class Options(NamedTuple):
    """Options of a search, scalars; in a solver's `update` they are tensors.

    Attributes:
      maxiter: iterations of an item.
      tol: what an item must gain to go on, as the solver defines it.
      stopval: a value of the objective; an item that is down to it has converged.
      restart: whether this is a further start of the items, so that a solver may search more widely.
      seed: of what the solver draws, int32.
    """

    maxiter: int
    tol: float
    stopval: float
    restart: bool = False
    seed: int = 0


class Outcome(NamedTuple):
    """Where each of n searches ended and what it took; every array starts with n.

    Attributes:
      latents: float32 [n, latent_dim].
      objective: float32 [n], its value there.
      error_db: float32 [n], an upper bound of the squared error over the clip's energy, in dB, which is
        tight where the objective is of the waveform alone; inf where the objective does not contain it.
      iterations, evaluations: int32 [n]; evaluations are forward passes of the generator.
      status: int32 [n], RUNNING to RAN_OUT.
      seconds: float32 [n] of wall time, a round's being shared out equally.
      trace: n lists of (iteration, objective), one after each round.
    """

    latents: np.ndarray
    objective: np.ndarray
    error_db: np.ndarray
    iterations: np.ndarray
    evaluations: np.ndarray
    status: np.ndarray
    seconds: np.ndarray
    trace: list[list[tuple[int, float]]]

    @classmethod
    def at(cls, latents: np.ndarray) -> Outcome:
        """Returns the outcome of no search at all: nothing is known of these latents, nothing was spent."""
        n = len(latents)
        unknown, none, seconds = (
            np.full(n, np.nan, np.float32),
            np.zeros(n, np.int32),
            np.zeros(n, np.float32),
        )
        return cls(latents, unknown, unknown, none, none, none, seconds, [[] for _ in range(n)])

    def updated(self, rows: np.ndarray, new: Outcome, rival: bool = False) -> Outcome:
        """Returns this outcome with `new` in some rows; what both took is added up.

        Args:
          rows: int [m], the rows that `new` is of.
          new: m outcomes.
          rival: take them only where their objective is lower, and let the trace go on with the best so
            far, since another start begins anew; else they succeed those that there were.
        """
        before = self.objective[rows] if rival else np.full(len(rows), np.inf)
        # A number is lower than NaN.
        wins = (new.objective < before) | (np.isnan(before) & ~np.isnan(new.objective)) | (not rival)
        fields = {name: np.array(value) for name, value in self._asdict().items() if name != "trace"}
        for name in ("latents", "objective", "error_db", "status"):
            fields[name][rows[wins]] = getattr(new, name)[wins]
        for name in ("iterations", "evaluations", "seconds"):
            fields[name][rows] += getattr(new, name)
        trace = list(self.trace)
        for row, points, least in zip(rows, new.trace, before):
            earlier = self.iterations[row]
            trace[row] = trace[row] + [(earlier + i, np.fmin(value, least)) for i, value in points]
        return Outcome(**fields, trace=trace)


def run(
    solver: Solver,
    audio: np.ndarray,
    start: np.ndarray,
    options: Options,
    batch_size: int,
    on_round: Callable[[np.ndarray, NamedTuple], object] | None = None,
) -> Outcome:
    """Runs a solver on n clips from n starts.

    Args:
      audio: float32 [n, ..., num_samples].
      start: float32 [n, latent_dim].
      options: of every item.
      batch_size: items at work at once; bounds the memory.
      on_round: called after each round with the rows that were at work and the state of all n, in arrays.
    """
    return advance(solver, audio, start, options, batch_size, on_round)[0]


def advance(
    solver: Solver,
    audio: np.ndarray,
    start: np.ndarray,
    options: Options,
    batch_size: int,
    on_round: Callable[[np.ndarray, NamedTuple], object] | None = None,
    state: Any = None,
) -> tuple[Outcome, Any]:
    """As `run`, and returns the state too, in arrays, from which a later call goes on with more iterations.

    Args:
      solver, audio, start, options, batch_size, on_round: see `run`.
      state: of an earlier call. What it spent counts in the outcome, apart from seconds and trace.
    """
    n, batch_size = len(start), min(batch_size, solver.max_batch_size or batch_size)
    options = Options(*map(tf.constant, options))
    init, update = solver.compiled
    every, waiting = state, list(range(n))
    if every is not None:
        every = type(every)(*map(np.array, every))
        waiting = np.flatnonzero(every.status == RAN_OUT).tolist()
        every.status[waiting] = RUNNING
    seconds = np.zeros(n, np.float32)
    trace: list[list[tuple[int, float]]] = [[] for _ in range(n)]
    active: list[int] = []
    targets: dict[str, tf.Tensor] = {}  # of the active
    while waiting or active:
        began = time.perf_counter()
        free = batch_size - len(active)
        entering, waiting = waiting[:free], waiting[free:]
        active += entering
        if entering:
            z = tf.constant(start[entering])
            theirs = solver.objective.targets(tf.constant(audio[entering]), z)
            if state is None:
                entered = init(z, theirs)
                if every is None:
                    empty = (np.zeros((n, *x.shape[1:]), x.dtype.as_numpy_dtype) for x in entered)
                    every = type(entered)(*empty)
                for array, values in zip(every, entered):
                    array[entering] = values
            targets = {
                name: tf.concat([targets[name], values], 0) if targets else values
                for name, values in theirs.items()
            }
        now = update(type(every)(*(tf.constant(array[active]) for array in every)), targets, options)
        for array, values in zip(every, now):
            array[active] = values
        every.status[~np.isfinite(every.value)] = FAILED
        for item in active:
            if every.evaluations[item] > 1:  # else it only looked at the start
                trace[item].append((int(every.iterations[item]), float(every.value[item])))
        seconds[active] += (time.perf_counter() - began) / len(active)
        going = np.flatnonzero(every.status[active] == RUNNING)
        if len(going) < len(active):
            targets = {name: tf.gather(values, going) for name, values in targets.items()}
        worked, active = active, [active[i] for i in going]
        if on_round:
            on_round(np.array(worked), every)
    found = every.z, every.value, solver.error_db(every.value)
    return Outcome(*found, every.iterations, every.evaluations, every.status, seconds, trace), every
