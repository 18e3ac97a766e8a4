"""Audio decoding inside tf.data: tensorflow-io where it is sound, soundfile for the rest.

tensorflow-io's decoders are fast, need no Python, and give the samples of
libsndfile bit for bit (compressed formats: within 1e-6). But they return no
sample rate, must be told the sample type, take 32-bit integers for floats and
mu-law for PCM, allocate whatever a header claims, and end the process or hang
on some that lie. So `open_audio` reads each file once with soundfile before
use, and tensorflow-io gets only bytes of which the sizes are known to be true
and both have read the same. A file that has changed since is soundfile's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import os
import re
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.audio import files

# (container, encoding) -> (tensorflow-io's decoder, sample type, zero level, full scale)
_NATIVE = {
    ("WAV", "PCM_U8"): ("decode_wav", tf.uint8, 128, 2**7),
    ("WAV", "PCM_16"): ("decode_wav", tf.int16, 0, 2**15),
    ("WAV", "PCM_24"): ("decode_wav", tf.int32, 0, 2**31),
    ("WAV", "FLOAT"): ("decode_wav", tf.float32, 0, 1),
    ("FLAC", "PCM_S8"): ("decode_flac", tf.uint8, 128, 2**7),
    ("FLAC", "PCM_16"): ("decode_flac", tf.int16, 0, 2**15),
    ("FLAC", "PCM_24"): ("decode_flac", tf.int32, 0, 2**31),
    ("OGG", "VORBIS"): ("decode_vorbis", None, 0, 1),
    ("MP3", "MPEG_LAYER_III"): ("decode_mp3", None, 0, 1),
}
_SOUNDFILE = 0  # the decoder of everything else; those of _NATIVE count from 1
_MAX_BYTES = 2**26  # of a file that tensorflow-io gets, which it takes in as a whole
_SAME = 1e-5  # largest difference of a sample between two decoders that agree
_WAV_OF_ONE_SAMPLE = (
    b"RIFF\x26\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\x02\0\0\0\0\0"
)
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class AudioFile:
    """A file known to decode.

    Attributes:
      sample_rate: its own, in Hz.
      num_frames: its length in samples, as far as is known.
      wanted: how many of them are to be read.
      decoder: the number of the decoder to read them with.
      fingerprint: of the bytes that this decoder was tried on.
      oddities: of "cut", "endless" and "faulty", what is wrong with the file though it can be read.
    """

    path: str
    sample_rate: int
    num_frames: int
    wanted: int
    decoder: int = _SOUNDFILE
    fingerprint: int = 0
    oddities: frozenset[str] = frozenset()


def open_audio(
    path: str, seconds: float | None = None, num_channels: int = 1
) -> tuple[AudioFile, np.ndarray]:
    """Reads a file with soundfile, and finds out whether tensorflow-io reads the same.

    Args:
      path: the file.
      seconds: how much of it is wanted; None for all.
      num_channels: of several, tensorflow-io is not tried.

    Returns:
      The file, and what is wanted of it: float32 [n], channels averaged, or [num_channels, n], at its own
      rate.

    Raises:
      AudioFileError: if it can't be read.
    """
    read = files.read(path, seconds, num_channels=num_channels)
    samples = read.samples
    found = AudioFile(path, read.sample_rate, read.num_frames, samples.shape[-1], oddities=read.oddities)
    if num_channels > 1 or not _trusted(read) or not tensorflow_io():
        return found, samples
    try:
        contents = _contents(path)
        # The shape is compared with what the header says before memory is taken for it.
        raw = _decoded(contents, read.encoding, shape=[len(samples), read.num_channels])
    except (OSError, tf.errors.OpError) as error:
        _log.debug("%s: tensorflow-io can't decode it (%s)", path, error)
        return found, samples
    native = _scaled(raw.numpy(), read.encoding).mean(axis=1)
    if np.abs(native - samples).max() < _SAME:
        decoder = 1 + list(_NATIVE).index(read.encoding)
        found = dataclasses.replace(found, decoder=decoder, fingerprint=int(_fingerprint(contents)))
    return found, samples


def reader(
    sources: list[AudioFile], sample_rate: int, num_channels: int = 1
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns an operation for use inside tf.data that reads opened files.

    It takes a position in their list, int64 [], and gives float32 [n], channels averaged, or
    [num_channels, n], at `sample_rate`.
    """
    paths = tf.constant([os.fsencode(source.path) for source in sources], tf.string)
    wanted, rates, fingerprints = (
        tf.constant([getattr(source, name) for source in sources], tf.int64)
        for name in ("wanted", "sample_rate", "fingerprint")
    )
    used = sorted({_SOUNDFILE, *(source.decoder for source in sources)})
    branches = tf.constant([used.index(source.decoder) for source in sources], tf.int32)
    encodings = [list(_NATIVE)[decoder - 1] for decoder in used[1:]]

    def waveform(i: tf.Tensor) -> tf.Tensor:
        contents = tf.cond(branches[i] > 0, lambda: tf.io.read_file(paths[i]), lambda: "")
        unchanged = tf.equal(_fingerprint(contents), fingerprints[i])

        def with_soundfile() -> tf.Tensor:
            return tf.numpy_function(_read, [paths[i], wanted[i], rates[i], num_channels], tf.float32)

        def with_tensorflow_io(encoding: tuple[str, str]) -> tf.Tensor:
            return tf.reduce_mean(_scaled(_decoded(contents, encoding), encoding), axis=1)

        native = [functools.partial(with_tensorflow_io, encoding) for encoding in encodings]
        samples = tf.switch_case(tf.where(unchanged, branches[i], 0), [with_soundfile, *native])
        return tf.cond(
            tf.equal(rates[i], sample_rate),
            lambda: samples,
            lambda: tf.numpy_function(files.resample, [samples, rates[i], sample_rate], tf.float32),
        )

    return waveform


@contextlib.contextmanager
def file_errors() -> Iterator[None]:
    """Raises as AudioFileError what TensorFlow raises of a file that has vanished or changed meanwhile."""
    try:
        yield
    except tf.errors.OpError as error:
        if ours := re.search(r"AudioFileError: (.*)", error.message):
            raise errors.AudioFileError(ours[1]) from error
        if isinstance(error, (tf.errors.NotFoundError, tf.errors.PermissionDeniedError)):
            raise errors.AudioFileError(f"{error.message.splitlines()[0]}; it was there before") from error
        raise


def _trusted(read: files.Recording) -> bool:
    """Whether tensorflow-io may be tried: on files read to their end, in which nothing was amiss."""
    whole = read.num_frames == len(read.samples) and not read.oddities
    return whole and read.encoding in _NATIVE and (read.canonical or read.encoding[0] != "WAV")


def _contents(path: str) -> bytes:
    with open(path, "rb") as file:
        contents = file.read(_MAX_BYTES + 1)
    if len(contents) > _MAX_BYTES:
        raise OSError("too large")
    return contents


def _fingerprint(contents: bytes | tf.Tensor) -> tf.Tensor:
    return tf.strings.to_hash_bucket_strong(contents, 2**63 - 1, key=[0, 0])


@functools.cache
def tensorflow_io():
    """Returns the module, or None if its native library does not load into this TensorFlow."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains of each file system that it can't add
            import tensorflow_io as tfio

            tfio.audio.decode_wav(_WAV_OF_ONE_SAMPLE, dtype=tf.int16)
    except (ImportError, NotImplementedError, OSError, tf.errors.OpError) as error:
        _log.info("soundfile decodes; tensorflow-io can't here: %s", error)
        return None
    return tfio


def _read(path: bytes, num_frames: int, sample_rate: int, num_channels: int) -> np.ndarray:
    samples, rate = files.read_audio(os.fsdecode(path), num_frames, num_channels)
    if rate != sample_rate or samples.shape[-1] != num_frames:
        raise errors.AudioFileError(f"{os.fsdecode(path)}: was changed while in use; start again")
    return samples


def _decoded(contents: bytes | tf.Tensor, encoding: tuple[str, str], shape=None) -> tf.Tensor:
    """Decodes with tensorflow-io to [n, channels] of the file's own sample type."""
    name, dtype, _, _ = _NATIVE[encoding]
    operation = getattr(tensorflow_io().audio, name)
    return operation(contents, shape=shape, **({"dtype": dtype} if dtype else {}))


def _scaled(raw: np.ndarray | tf.Tensor, encoding: tuple[str, str]) -> np.ndarray | tf.Tensor:
    """Returns float32, full scale at 1. NumPy stays NumPy: quicker where one file is tried at a time."""
    _, _, zero, full_scale = _NATIVE[encoding]
    floats = tf.cast(raw, tf.float32) if tf.is_tensor(raw) else raw.astype(np.float32)
    return (floats - zero) / full_scale
