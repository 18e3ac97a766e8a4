"""From audio files to clips: the one preprocessing of training, evaluation and inversion.

Mono unless several channels are asked for, resampled, the first `num_samples`
samples, zero-padded at the end, the level untouched unless a peak is asked for.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import os
from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.audio import decoding
from tf_inversion.audio.folders import audio_files
from tf_inversion.audio.layouts import ClipList, find_clips
from tf_inversion.audio.names import unique_names, unused_name
from tf_inversion.audio.reports import ClipReport, few

__all__ = [
    "NUM_SAMPLES",
    "SAMPLE_RATE",
    "CheckedClips",
    "ClipList",
    "ClipReport",
    "LoadedClips",
    "audio_files",
    "check_clips",
    "clip_dataset",
    "find_clips",
    "load_clips",
    "unused_name",
]

SAMPLE_RATE = 16000  # Hz, of the official WaveGAN
NUM_SAMPLES = 16384
SILENCE = 1e-4  # peak of what counts as silent: -80 dB of full scale
_MARGIN = 0.05  # seconds read beyond the slice, for the resampling filter
_CEILING = 0.999  # three successive samples at or above it count as clipped
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class CheckedClips(ClipList):
    """The readable clips of a list, with what is needed to read them, and the report on all.

    Attributes:
      num_channels: that they are read with.
    """

    sources: list[decoding.AudioFile] = dataclasses.field(default_factory=list)
    report: ClipReport = dataclasses.field(default_factory=ClipReport)
    num_channels: int = 1


@dataclasses.dataclass(frozen=True)
class LoadedClips:
    """Clips in memory.

    Attributes:
      audio: float32 [n, num_samples], or [n, num_channels, num_samples].
      names: n different names to call the results by; see `names.unique_names`.
      paths: the file that each clip comes from.
      report: what was noticed, unreadable files included.
    """

    audio: np.ndarray
    names: list[str]
    paths: list[str]
    report: ClipReport


def check_clips(
    clips: ClipList,
    num_samples: int = NUM_SAMPLES,
    sample_rate: int = SAMPLE_RATE,
    whole: bool = False,
    least: int = 0,
    progress: Callable[[Iterable], Iterable] = iter,
    num_channels: int = 1,
) -> CheckedClips:
    """Reads each file once, logs what is noticed, and leaves out the unreadable.

    What remains is known to decode, so that positions in it can be counted on
    when training resumes.

    Args:
      clips: from find_clips.
      num_samples, sample_rate: the slice that will be used, or, if `whole`,
        of which all will be used.
      least: so many must be readable, and not all of them silent.
      progress: wraps the loop over the clips; tqdm for a bar.
      num_channels: that will be used; files have so many, or one.

    Raises:
      DatasetError: if fewer are, or `least` is not 0 and all are silent.
    """
    seconds = num_samples / sample_rate
    report, sources = ClipReport(), {}
    unique = list(dict.fromkeys(clips.paths))
    for path in progress(unique):
        try:
            source, samples = decoding.open_audio(path, None if whole else seconds + _MARGIN, num_channels)
        except errors.AudioFileError as error:
            report.unreadable[path] = str(error)
            continue
        if not whole:
            samples = samples[..., : math.ceil(seconds * source.sample_rate)]
            if source.num_frames > samples.shape[-1]:
                report.longer.append(path)
        if source.sample_rate != sample_rate:
            report.resampled.append(path)
        for oddity in source.oddities:
            getattr(report, oddity).append(path)
        level = np.abs(samples)
        if level.max() <= SILENCE:
            report.silent.append(path)
        loud = level >= _CEILING
        if (loud[..., :-2] & loud[..., 1:-1] & loud[..., 2:]).any():
            report.clipped.append(path)
        sources[path] = source
    if least and 0 < len(sources) == len(report.silent):
        raise errors.DatasetError(
            f"{few(clips.paths)}: all {len(sources)} clips are silent; give recordings with sound"
        )
    for line in report.lines():
        _log.warning(line)
    if len(sources) < least:
        raise errors.DatasetError(
            f"{few(clips.paths)}: {len(sources)} of {len(unique)} readable; needed are at least {least}"
        )
    kept = clips.pick(i for i, path in enumerate(clips.paths) if path in sources)
    kept_sources = [sources[path] for path in kept.paths]
    return CheckedClips(kept.paths, kept.labels, kept.label_names, kept_sources, report, num_channels)


def clip_dataset(
    clips: ClipList,
    *,
    batch_size: int,
    num_samples: int = NUM_SAMPLES,
    sample_rate: int = SAMPLE_RATE,
    peak: float = 0.0,
    shuffle_seed: int | None = None,
    start: int = 0,
    repeat: bool = False,
) -> tf.data.Dataset:
    """Batches of (audio float32 [batch, num_samples], label int64 [batch], -1 if unlabelled).

    Of clips that were checked for several channels, audio is [batch, num_channels, num_samples].

    The order depends on nothing but the arguments: epoch e is shuffled by
    (shuffle_seed, e), and `start` gives the very batches that a run from 0
    gives from there on. Files before it are not read. Nothing is cached: what
    is held per clip is its path.

    Args:
      clips: from find_clips; checked first unless check_clips has done so.
      peak: scale each clip to this largest magnitude, silent ones excepted; 0 for none.
      shuffle_seed: None keeps the order of the list.
      start: number of batches to skip.
      repeat: go on for ever, in full batches that run across the ends of epochs.

    Raises:
      DatasetError: if no clip is readable.
    """
    if not isinstance(clips, CheckedClips):
        clips = check_clips(clips, num_samples, sample_rate)
    if not len(clips):
        bad = clips.report.unreadable
        raise errors.DatasetError(f"none of {len(bad)} clips can be read: {few(bad)}")
    labels = tf.constant(clips.labels or [-1] * len(clips), tf.int64)
    waveform = decoding.reader(clips.sources, sample_rate, clips.num_channels)
    shape = _shape(num_samples, clips.num_channels)

    def load(i: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return _fit(waveform(i), shape, peak), labels[i]

    indices = _indices(len(clips), shuffle_seed, start * batch_size, repeat)
    dataset = indices.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return dataset.batch(batch_size, drop_remainder=repeat).prefetch(tf.data.AUTOTUNE)


def load_clips(
    paths: Iterable[str | os.PathLike],
    num_samples: int = NUM_SAMPLES,
    sample_rate: int = SAMPLE_RATE,
    peak: float = 0.0,
    all_slices: bool = False,
    progress: Callable[[Iterable], Iterable] = iter,
    num_channels: int = 1,
) -> LoadedClips:
    """Loads files, preprocessed as in training; what can't be read is in the report.

    Args:
      paths: audio files.
      peak: as in clip_dataset.
      all_slices: take a longer file's every slice, the last one zero-padded;
        their names end in _0000, _0001, and so on.
      progress: wraps loops over the files, which are read twice; tqdm for bars.
      num_channels: of the clips; files have so many, or one.
    """
    clips = ClipList([os.fspath(path) for path in paths])
    clips = check_clips(
        clips, num_samples, sample_rate, whole=all_slices, progress=progress, num_channels=num_channels
    )
    audio, names, origins = [], [], []
    own_names = unique_names(clips.paths)
    taken = set(own_names)
    waveform = decoding.reader(clips.sources, sample_rate, num_channels)
    shape = _shape(num_samples, num_channels)

    def slices(i: tf.Tensor) -> tf.Tensor:
        samples = tf.ensure_shape(waveform(i), [*shape[:-1], None])
        samples = samples if all_slices else samples[..., :num_samples]
        samples = _padded(samples, tf.maximum(1 - tf.shape(samples)[-1], 0))  # one slice at the least
        parts = tf.signal.frame(samples, num_samples, num_samples, pad_end=True)
        if num_channels > 1:
            parts = tf.transpose(parts, [1, 0, 2])
        return tf.map_fn(lambda part: _fit(part, shape, peak), parts)

    dataset = tf.data.Dataset.range(len(clips)).map(slices, num_parallel_calls=tf.data.AUTOTUNE)
    with decoding.file_errors():
        loaded = zip(progress(clips.paths), own_names, dataset.as_numpy_iterator())
        for path, name, parts in loaded:
            audio += list(parts)
            many = len(parts) > 1
            names += [unused_name(f"{name}_{k:04d}", taken) for k in range(len(parts))] if many else [name]
            origins += [path] * len(parts)
    return LoadedClips(np.array(audio, np.float32).reshape(-1, *shape), names, origins, clips.report)


def _indices(count: int, seed: int | None, skipped: int, repeat: bool) -> tf.data.Dataset:
    """Positions in the list of clips, epoch after epoch."""
    first_epoch, within = divmod(skipped, count)

    def epoch_order(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.range(count, dtype=tf.int64)
        if seed is not None:
            order = tf.random.experimental.stateless_shuffle(order, tf.stack([seed, epoch]))
        return tf.data.Dataset.from_tensor_slices(order)

    epochs = tf.data.Dataset.range(first_epoch, tf.int64.max if repeat else 1)
    return epochs.flat_map(epoch_order).skip(within)


def _shape(num_samples: int, num_channels: int) -> list[int]:
    return [num_samples] if num_channels == 1 else [num_channels, num_samples]


def _fit(samples: tf.Tensor, shape: list[int], peak: float) -> tf.Tensor:
    """Cuts or zero-pads [..., n] to a shape [..., num_samples] and sets its level."""
    samples = tf.ensure_shape(samples, [*shape[:-1], None])[..., : shape[-1]]
    samples = tf.ensure_shape(_padded(samples, shape[-1] - tf.shape(samples)[-1]), shape)
    if not peak:
        return samples
    largest = tf.reduce_max(tf.abs(samples))
    return tf.where(largest > SILENCE, samples * (peak / largest), samples)


def _padded(samples: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Puts zeros behind the last axis."""
    return tf.pad(samples, [*[[0, 0]] * (samples.shape.rank - 1), [0, count]])
