"""The named methods, each a start and a refinement, and the one call that runs them.

Two choices that do not know each other make a method: where the latent vector
starts (`starts.py`) and how it is refined (`lbfgs.py`, `adam.py`,
`gauss_newton.py`, or not at all).
"""

from __future__ import annotations

import dataclasses
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping

import keras
import numpy as np
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.audio import clips as clip_files
from tf_inversion.generators import base, loading
from tf_inversion.inversion import adam, gauss_newton, lbfgs, objectives, result, scipy_backend
from tf_inversion.inversion import starts as start_room

REFINEMENTS = ("none", "lbfgs", "adam", "gauss_newton")
BACKENDS = ("batched", "scipy")
_GOAL = 1e-11  # of a waveform objective: -110 dB, about what float32 audio can show
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


#: Sections 3.2 (encoder), 4.2 (gradient) and 4.4 (hybrid) of the paper, and exact recovery.
METHODS = {
    "encoder": Method("encoder", "none"),
    "gradient": Method("random", "lbfgs", 50_000),
    "hybrid": Method("encoder", "lbfgs", 200),
    "least_squares": Method("screened", "gauss_newton", 600, starts=4, objective="synthesized"),
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
    tolerance: float = 1e-6,
    backend: str = "batched",
    init_file: str | os.PathLike | None = None,
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
      starts: how many starts; the best answer is kept. Further ones are for clips not solved by the first.
      refine: a name in `REFINEMENTS`.
      max_iterations: of the refinement, for each start.
      objective: a name in `objectives.PRESETS`, or weights of `objectives.PIECES`, or "auto": "synthesized"
        for clips that the generator turns out to explain within 100 iterations, "real" for all others.
        Default: "synthesized" for least_squares, "auto" for the other methods.
      tolerance: see `lbfgs.minimize`.
      backend: "batched", or "scipy" for SciPy's L-BFGS-B, one clip at a time.
      init_file: latents to start at, for init="file".
      batch_size: how many clips are worked on at once; bounds the memory.
      seed: fixes every random choice.
      progress: wraps the iteration over batches, for instance `tqdm.tqdm`.

    Raises:
      InvalidArgumentError: for an unknown name, a count under 1, or clips of a wrong shape.
      AudioFileError: for a path that can't be read.
    """
    chosen = _choose(
        method, init=init, starts=starts, refine=refine, max_iterations=max_iterations, objective=objective
    )
    _check_choice("backend", backend, BACKENDS)
    generator = generator or loading.load_generator()
    clips, names = _clips(audio, generator)
    finite = np.isfinite(clips).all(1)
    if not finite.all():
        _log.warning("%d clip(s) hold NaN or infinity and are not inverted", np.sum(~finite))
    good = clips[finite]
    began = time.perf_counter()
    begin = _starts(good, chosen, generator, inverter, init_file, seed, batch_size)
    starting = (time.perf_counter() - began) / max(len(good), 1)  # seconds per clip
    refiner = _Refiner(generator, classifier, chosen, tolerance, backend, batch_size, seed)
    outcomes = [
        refiner(good[i : i + batch_size], begin[i : i + batch_size])
        for i in progress(range(0, len(good), batch_size))
    ]
    outcomes = [outcome._replace(seconds=outcome.seconds + starting) for outcome in outcomes]
    return _result(outcomes, finite, generator, names, chosen, batch_size)


def _check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    if value not in choices:
        raise errors.InvalidArgumentError(f"{name}: {value!r} is unknown; choose from {', '.join(choices)}")


def _choose(method: str, **overrides) -> Method:
    _check_choice("method", method, METHODS)
    chosen = dataclasses.replace(METHODS[method], **{k: v for k, v in overrides.items() if v is not None})
    _check_choice("init", chosen.init, start_room.STARTS)
    _check_choice("refine", chosen.refine, REFINEMENTS)
    if chosen.starts < 1:
        raise errors.InvalidArgumentError(f"starts: {chosen.starts}; give at least 1")
    if chosen.refine != "none" and chosen.max_iterations < 1:
        raise errors.InvalidArgumentError(f"max_iterations: {chosen.max_iterations}; give at least 1")
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


def _starts(clips, chosen: Method, generator, inverter, init_file, seed, batch_size) -> np.ndarray:
    """Returns starts [n, count, latent_dim], those most likely to succeed first."""
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
        first = start_room.file(init_file, n, dim)
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
    """Refines the starts of one batch of clips after the other; what is compiled is kept between them."""

    def __init__(self, generator, classifier, chosen: Method, tolerance, backend, batch_size, seed):
        objective = chosen.objective
        self._chosen, self._automatic = chosen, objective == "auto"
        self._limits = {"tolerance": tolerance, "batch_size": batch_size}
        self._backend, self._seed = backend, seed
        self._synthesized = objectives.Objective(objectives.PRESETS["synthesized"], generator)
        if self._automatic:
            weights = dict(objectives.PRESETS["real"])
            if classifier is None:
                weights = {
                    name: w for name, w in weights.items() if not objectives.PIECES[name].by_classifier
                }
        elif isinstance(objective, str):
            _check_choice("objective", objective, ["auto", *objectives.PRESETS])
            weights = objectives.PRESETS[objective]
        else:
            weights = objective
        self._objective = objectives.Objective(weights, generator, classifier)

    def __call__(self, clips: np.ndarray, begin: np.ndarray) -> lbfgs.Outcome:
        """Returns the best outcome for each of clips [n, num_samples] from starts [n, count, latent_dim]."""
        best = self._from(clips, begin[:, 0])
        for k in range(1, begin.shape[1]):
            todo = np.flatnonzero(best.objective > _GOAL)
            if len(todo):
                best = _better(best, self._from(clips[todo], begin[todo, k]), todo)
        return best

    def _from(self, clips, start) -> lbfgs.Outcome:
        if self._chosen.refine == "none":
            return _unrefined(self._synthesized if self._automatic else self._objective, clips, start)
        if not self._automatic:
            return self._minimize(self._objective, clips, start, self._chosen.max_iterations)
        most = self._chosen.max_iterations
        probe = self._minimize(self._synthesized, clips, start, min(_PROBE, most))
        own = probe.objective <= _EXPLAINED
        going = np.flatnonzero(own & (probe.status == lbfgs.RAN_OUT) & (most > _PROBE))
        rest = np.flatnonzero(~own)
        if len(going):
            more = self._minimize(self._synthesized, clips[going], probe.latents[going], most - _PROBE)
            probe = _replaced(probe, more, going)
        if len(rest):
            probe = _replaced(probe, self._minimize(self._objective, clips[rest], start[rest], most), rest)
        return probe

    def _minimize(self, objective, clips, start, iterations) -> lbfgs.Outcome:
        goal = _GOAL if "waveform" in objective.weights else 0.0
        limits = {"max_iterations": iterations, "goal": goal, **self._limits}
        refine = self._chosen.refine
        if refine == "adam":
            return adam.minimize(objective, clips, start, seed=self._seed, **limits)
        if self._backend == "scipy":
            limits.pop("batch_size")
            return scipy_backend.minimize(objective, clips, start, **limits)
        if refine == "gauss_newton":
            limits.update(metric=gauss_newton.metric(objective), round_length=gauss_newton.ROUND_LENGTH)
        outcome = lbfgs.minimize(objective, clips, start, **limits)
        if refine == "gauss_newton" and goal:
            outcome = outcome._replace(
                latents=gauss_newton.polish(objective, clips, outcome.latents, outcome.objective <= goal)
            )
        return outcome


def _unrefined(objective, clips, start) -> lbfgs.Outcome:
    began, n = time.perf_counter(), len(clips)
    value = objective.value(start, objective.targets(tf.constant(clips), tf.constant(start))).numpy()
    zeros, ones = np.zeros(n, np.int32), np.ones(n, np.int32)
    seconds = np.full(n, (time.perf_counter() - began) / n, np.float32)
    return lbfgs.Outcome(start, value, zeros, ones, ones * lbfgs.CONVERGED, seconds, [[] for _ in range(n)])


def _replaced(old: lbfgs.Outcome, new: lbfgs.Outcome, rows: np.ndarray) -> lbfgs.Outcome:
    """Returns `old` with `new` at `rows`; what both took is added up."""
    fields = {name: np.array(getattr(old, name)) for name in ("latents", "objective", "status")}
    for name in fields:
        fields[name][rows] = getattr(new, name)
    return _with_costs(old, new, rows, fields)


def _better(old: lbfgs.Outcome, new: lbfgs.Outcome, rows: np.ndarray) -> lbfgs.Outcome:
    """Like `_replaced`, but only where the objective is lower."""
    fields = {name: np.array(getattr(old, name)) for name in ("latents", "objective", "status")}
    wins = new.objective < old.objective[rows]
    for name in fields:
        fields[name][rows[wins]] = getattr(new, name)[wins]
    return _with_costs(old, new, rows, fields)


def _with_costs(old, new, rows, fields) -> lbfgs.Outcome:
    for name in ("iterations", "evaluations", "seconds"):
        fields[name] = np.array(getattr(old, name))
        fields[name][rows] += getattr(new, name)
    trace = list(old.trace)
    for row, points in zip(rows, new.trace):
        trace[row] = trace[row] + [(old.iterations[row] + i, value) for i, value in points]
    return lbfgs.Outcome(**fields, trace=trace)


def _result(outcomes, finite, generator, names, chosen: Method, batch_size) -> result.InversionResult:
    """Puts the batches together, with rows of NaN for the clips that could not be inverted."""
    words = np.array(["failed", "converged", "failed", "ran out"])

    def spread(name, fill, shape=(), dtype=np.float32):
        array = np.full((len(finite), *shape), fill, dtype)
        if outcomes:
            array[finite] = np.concatenate([getattr(outcome, name) for outcome in outcomes])
        return array

    latents = spread("latents", np.nan, (generator.latent_dim,))
    batches = range(0, len(latents), batch_size)
    reconstructions = [generator(latents[i : i + batch_size]).numpy() for i in batches]
    status = words[spread("status", lbfgs.FAILED, dtype=np.int32)]
    ran_out = np.sum(status[finite] == "ran out")
    if ran_out:
        _log.warning("%d of %d clips ran out of %d iterations", ran_out, len(finite), chosen.max_iterations)
    if chosen.refine == "none":
        status[:] = "encoded"
    traces = iter([np.array(points) for outcome in outcomes for points in outcome.trace])
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
        names=names,
        trace=[next(traces) if good else np.zeros((0, 2)) for good in finite],
    )
