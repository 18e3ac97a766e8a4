"""The named methods, each a start and a refinement, and the one call that runs them.

Two choices that do not know each other make a method: where the latent vector
starts (`starts.py`) and how it is refined (`lbfgs.py`, `adam.py`,
`gauss_newton.py`, or not at all).
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping

import keras
import numpy as np
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.audio import clips as clip_files
from tf_inversion.generators import adjusted, base, loading
from tf_inversion.inversion import (
    adam,
    gauss_newton,
    lbfgs,
    objectives,
    result,
    rounds,
    scipy_backend,
    tfp_backend,
)
from tf_inversion.inversion import starts as start_room

REFINEMENTS = ("none", "lbfgs", "adam", "gauss_newton")
BACKENDS = ("batched", "tfp", "scipy")
_GOAL = {"gauss_newton": 1e-12, "lbfgs": 1e-8, "adam": 1e-8}  # of a waveform objective: -120 and -80 dB
_SOLVED = 1e-6  # a waveform objective of at most this (-60 dB) needs no further start
_MET = 0.02  # nor does one that two starts agree on, up to this share
_PROBE = 100  # iterations on the waveform, after which "auto" knows whether it is the generator's own
_EXPLAINED = 0.1  # a waveform objective of at most this (-10 dB) says that it is
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Method:
    """Where it starts, with how many starts, how it is refined, for how many iterations, towards what."""

    init: str
    refine: str
    max_iterations: int = 0
    starts: int = 1
    objective: str | Mapping[str, float] = "auto"


#: Sections 3.2 (encoder), 4.2 (gradient) and 4.4 (hybrid) of the paper, its hybrid with its own objective
#: and with the one that its code ran, and exact recovery.
METHODS = {
    "encoder": Method("encoder", "none"),
    "gradient": Method("random", "lbfgs", 50_000),
    "hybrid": Method("encoder", "lbfgs", 200),
    "paper": Method("encoder", "lbfgs", 200, objective="paper"),
    "authors": Method("encoder", "lbfgs", 200, objective="authors"),
    "least_squares": Method("screened", "gauss_newton", 200, starts=4, objective="synthesized"),
}


def invert(
    audio,
    generator: base.Generator | None = None,
    method: str = "encoder",
    *,
    inverter: keras.Model | None = None,
    classifier: keras.Model | None = None,
    init: str | None = None,
    starts: int | None = None,
    refine: str | None = None,
    max_iterations: int | None = None,
    objective: str | Mapping[str, float] | None = None,
    tolerance: float | None = None,
    backend: str = "batched",
    init_file: str | os.PathLike | None = None,
    adjust: Iterable[str] = (),
    error_bars: bool = False,
    batch_size: int = 64,
    seed: int = 0,
    progress: Callable[[Iterable], Iterable] = iter,
) -> result.InversionResult:
    """Recovers the latent vectors of audio clips under a frozen generator.

    Args:
      audio: clips [n, num_samples] or one [num_samples], or the path of an audio file, or paths.
      generator: z [b, latent_dim] -> audio [b, num_samples]; default the embedded one.
      method: a name in `METHODS`; `init` to `objective` override its parts.
      inverter: audio -> z; default the embedded one, if the method starts with it.
      classifier: audio -> logits with activations, for objectives that need it.
      init: a name in `starts.STARTS`.
      starts: how many starts; the best answer is kept. Further ones are for clips that are neither
        solved (-60 dB) nor have come to the same objective twice, and in between the best answer so far is
        put back into [-1, 1] and refined again.
      refine: a name in `REFINEMENTS`.
      max_iterations: of the refinement, for each start.
      objective: "auto", a preset, or weighted pieces, see `objectives.stages`; as a mapping, weights of
        `objectives.PIECES`. "auto" is "synthesized" for clips that the generator turns out to explain
        within 100 iterations, "real" for all others. Default: "synthesized" for least_squares, "auto" for
        the other methods. Stages follow one another: "log_mel:40,synthesized" refines by log_mel for 40
        iterations first.
      tolerance: when a clip has converged, see `minimize` of the refinement. Default: the refinement's own.
      backend: of L-BFGS: "batched"; "tfp" for TensorFlow Probability's; "scipy", one clip at a time.
      init_file: latents to start at, for init="file".
      adjust: what may differ from the generator's own clips and is recovered with the latents: "gain",
        "shift" (`generators.adjusted`). The reconstructions have it.
      error_bars: compute `latent_std`, at the cost of a Jacobian for each clip.
      batch_size: how many clips are worked on at once; bounds the memory.
      seed: fixes every random choice.
      progress: wraps an iteration over clips that are done, for instance `tqdm.tqdm`.

    Raises:
      InvalidArgumentError: for an unknown name, a count under 1, or clips of a wrong shape.
      AudioFileError: for a path that can't be read.
    """
    chosen = choose(
        method, init=init, starts=starts, refine=refine, max_iterations=max_iterations, objective=objective
    )
    _check_choice("backend", backend, BACKENDS)
    if tolerance is not None and not tolerance >= 0:
        raise errors.InvalidArgumentError(f"tolerance: {tolerance}; give 0 or more")
    generator = generator or loading.load_generator()
    clips, names = _clips(audio, generator)
    adjust = tuple(adjust)
    for name in adjust:
        _check_choice("adjust", name, adjusted.UNITS)
    adjusting = _adjusted(generator, adjust) if adjust else generator
    refiner = _Refiner(adjusting, classifier, chosen, tolerance, backend, batch_size, seed)
    finite = np.isfinite(clips).all(1)
    if not finite.all():
        _log.warning("%d clip(s) hold NaN or infinity and are not inverted", np.sum(~finite))
    good = clips[finite]
    began = time.perf_counter()
    begin = _starts(good, finite, chosen, generator, inverter, init_file, seed, batch_size)
    begin = np.pad(begin, [(0, 0), (0, 0), (0, len(adjust))])
    starting = (time.perf_counter() - began) / max(len(good), 1)  # seconds per clip
    bar = iter(progress(range(len(good))))
    outcome = None
    if len(good):
        outcome = refiner(good, begin, lambda count: list(itertools.islice(bar, int(count))))
        outcome = outcome._replace(seconds=outcome.seconds + starting)
    list(bar)  # to its end
    return _result(outcome, clips, finite, adjusting, names, chosen, batch_size, error_bars)


def _check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    if value not in choices:
        raise errors.InvalidArgumentError(f"{name}: {value!r} is unknown; choose from {', '.join(choices)}")


def choose(method: str, **overrides) -> Method:
    """Returns a method of `METHODS` with other parts, those that are not None.

    Raises:
      InvalidArgumentError: for an unknown name or a count under 1.
    """
    _check_choice("method", method, METHODS)
    chosen = dataclasses.replace(METHODS[method], **{k: v for k, v in overrides.items() if v is not None})
    _check_choice("init", chosen.init, start_room.STARTS)
    _check_choice("refine", chosen.refine, REFINEMENTS)
    if chosen.starts < 1:
        raise errors.InvalidArgumentError(f"starts: {chosen.starts}; give at least 1")
    if chosen.refine != "none" and chosen.max_iterations < 1:
        raise errors.InvalidArgumentError(f"max_iterations: {chosen.max_iterations}; give at least 1")
    if chosen.objective != "auto":
        objectives.stages(chosen.objective)
    return chosen


def _clips(audio, generator: base.Generator) -> tuple[np.ndarray, list[str] | None]:
    """Returns clips float32 [n, num_samples] and their names, if they were paths."""
    if generator.num_channels != 1:
        raise errors.InvalidArgumentError(
            f"generator: it makes {generator.num_channels} channels; only mono ones can be inverted"
        )
    if isinstance(audio, (str, os.PathLike)) or (len(audio) and isinstance(audio[0], (str, os.PathLike))):
        paths = [audio] if isinstance(audio, (str, os.PathLike)) else list(audio)
        loaded = clip_files.load_clips(paths, generator.num_samples, generator.sample_rate)
        if loaded.report.unreadable:
            raise errors.AudioFileError("; ".join(loaded.report.unreadable.values()))
        return loaded.audio, loaded.names
    audio = np.atleast_2d(np.asarray(audio, np.float32))
    if audio.ndim != 2 or audio.shape[1] != generator.num_samples:
        raise errors.InvalidArgumentError(
            f"audio: shape {audio.shape}; the generator makes clips of {generator.num_samples} samples, "
            f"so give [n, {generator.num_samples}] or [{generator.num_samples}]"
        )
    return audio, None


@functools.lru_cache(maxsize=8)
def _adjusted(generator: base.Generator, adjust: tuple[str, ...]) -> adjusted.Adjusted:
    return adjusted.Adjusted(generator, adjust)


def _starts(clips, finite, chosen: Method, generator, inverter, init_file, seed, batch_size) -> np.ndarray:
    """Returns starts [n, count, latent_dim], those most likely first; `finite` are n of all clips."""
    n, dim = len(clips), generator.latent_dim
    if not n:
        return np.zeros((0, chosen.starts, dim), np.float32)
    if chosen.init == "random":
        return start_room.random(n, chosen.starts, dim, seed)
    if chosen.init == "screened":
        return start_room.screened(clips, generator, chosen.starts, seed, batch_size)
    if chosen.init == "zero":
        first = np.zeros((n, dim), np.float32)
    elif chosen.init == "file":
        first = start_room.file(init_file, len(finite), dim)[finite]
    else:
        first = start_room.encoder(clips, inverter or _embedded_inverter(), batch_size)
    if chosen.starts == 1:
        return first[:, None]
    more = start_room.screened(clips, generator, chosen.starts - 1, seed, batch_size)
    return np.concatenate([first[:, None], more], 1)


def _embedded_inverter() -> keras.Model:
    from tf_inversion.networks import loading as network_loading

    return network_loading.load_inverter()


class _Refiner:
    """Refines the starts of one batch of clips after the other."""

    def __init__(self, generator, classifier, chosen: Method, tolerance, backend, batch_size, seed):
        self._chosen, self._backend, self._seed = chosen, backend, seed
        self._limits = {"batch_size": batch_size, **({} if tolerance is None else {"tolerance": tolerance})}
        self._synthesized = objectives.make("synthesized", generator)
        self._automatic = chosen.objective == "auto"
        spec = chosen.objective
        if self._automatic:
            heard = classifier is not None and chosen.refine != "gauss_newton"
            spec = "real" if heard else "phase_free"
        self._stages = [
            (objectives.make(weights, generator, classifier), iterations or chosen.max_iterations)
            for weights, iterations in objectives.stages(spec)
        ]

    def __call__(self, clips: np.ndarray, begin: np.ndarray, finished: Callable) -> rounds.Outcome:
        """Returns the best outcome for each of clips [n, num_samples] from starts [n, count, latent_dim]."""
        best, own = self._from_first(clips, begin[:, 0], finished)
        todo = np.arange(len(clips))
        for k in range(2 * begin.shape[1] - 2):
            todo = todo[best.objective[todo] > _SOLVED]
            # In between the starts, a best so far that left the prior gets another try from its border.
            rows = todo if k % 2 else todo[(np.abs(best.latents[todo]) > 1).any(1)]
            if not len(rows):
                continue
            start = begin[rows, k // 2 + 1] if k % 2 else np.clip(best.latents[rows], -1, 1)
            before, new = best.objective[rows], self._from(clips[rows], start, own[rows])
            best = _combined(best, new, rows, new.objective < before)
            if k % 2:
                todo = todo[np.abs(new.objective - before) > _MET * before]
        return best

    def _from_first(self, clips, start, finished) -> tuple[rounds.Outcome, np.ndarray]:
        """Returns the outcome of the first start, and which clips are the generator's own, for "auto"."""
        everything, most = np.arange(len(clips)), self._chosen.max_iterations
        if not self._automatic or self._chosen.refine == "none":
            return self._from(clips, start, everything >= 0, finished), everything >= 0
        outcome = self._minimize(self._synthesized, clips, start, min(_PROBE, most))
        own = outcome.objective <= _EXPLAINED
        going = own & (outcome.status == rounds.RAN_OUT) & (most > _PROBE)
        finished(np.sum(own & ~going))
        for rows, objective, begin, iterations in (
            (np.flatnonzero(going), self._synthesized, outcome.latents, most - _PROBE),
            (np.flatnonzero(~own), self._stages[0][0], start, most),
        ):
            if len(rows):
                more = self._minimize(objective, clips[rows], begin[rows], iterations, finished)
                outcome = _combined(outcome, more, rows)
        return outcome, own

    def _from(self, clips, start, own, finished=None) -> rounds.Outcome:
        """Returns the outcome from one start each, towards what `own` (bool [n]) says if "auto"."""
        if self._chosen.refine == "none":
            objective = self._synthesized if self._automatic else self._stages[-1][0]
            return _unrefined(objective, clips, start, self._limits["batch_size"])
        if self._automatic:
            outcome = _unrefined(self._synthesized, clips, start, self._limits["batch_size"])
            for rows, objective in (
                (np.flatnonzero(own), self._synthesized),
                (np.flatnonzero(~own), self._stages[0][0]),
            ):
                if len(rows):
                    new = self._minimize(objective, clips[rows], start[rows], self._chosen.max_iterations)
                    outcome = _combined(outcome, new, rows)
            return outcome
        outcome = None
        for i, (objective, iterations) in enumerate(self._stages):
            last = i == len(self._stages) - 1
            new = self._minimize(objective, clips, start, iterations, finished if last else None)
            outcome = new if outcome is None else _combined(outcome, new, np.arange(len(clips)))
            start = outcome.latents
        return outcome

    def _minimize(self, objective, clips, start, iterations, finished=None) -> rounds.Outcome:
        refine = self._chosen.refine
        goal = _GOAL[refine] if "waveform" in objective.weights else 0.0
        limits = {"max_iterations": iterations, "goal": goal, "finished": finished, **self._limits}
        if refine == "gauss_newton":
            return gauss_newton.minimize(objective, clips, start, **limits)
        if refine == "adam":
            return adam.minimize(objective, clips, start, seed=self._seed, **limits)
        if self._backend == "tfp":
            return tfp_backend.minimize(objective, clips, start, **limits)
        if self._backend == "scipy":
            limits.pop("batch_size")
            return scipy_backend.minimize(objective, clips, start, **limits)
        return lbfgs.minimize(objective, clips, start, **limits)


def _unrefined(objective, clips, start, batch_size: int) -> rounds.Outcome:
    began, n = time.perf_counter(), len(clips)
    values = []
    for part in (slice(i, i + batch_size) for i in range(0, n, batch_size)):
        z = tf.constant(start[part])
        values.append(objective.value(z, objective.targets(tf.constant(clips[part]), z)).numpy())
    zeros, ones = np.zeros(n, np.int32), np.ones(n, np.int32)
    seconds = np.full(n, (time.perf_counter() - began) / n, np.float32)
    return rounds.Outcome(
        start, np.concatenate(values), zeros, ones, ones * rounds.CONVERGED, seconds, [[] for _ in range(n)]
    )


def _combined(
    old: rounds.Outcome, new: rounds.Outcome, rows: np.ndarray, wins: np.ndarray | bool = True
) -> rounds.Outcome:
    """Returns `old` with `new` at those of `rows` where it wins; what both took is added up."""
    wins = np.broadcast_to(wins, len(rows))
    fields = {name: np.array(value) for name, value in old._asdict().items() if name != "trace"}
    for name in ("latents", "objective", "status"):
        fields[name][rows[wins]] = getattr(new, name)[wins]
    for name in ("iterations", "evaluations", "seconds"):
        fields[name][rows] += getattr(new, name)
    trace = list(old.trace)
    for row, points in zip(rows, new.trace):
        trace[row] = trace[row] + [(old.iterations[row] + i, value) for i, value in points]
    return rounds.Outcome(**fields, trace=trace)


def _result(
    outcome, clips, finite, generator, names, chosen: Method, batch_size, error_bars
) -> result.InversionResult:
    """Returns the outcome with rows of NaN for the clips that could not be inverted."""
    words = np.array(["failed", "converged", "failed", "ran out"])

    def spread(name, fill, shape=(), dtype=np.float32):
        array = np.full((len(finite), *shape), fill, dtype)
        if outcome:
            array[finite] = getattr(outcome, name)
        return array

    latents = spread("latents", np.nan, (generator.latent_dim,))
    batches = range(0, len(latents), batch_size)
    reconstructions = [generator(latents[i : i + batch_size]).numpy() for i in batches]
    status = words[spread("status", rounds.FAILED, dtype=np.int32)]
    ran_out = np.sum(status[finite] == "ran out")
    if ran_out:
        _log.warning("%d of %d clips ran out of %d iterations", ran_out, len(finite), chosen.max_iterations)
    if chosen.refine == "none":
        status[:] = "encoded"
    latent_std = np.full_like(latents, np.nan) if error_bars else None
    known = np.isfinite(latents).all(1)
    if error_bars and known.any():
        latent_std[known] = gauss_newton.standard_deviation(generator, clips[known], latents[known])
    traces = iter([np.reshape(points, [-1, 2]) for points in (outcome.trace if outcome else ())])
    adjustments = None
    if isinstance(generator, adjusted.Adjusted):
        latents, adjustments = generator.split(latents)
        latent_std = latent_std if latent_std is None else latent_std[:, : latents.shape[1]]
    return result.InversionResult(
        latents=latents,
        audio=np.concatenate(reconstructions)
        if reconstructions
        else np.zeros((0, generator.num_samples), np.float32),
        objective=spread("objective", np.nan),
        steps=spread("iterations", 0, dtype=np.int32),
        evaluations=spread("evaluations", 0, dtype=np.int32),
        status=np.where(finite, status, "not finite"),
        clip_seconds=spread("seconds", 0),
        latent_std=latent_std,
        adjustments=adjustments,
        names=names,
        trace=[next(traces) if good else np.zeros((0, 2)) for good in finite],
    )
