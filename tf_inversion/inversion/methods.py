"""The named methods, each an initializer and a solver, and the one call that runs them."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

import keras
import numpy as np

from tf_inversion import errors, losses
from tf_inversion.audio import clips as clip_files
from tf_inversion.audio import files
from tf_inversion.batching import in_batches
from tf_inversion.generators import adjusted, base, loading
from tf_inversion.inversion import (
    auto,
    batch,
    compiled,
    initializers,
    restarts,
    result,
    solvers,
    uncertainty,
)

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Keeps `invert` from warning, where clips run out of iterations as a matter of course."""
    level = _log.level
    _log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        _log.setLevel(level)


@dataclasses.dataclass(frozen=True)
class Method:
    """Where it starts, with how many starts, how it is refined, for how many iterations, towards what.

    Objectives without the waveform get `phase_free_iterations` instead, if that is given. `options` are
    further ones of the refinement's `minimize`; another refinement gets none of them. Where no inverter
    belongs to the generator, `init_alone` takes the place of `init`, if it is given.
    """

    init: str
    refine: str
    max_iterations: int = 0
    starts: int = 1
    objective: str | Mapping[str, float] = "auto"
    phase_free_iterations: int | None = None
    tolerance: float | None = None
    options: Mapping[str, float] = dataclasses.field(default_factory=dict)
    init_alone: str | None = None

    def iterations_for(self, weights: Mapping[str, float]) -> int:
        return (
            self.max_iterations
            if "waveform" in weights
            else self.phase_free_iterations or self.max_iterations
        )

    @property
    def needs_inverter(self) -> bool:
        return self.init == "encoder" and self.init_alone is None


#: Sections 3.2 (encoder), 4.2 (gradient) and 4.4 (hybrid) of the paper, its hybrid with its own objective
#: and with the one that its code ran, and exact recovery.
METHODS = {
    "encoder": Method("encoder", "none"),
    "gradient": Method("random", "tfp_lbfgs", 50_000, starts=4),
    # To a clip that no z makes exactly, other starts are worth more than the last iterations of one.
    "hybrid": Method("encoder", "lbfgs", 200, starts=8, phase_free_iterations=60),
    "paper": Method("encoder", "lbfgs", 200, objective="paper"),
    "authors": Method("encoder", "lbfgs", 200, objective="authors"),
    # So near, half of the damping is enough, and each step worth a Jacobian of its own.
    "encoder_gauss_newton": Method(
        "encoder",
        "gauss_newton",
        20,
        objective="synthesized",
        tolerance=0.0,
        options={"steps": 1, "damping": 0.003},
    ),
    "least_squares": Method(
        "encoder", "gauss_newton", 200, starts=5, objective="synthesized", init_alone="screened"
    ),
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
    backend: str | None = None,
    init_file: str | os.PathLike | None = None,
    adjust: Iterable[str] = (),
    error_bars: bool = False,
    batch_size: int = 64,
    seed: int = 0,
    progress: Callable[[Iterable], Iterable] = iter,
    watch: Callable[[np.ndarray], object] | None = None,
) -> result.InversionResult:
    """Recovers the latent vectors of audio clips under a frozen generator.

    Args:
      audio: clips [n, num_samples] or one [num_samples], or the path of an audio file, or paths.
      generator: z [b, latent_dim] -> audio [b, num_samples]; default the embedded one.
      method: a name in `METHODS`; `init` to `objective` override its parts.
      inverter: audio -> z. Default, where the method starts with it: the embedded one; but least_squares
        starts at random latents only if a generator is given without an inverter.
      classifier: audio -> logits with activations, for objectives that need it.
      init: a name in `initializers.INITIALIZERS`.
      starts: how many starts; the best answer is kept. Further ones are for clips that are not solved
        (-60 dB by Gauss-Newton, -40 by the others), unless two starts agree on what is left (less than
        -10 dB, if it is of the waveform), or L-BFGS or Adam came to -10 dB of the waveform and ran out of
        iterations. In between the best answer so far is put back into [-1, 1] and refined again.
      refine: a name in `solvers.SOLVERS`.
      max_iterations: of the refinement, for each start; "auto" may take up to 200 more to find out what a
        clip needs. The default of "hybrid" is 200, and 60 where the objective is not of the waveform.
      objective: "auto", a preset, or weighted loss terms, see `losses.stages`; as a mapping, weights of
        `losses.LOSS_TERMS`. "auto" is "synthesized" for clips that the generator turns out to explain
        within 100 iterations (from the start, or else from the best of 1,024 random latents), for all
        others "real", or "phase_free" if there is no classifier or Gauss-Newton refines. Default: the
        method's own. Stages follow one another: "log_mel:40,synthesized" refines by log_mel for 40
        iterations first.
      tolerance: when a clip has converged, see `minimize` of the refinement. Default: the refinement's own.
      backend: of L-BFGS: "batched"; "tfp" for TensorFlow Probability's; "scipy", one clip at a time.
      init_file: latents to start at, for init="file", in the order of the clips.
      adjust: what may differ from the generator's own clips and is recovered with the latents: "gain",
        "shift" (`generators.adjusted`). The reconstructions have it.
      error_bars: compute `latent_std`, at the cost of a Jacobian for each clip.
      batch_size: how many clips are worked on at once; bounds the memory.
      seed: fixes every random choice.
      progress: wraps an iteration over clips that are done, for instance `tqdm.tqdm`; and one over the
        batches of `error_bars`.
      watch: shown after each round of the refinement (but not by the backend "scipy") the latents
        [b, latent_dim] of the clips at work, adjustments behind them. What it raises ends the inversion.

    Raises:
      InvalidArgumentError: for an unknown name, a count under 1, or clips of a wrong shape.
      AudioFileError: for a path that can't be read.
    """
    chosen = choose(
        method, init=init, starts=starts, refine=refine, max_iterations=max_iterations, objective=objective
    )
    if backend is not None:
        check_choice("backend", backend, solvers.LBFGS_BACKENDS)
        if chosen.refine in solvers.LBFGS_BACKENDS.values():
            chosen = dataclasses.replace(chosen, refine=solvers.LBFGS_BACKENDS[backend])
    if tolerance is not None and not tolerance >= 0:
        raise errors.InvalidArgumentError(f"tolerance: {tolerance}; give 0 or more")
    if init_file is not None and chosen.init != "file":
        raise errors.InvalidArgumentError(f"init_file: is given, but init is {chosen.init}; make it file")
    if chosen.init_alone and inverter is None and generator is not None:
        chosen = dataclasses.replace(chosen, init=chosen.init_alone)
    generator = generator or _embedded_generator()
    clips, names = _clips(audio, generator)
    adjust = tuple(dict.fromkeys(adjust))
    for name in adjust:
        check_choice("adjust", name, adjusted.UNITS)
    adjusting = compiled.kept(generator, adjusted.Adjusted, adjust) if adjust else generator
    finite = (np.abs(clips) <= files.LOUDEST).all(1)
    if not finite.all():
        _log.warning(
            "%d clip(s) hold NaN, infinity or more than %g: not inverted", np.sum(~finite), files.LOUDEST
        )

    good = clips[finite]
    solver = functools.partial(solvers.make, adjusting, chosen.refine, **chosen.options)
    if chosen.objective != "auto" or chosen.refine == "none":
        objective = "synthesized" if chosen.objective == "auto" else chosen.objective
        programs = [
            restarts.program(
                [
                    (solver(weights, classifier), iterations or chosen.iterations_for(weights))
                    for weights, iterations in losses.stages(objective)
                ]
            )
        ]
    else:
        heard = classifier is not None and chosen.refine != "gauss_newton"
        programs = [
            restarts.program([(solver(weights, classifier), chosen.iterations_for(weights))])
            for weights in (
                losses.PRESETS["synthesized"],
                losses.PRESETS["real" if heard else "phase_free"],
            )
        ]
    bar = _Bar(progress, len(good))

    def told(rows, shares, latents):
        bar.update(rows, shares)
        if watch:
            watch(latents)

    search = restarts.Search(
        good,
        programs,
        np.zeros(len(good), int),
        chosen.starts,
        chosen.tolerance if tolerance is None else tolerance,
        batch_size,
        seed,
        told,
    )

    def adjustable(latents: np.ndarray) -> np.ndarray:
        """Puts adjustments of 0 behind latents [..., latent_dim]."""
        return np.concatenate([latents, np.zeros((*latents.shape[:-1], len(adjust)), np.float32)], -1)

    def screen(rows: np.ndarray) -> np.ndarray:
        return adjustable(initializers.screened(good[rows], generator, 1, seed, batch_size)[:, 0])

    began = time.perf_counter()
    start = adjustable(_starts(good, finite, chosen, generator, inverter, init_file, seed, batch_size))
    starting = (time.perf_counter() - began) / max(len(good), 1)  # seconds per clip
    outcome = None
    if len(good):
        if len(programs) > 1:
            outcome = auto.descend(search, start[:, 0], screen)
        else:
            outcome = search.descend(np.arange(len(good)), start[:, 0])
        outcome = restarts.restart(search, outcome, start, generator)
        outcome = outcome._replace(seconds=outcome.seconds + starting)
    bar.close()
    return _result(outcome, clips, finite, adjusting, names, chosen, batch_size, error_bars, progress)


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Raises InvalidArgumentError if an argument is none of those that there are."""
    if value not in choices:
        raise errors.InvalidArgumentError(f"{name}: {value!r} is unknown; choose from {', '.join(choices)}")


def choose(method: str, **overrides) -> Method:
    """Returns a method of `METHODS` with other parts, those that are not None.

    Raises:
      InvalidArgumentError: for an unknown name or a count under 1.
    """
    check_choice("method", method, METHODS)
    chosen = dataclasses.replace(METHODS[method], **{k: v for k, v in overrides.items() if v is not None})
    if chosen.refine != METHODS[method].refine:
        chosen = dataclasses.replace(chosen, options={}, phase_free_iterations=None)
    if overrides.get("init") is not None:
        chosen = dataclasses.replace(chosen, init_alone=None)
    if overrides.get("max_iterations") is not None:
        chosen = dataclasses.replace(chosen, phase_free_iterations=None)
    check_choice("init", chosen.init, initializers.INITIALIZERS)
    check_choice("refine", chosen.refine, solvers.SOLVERS)
    if chosen.starts < 1:
        raise errors.InvalidArgumentError(f"starts: {chosen.starts}; give at least 1")
    if chosen.refine != "none" and chosen.max_iterations < 1:
        raise errors.InvalidArgumentError(f"max_iterations: {chosen.max_iterations}; give at least 1")
    if chosen.objective != "auto":
        losses.stages(chosen.objective)
    return chosen


class _Bar:
    """Takes shares of n clips' searches that are done for steps of an iteration over the clips."""

    def __init__(self, progress: Callable[[Iterable], Iterable], n: int):
        self._shares, self._shown, self._loop = np.zeros(n), 0, iter(progress(range(n)))

    def update(self, rows: np.ndarray, shares: np.ndarray) -> None:
        self._shares[rows] = np.maximum(self._shares[rows], shares)
        done = int(self._shares.sum() + 1e-6)
        list(itertools.islice(self._loop, done - self._shown))
        self._shown = done

    def close(self) -> None:
        list(self._loop)


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


def _starts(clips, finite, chosen: Method, generator, inverter, init_file, seed, batch_size) -> np.ndarray:
    """Returns starts [n, count, latent_dim], those most likely first; `finite` are n of all clips."""
    n, dim = len(clips), generator.latent_dim
    if not n:
        return np.zeros((0, chosen.starts, dim), np.float32)
    if chosen.init == "random":
        return initializers.random(n, chosen.starts, generator, seed)
    if chosen.init == "screened":
        return initializers.screened(clips, generator, chosen.starts, seed, batch_size)
    if chosen.init == "zero":
        first = np.zeros((n, dim), np.float32)
    elif chosen.init == "file":
        first = initializers.file(init_file, len(finite), dim)[finite]
    else:
        first = initializers.encoder(clips, _fitting(inverter or _embedded_inverter(), generator), batch_size)
    if chosen.starts == 1:
        return first[:, None]
    more = initializers.screened(clips, generator, chosen.starts - 1, seed, batch_size)
    return np.concatenate([first[:, None], more], 1)


def _fitting(inverter: keras.Model, generator: base.Generator) -> keras.Model:
    for name in ("latent_dim", "num_samples"):
        mine, wanted = getattr(inverter, name), getattr(generator, name)
        if mine != wanted:
            raise errors.InvalidArgumentError(
                f"inverter: made for {name} {mine}, but the generator has {wanted}; give one trained for it, "
                "or start without: init screened or random"
            )
    return inverter


@functools.lru_cache(maxsize=1)  # so that another call finds compiled what this one compiled
def _embedded_generator() -> base.Generator:
    return loading.load_generator()


@functools.lru_cache(maxsize=1)
def _embedded_inverter() -> keras.Model:
    from tf_inversion.networks import loading as network_loading

    return network_loading.load_inverter()


def _result(
    outcome, clips, finite, generator, names, chosen: Method, batch_size, error_bars, progress
) -> result.InversionResult:
    """Returns the outcome with rows of NaN for the clips that could not be inverted."""
    words = np.array(["failed", "converged", "failed", "ran out"])

    def spread(name, fill, shape=(), dtype=np.float32):
        array = np.full((len(finite), *shape), fill, dtype)
        if outcome:
            array[finite] = getattr(outcome, name)
        return array

    latents = spread("latents", np.nan, (generator.latent_dim,))
    status = words[spread("status", batch.FAILED, dtype=np.int32)]
    if failed := np.sum(status[finite] == "failed"):
        _log.warning("%d of %d clips failed: the search met no number, or no way on", failed, len(finite))
    if ran_out := np.sum(status[finite] == "ran out"):
        _log.warning("%d of %d clips ran out of iterations", ran_out, len(finite))
    if chosen.refine == "gauss_newton" and chosen.objective == "synthesized":
        strange = np.sum(spread("error_db", -np.inf) > restarts.NEAR_DB)
        if strange:
            _log.warning(
                "%d of %d clips stay unexplained (over %d dB): no sound of this generator; methods "
                "hybrid and, without an inverter, gradient keep more of what they say",
                strange,
                len(finite),
                restarts.NEAR_DB,
            )
    if chosen.refine == "none":
        status[:] = "encoded"
    latent_std = np.full_like(latents, np.nan) if error_bars else None
    known = np.isfinite(latents).all(1)
    if error_bars and known.any():
        latent_std[known] = uncertainty.standard_deviation(generator, clips[known], latents[known], progress)
    audio = in_batches(generator, latents, batch_size=batch_size)
    traces = iter([np.reshape(points, [-1, 2]) for points in (outcome.trace if outcome else ())])
    adjustments = None
    if isinstance(generator, adjusted.Adjusted):
        latents, adjustments = generator.split(latents)
        latent_std = latent_std if latent_std is None else latent_std[:, : latents.shape[1]]
    return result.InversionResult(
        latents=latents,
        audio=audio,
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
