"""Recovers the latent vectors of audio clips under a frozen generator."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.audio import files
from tf_inversion.audio.clips import load_clips
from tf_inversion.batching import in_batches
from tf_inversion.generators.adjusted import Adjusted
from tf_inversion.generators.base import Generator
from tf_inversion.inversion import batch, initializers
from tf_inversion.inversion.auto import AutoSearch
from tf_inversion.inversion.compiled import kept
from tf_inversion.inversion.conditions import for_each_class
from tf_inversion.inversion.methods import Method, plan
from tf_inversion.inversion.race import Race
from tf_inversion.inversion.result import InversionResult
from tf_inversion.inversion.search import NEAR_DB, Search, programs
from tf_inversion.inversion.settings import InversionSettings
from tf_inversion.inversion.solvers import solver_class
from tf_inversion.inversion.uncertainty import standard_deviation
from tf_inversion.models import ModelBundle

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


def invert(
    audio: Any,
    models: ModelBundle | Generator | None = None,
    settings: InversionSettings | str | None = None,
    *,
    progress: Callable[[Iterable], Iterable] = iter,
    watch: Callable[[np.ndarray], object] | None = None,
    **overrides: Any,
) -> InversionResult:
    """Recovers the latent vectors of audio clips under a frozen generator.

    Args:
      audio: clips [n, num_samples] or one [num_samples], floats in [-1, 1] or integers of 8, 16 or 32 bits;
        or the path of an audio file; or any iterable of clips or of paths. Of several channels
        [n, num_channels, num_samples], of features [n, *feature_shape].
      models: the generator, with what else a method needs; by default the pretrained ones. The class of a
        conditional generator's clip is recovered too, by trying every one. To a generator alone the
        pretrained inverter is added where the method starts with it, if it fits; least_squares then starts
        at best-of-N latents.
      settings: how to invert, or the name of a method.
      progress: wraps an iteration over the hundredths of the work, for instance `tqdm.tqdm`, which tells how
        long it may yet take at the most; and one over the batches of error bars.
      watch: shown after each round of the solver the latents [b, latent_dim] of the clips at work,
        adjustments behind them. What it raises ends the inversion.
      **overrides: fields of `InversionSettings` by name. An objective may be a mapping of weights.

    Raises:
      InvalidArgumentError: for settings that do not go together, models that do not fit, or clips of a
        wrong shape or type.
      AudioFileError: for a path that can't be read.
    """
    if not isinstance(settings, InversionSettings):
        settings = InversionSettings(method=settings) if settings else InversionSettings()
    settings = dataclasses.replace(settings, **overrides)
    models = ModelBundle.of(models)
    method = plan(settings, has_inverter=models.inverter is not None)
    clips, names = _clips(audio, models.generator)
    generator = models.generator
    if method.init == "encoder":
        models = models.with_inverter()

    def inverted(models: ModelBundle) -> InversionResult:
        return _invert(clips, models, method, settings, progress, watch)

    if generator.condition:
        with without_warnings():  # of what is no clip of one class
            result = for_each_class(inverted, clips, models, settings.batch_size)
        _warn(result.status, np.zeros(len(clips), bool))
    else:
        result = inverted(models)
    if generator.feature_shape:
        result = dataclasses.replace(result, audio=result.audio.reshape(-1, *generator.feature_shape))
    return dataclasses.replace(result, names=names)


def _invert(
    clips: np.ndarray,
    models: ModelBundle,
    method: Method,
    settings: InversionSettings,
    progress: Callable[[Iterable], Iterable],
    watch: Callable[[np.ndarray], object] | None,
) -> InversionResult:
    """Inverts clips [n, ..., num_samples] by a generator of latents alone."""
    if method.refine != "none" and not kept(models.generator, _has_gradient):
        raise errors.InvalidArgumentError(
            "generator: no gradient leads from its audio to the latents, since an operation on the way has "
            "none, or is a loop of TensorFlow 1; name a tensor before that by audio_tensor, such as the "
            "spectrogram, which can be inverted as features"
        )
    adjust = tuple(dict.fromkeys(settings.adjust))
    generator = kept(models.generator, Adjusted, adjust) if adjust else models.generator
    outcome = batch.Outcome.at(np.full((len(clips), generator.latent_dim), np.nan, np.float32))
    rows = np.flatnonzero((np.abs(clips) <= files.LOUDEST).all(tuple(range(1, clips.ndim))))
    bar = _Bar(progress, len(rows))

    def on_round(worked, shares, latents):
        bar.update(worked, shares)
        if watch:
            watch(latents)

    if len(rows):
        began = time.perf_counter()
        start = initializers.starts(method, clips, rows, models, settings)
        seconds = (time.perf_counter() - began) / len(rows)
        start = np.pad(start, [(0, 0), (0, 0), (0, len(adjust))])  # nothing adjusted
        found = programs(method, generator, models.classifier)
        kind = Search if len(found) == 1 else AutoSearch
        if method.race and (kind is Search or method.init == "encoder"):
            kind = Race
        search = kind(clips[rows], models.generator, method, settings, found, on_round)
        outcome = outcome.updated(rows, search.run(start))
        outcome.seconds[rows] += seconds
    bar.close()
    return _result(outcome, clips, rows, generator, method, settings, progress)


def _has_gradient(generator: Generator) -> bool:
    latents = tf.zeros([1, generator.latent_dim])
    try:
        with tf.GradientTape() as tape:
            tape.watch(latents)
            audio = generator(latents)
        return tape.gradient(audio, latents) is not None
    except (LookupError, ValueError, tf.errors.OpError):  # of operations without one, and of such loops
        return False


class _Bar:
    """Takes the shares of clips' searches that are done for steps of an iteration over hundredths."""

    def __init__(self, progress: Callable[[Iterable], Iterable], num_clips: int):
        self._shares, self._shown, self._loop = np.zeros(num_clips), 0, iter(progress(range(100)))

    def update(self, rows: np.ndarray, shares: np.ndarray) -> None:
        self._shares[rows] = np.maximum(self._shares[rows], shares)
        done = int(100 * self._shares.mean() + 1e-6)
        list(itertools.islice(self._loop, done - self._shown))
        self._shown = done

    def close(self) -> None:
        list(self._loop)


def _clips(audio, generator: Generator) -> tuple[np.ndarray, list[str] | None]:
    """Returns clips float32 [n, ..., num_samples] and their names, if they were paths."""
    if isinstance(audio, (str, os.PathLike)):
        audio = [audio]
    if not hasattr(audio, "__array__"):
        try:
            audio = list(audio)
        except TypeError:
            raise errors.InvalidArgumentError(f"audio: {audio!r} is neither clips nor paths") from None
        if audio and all(isinstance(path, (str, os.PathLike)) for path in audio):
            if generator.feature_shape:
                raise errors.InvalidArgumentError(
                    f"audio: the generator makes features of shape {generator.feature_shape}; give such"
                )
            loaded = load_clips(
                audio, generator.num_samples, generator.sample_rate, num_channels=generator.num_channels
            )
            if loaded.report.unreadable:
                raise errors.AudioFileError("; ".join(loaded.report.unreadable.values()))
            return loaded.audio, loaded.names
    try:
        clips = np.asarray(audio)
    except ValueError:
        raise errors.InvalidArgumentError("audio: its clips are not of one length") from None
    shape = generator.feature_shape or generator.compute_output_shape((None,))[1:]
    clips = _as_float(clips) if clips.size else np.zeros((0, *shape), np.float32)
    if clips.shape == shape:
        clips = clips[np.newaxis]
    if clips.shape[1:] != shape:
        one, many = ([*map(str, (*first, *shape))] for first in ((), ("n",)))
        raise errors.InvalidArgumentError(
            f"audio: shape {clips.shape}; the generator makes clips of {generator.num_samples} samples, "
            f"so give [{', '.join(many)}] or [{', '.join(one)}]"
        )
    return clips.reshape(len(clips), *generator.compute_output_shape((None,))[1:]), None


def _as_float(samples: np.ndarray) -> np.ndarray:
    """Returns samples as float32, integers by the full scale of their type: as WAV files hold them."""
    kind, bits = samples.dtype.kind, 8 * samples.dtype.itemsize
    if kind == "f":
        return samples.astype(np.float32)
    if kind == "i" and bits <= 32:
        return (samples / 2.0 ** (bits - 1)).astype(np.float32)
    if kind == "u" and bits == 8:
        return ((samples - 128.0) / 128.0).astype(np.float32)
    raise errors.InvalidArgumentError(
        f"audio: of type {samples.dtype}; give floats in [-1, 1] or integers of 8, 16 or 32 bits"
    )


def _result(
    outcome: batch.Outcome,
    clips: np.ndarray,
    rows: np.ndarray,
    generator: Generator,
    method: Method,
    settings: InversionSettings,
    progress: Callable[[Iterable], Iterable],
) -> InversionResult:
    """Returns the outcome for all clips, of which `rows` were inverted, and warns of what went wrong."""
    words = np.array(["failed", "converged", "failed", "ran out"])
    status = np.full(len(clips), "not finite")
    status[rows] = words[outcome.status[rows]] if method.refine != "none" else "encoded"
    far = (outcome.error_db > NEAR_DB) & (method.objective == "synthesized")
    far &= solver_class(method.refine).least_squares
    _warn(status, far)
    latents, latent_std, adjustments = outcome.latents, None, None
    if settings.error_bars:
        latent_std, known = np.full_like(latents, np.nan), np.isfinite(latents).all(1)
        if known.any():
            latent_std[known] = standard_deviation(generator, clips[known], latents[known], progress)
    audio = in_batches(generator, latents, batch_size=settings.batch_size)
    if isinstance(generator, Adjusted):
        latents, adjustments = generator.split(latents)
        latent_std = latent_std if latent_std is None else latent_std[:, : latents.shape[1]]
    return InversionResult(
        latents=latents,
        audio=audio,
        objective=outcome.objective,
        iterations=outcome.iterations,
        evaluations=outcome.evaluations,
        status=status,
        clip_seconds=outcome.seconds,
        latent_std=latent_std,
        adjustments=adjustments,
        trace=[np.reshape(points, [-1, 2]) for points in outcome.trace],
    )


def _warn(status: np.ndarray, far: np.ndarray) -> None:
    """Warns of clips by their status [n], and of those that are far [n] from what the generator makes."""
    for which, what in (
        (status == "not finite", f"hold NaN, infinity or more than {files.LOUDEST:g}: not inverted"),
        (status == "failed", "failed: the search met no number, or no way on"),
        (status == "ran out", "ran out of iterations"),
        (
            far,
            f"stay unexplained (over {NEAR_DB:g} dB): no sound of this generator; methods hybrid and, "
            "without an inverter, gradient keep more of what they say",
        ),
    ):
        if which.any():
            _log.warning("%d of %d clips %s", which.sum(), len(status), what)
