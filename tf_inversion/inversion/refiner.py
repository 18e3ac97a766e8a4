"""Refines the starts of clips: one after the other, stage by stage, towards what each clip needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import keras
import numpy as np

from tf_inversion import losses
from tf_inversion.batching import in_batches
from tf_inversion.generators import base
from tf_inversion.inversion import adam, gauss_newton, lbfgs, rounds, scipy_backend, tfp_backend

REFINEMENTS = ("none", "lbfgs", "adam", "gauss_newton")
BACKENDS = ("batched", "tfp", "scipy")
#: A waveform objective of at most this (-10 dB) says that the clip is the generator's own.
EXPLAINED = 0.1
_GOAL = {"gauss_newton": 1e-12, "lbfgs": 1e-8, "adam": 1e-8}  # of a waveform objective: -120 and -80 dB
# A waveform objective of at most this needs no further start: -60 dB, and -40 where no more can be hoped for.
_SOLVED = {"none": 1e-4, "gauss_newton": 1e-6, "lbfgs": 1e-4, "adam": 1e-4}
# A clip's own latents lie in [-1, 1]: by Gauss-Newton, only -100 dB tells that others, outside, are right.
_SOLVED_OUTSIDE = {**_SOLVED, "gauss_newton": 1e-10}
_OUTSIDE = 1.05
_MET = 0.02  # nor does one that two starts agree on up to this share, unless it aims at the waveform in vain
_STRAYING = {"gauss_newton": {"prior": gauss_newton.PRIOR / 10}}  # options of further starts
_PROBE = 100  # iterations on the waveform, after which "auto" knows whether it is the generator's own


class Refiner:
    """Refines starts by one of `REFINEMENTS`.

    Args:
      generator: z [b, latent_dim] -> audio [b, num_samples].
      classifier: for objectives that need it.
      refine: a name in `REFINEMENTS`.
      objective: "auto", or see `losses.stages`.
      max_iterations: for each start, where a stage has no number of its own.
      phase_free_iterations: the same, where the objective is not of the waveform.
      screen: clips [n, num_samples] -> other starts [n, latent_dim], with which "auto" tries clips that
        their first start does not explain.
      options: of the refinement's `minimize`, for all starts; further starts have some of their own.
      num_bounded: so many latents, the first, come from [-1, 1].
      tolerance: None for the refinement's own.
      backend: a name in `BACKENDS`.
      batch_size: bounds the memory.
      seed: of what the refinement draws.
      watch: shown the latents at work, see `rounds.minimize`; not by the backend "scipy".
    """

    def __init__(
        self,
        generator: base.Generator,
        classifier: keras.Model | None,
        *,
        refine: str,
        objective: str | Mapping[str, float],
        max_iterations: int,
        phase_free_iterations: int,
        screen: Callable[[np.ndarray], np.ndarray],
        num_bounded: int,
        options: Mapping[str, float],
        tolerance: float | None,
        backend: str,
        batch_size: int,
        seed: int,
        watch: Callable[[np.ndarray], object] | None = None,
    ):
        self._refine, self._backend, self._seed, self._watch = refine, backend, seed, watch
        self._max_iterations, self._screen, self._num_bounded = max_iterations, screen, num_bounded
        self._limits = {"batch_size": batch_size, **({} if tolerance is None else {"tolerance": tolerance})}
        self._options = options
        self._synthesized = losses.make_objective("synthesized", generator)
        self._automatic = objective == "auto"
        if self._automatic:
            heard = classifier is not None and refine != "gauss_newton"
            objective = "real" if heard else "phase_free"
        self._stages = []
        for weights, iterations in losses.stages(objective):
            stage = losses.make_objective(weights, generator, classifier)
            most = max_iterations if "waveform" in stage.weights else phase_free_iterations
            self._stages.append((stage, iterations or most))

    def __call__(self, clips: np.ndarray, begin: np.ndarray, finished: Callable) -> rounds.Outcome:
        """Returns the best outcome for each of clips [n, num_samples] from starts [n, count, latent_dim].

        `finished` is told how many clips are done; each start of a clip that needs others is as large a
        part of it.
        """
        starts = begin.shape[1]

        def started(count: int, enough: int) -> None:
            finished(count / starts)

        def first_started(count: int, enough: int) -> None:
            finished(enough + (count - enough) / starts)

        best, own = self._from_first(clips, begin[:, 0], first_started)
        todo = np.arange(len(clips))
        if self._refine != "gauss_newton":  # the others are slow to the end: what they lack is no start
            todo = todo[~(own & (best.objective <= EXPLAINED) & (best.status == rounds.RAN_OUT))]
        # Where all starts come to the same wrong minimum, one that strays further may pass it.
        straying = _STRAYING.get(self._refine, {})
        for k in range(1, starts):
            todo = todo[self._unsolved(best, todo)]
            # A best so far that left the prior gets another try from its border.
            bounded = self._bounded(best.latents)
            outside = todo[(bounded[todo] != best.latents[todo]).any(1)]
            if len(outside):
                again = self._from(clips[outside], bounded[outside], own[outside])
                best = _combined(best, again, outside, _lower(again.objective, best.objective[outside]))
                todo = todo[self._unsolved(best, todo)]
            if not len(todo):
                break
            before = best.objective[todo]
            new = self._from(clips[todo], begin[todo, k], own[todo], started, **straying)
            best = _combined(best, new, todo, _lower(new.objective, before))
            met = np.abs(new.objective - before) <= _MET * before
            todo = todo[~met | (own[todo] & (before > EXPLAINED))]
        return best

    def _unsolved(self, outcome: rounds.Outcome, rows: np.ndarray) -> np.ndarray:
        """Returns which of the clips want another start."""
        outside = (np.abs(outcome.latents[rows, : self._num_bounded]) > _OUTSIDE).any(1)
        solved = np.where(outside, _SOLVED_OUTSIDE[self._refine], _SOLVED[self._refine])
        return ~(outcome.objective[rows] <= solved)  # NaN wants one too

    def _from_first(self, clips, start, finished) -> tuple[rounds.Outcome, np.ndarray]:
        """Returns the outcome of the first start, and which clips aim at the waveform."""
        most = self._max_iterations
        if not self._automatic or self._refine == "none":
            own = np.full(len(clips), self._automatic or "waveform" in self._stages[-1][0].weights)
            return self._from(clips, start, own, finished), own
        probe = min(_PROBE, most)
        outcome = self._minimize(self._synthesized, clips, start, probe)
        lost = np.flatnonzero(~(outcome.objective <= EXPLAINED))
        if len(lost):  # also a clip of the generator's own, if the start is another word
            new = self._minimize(self._synthesized, clips[lost], self._screen(clips[lost]), probe)
            outcome = _combined(outcome, new, lost, _lower(new.objective, outcome.objective[lost]))
        own = outcome.objective <= EXPLAINED
        going = own & (outcome.status == rounds.RAN_OUT) & (most > _PROBE)
        finished(np.sum(own & ~going), np.sum(own & ~going))
        for row in np.flatnonzero(~own):
            outcome.trace[row].clear()  # it was of another objective
        for rows, objective, begin, iterations in (
            (np.flatnonzero(going), self._synthesized, outcome.latents, most - _PROBE),
            (np.flatnonzero(~own), self._stages[0][0], start, self._stages[0][1]),
        ):
            if len(rows):
                more = self._minimize(objective, clips[rows], begin[rows], iterations, finished)
                outcome = _combined(outcome, more, rows)
        return outcome, own

    def _from(self, clips, start, own, finished=None, **options) -> rounds.Outcome:
        """Returns the outcome from one start each, towards what `own` (bool [n]) says if "auto"."""
        if self._refine == "none":
            objective = self._synthesized if self._automatic else self._stages[-1][0]
            return _unrefined(objective, clips, start, self._limits["batch_size"])
        if self._automatic:
            outcome = _unrefined(self._synthesized, clips, start, self._limits["batch_size"])
            for rows, (objective, most) in (
                (np.flatnonzero(own), (self._synthesized, self._max_iterations)),
                (np.flatnonzero(~own), self._stages[0]),
            ):
                if len(rows):
                    new = self._minimize(objective, clips[rows], start[rows], most, finished, **options)
                    outcome = _combined(outcome, new, rows)
            return outcome
        outcome = None
        for i, (objective, iterations) in enumerate(self._stages):
            last = i == len(self._stages) - 1
            new = self._minimize(objective, clips, start, iterations, finished if last else None, **options)
            outcome = new if outcome is None else _combined(outcome, new, np.arange(len(clips)))
            start = outcome.latents
        return outcome

    def _bounded(self, latents: np.ndarray) -> np.ndarray:
        bound = np.where(np.arange(latents.shape[1]) < self._num_bounded, 1, np.inf).astype(np.float32)
        return np.clip(latents, -bound, bound)

    def _minimize(self, objective, clips, start, iterations, finished=None, **options) -> rounds.Outcome:
        refine = self._refine
        goal = _GOAL[refine] if "waveform" in objective.weights else 0.0
        limits = {"max_iterations": iterations, "goal": goal, **self._limits}
        if finished:
            # Gauss-Newton gets further starts for all that is not solved, the others for what is unexplained.
            enough = _SOLVED[refine] if refine == "gauss_newton" else EXPLAINED
            enough = enough if "waveform" in objective.weights else -np.inf
            limits["finished"] = lambda values: finished(len(values), np.sum(values <= enough))
        options = {**self._options, **options, **limits}
        if refine == "lbfgs" and self._backend == "scipy":
            options.pop("batch_size")
            return scipy_backend.minimize(objective, clips, start, **options)
        options["watch"] = self._watch
        if refine == "gauss_newton":
            return gauss_newton.minimize(objective, clips, start, **options)
        if refine == "adam":
            return adam.minimize(objective, clips, start, seed=self._seed, **options)
        backend = tfp_backend if self._backend == "tfp" else lbfgs
        return backend.minimize(objective, clips, start, **options)


def _unrefined(objective, clips, start, batch_size: int) -> rounds.Outcome:
    began, n = time.perf_counter(), len(clips)

    def value(z, audio):
        return objective.value(z, objective.targets(audio, z))

    values = in_batches(value, start, clips, batch_size=batch_size)
    zeros, ones = np.zeros(n, np.int32), np.ones(n, np.int32)
    seconds = np.full(n, (time.perf_counter() - began) / n, np.float32)
    return rounds.Outcome(
        start, values, zeros, ones, ones * rounds.CONVERGED, seconds, [[] for _ in range(n)]
    )


def _lower(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """Returns where an objective is lower; a number is lower than NaN."""
    return (new < old) | (np.isnan(old) & ~np.isnan(new))


def _combined(
    old: rounds.Outcome, new: rounds.Outcome, rows: np.ndarray, wins: np.ndarray | bool = True
) -> rounds.Outcome:
    """Returns `old` with `new` at those of `rows` where it wins; what both took is added up.

    Where `wins` tells rivals apart, the trace goes on with the best so far, since another start begins anew.
    """
    most = np.full(len(rows), np.inf) if wins is True else old.objective[rows]
    wins = np.broadcast_to(wins, len(rows))
    fields = {name: np.array(value) for name, value in old._asdict().items() if name != "trace"}
    for name in ("latents", "objective", "status"):
        fields[name][rows[wins]] = getattr(new, name)[wins]
    for name in ("iterations", "evaluations", "seconds"):
        fields[name][rows] += getattr(new, name)
    trace = list(old.trace)
    for row, points, best in zip(rows, new.trace, most):
        trace[row] = trace[row] + [(old.iterations[row] + i, np.fmin(value, best)) for i, value in points]
    return rounds.Outcome(**fields, trace=trace)
