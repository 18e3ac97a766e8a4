"""Audio decoding inside tf.data: tensorflow-io where it is sound, soundfile for the rest.

tensorflow-io's decoders are fast, need no Python, and give the samples of
libsndfile bit for bit (compressed formats: within 1e-6). But they return no
sample rate, must be told the sample type, take 32-bit integers for floats and
mu-law for PCM, fail on truncated files and odd chunks after the samples, and
some damaged headers make them divide by zero or hang. So `open_audio` reads each
file once with soundfile before use, and tensorflow-io gets it only if its header
makes sense and both read the same.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import math
import os
import struct
import warnings
from pathlib import Path

import numpy as np
import tensorflow as tf

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
_LONG = 20  # of a file this many times longer than wanted, soundfile reads no more than that
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
      num_frames: its length in samples.
      wanted: how many of them are to be read.
      decoder: the number of the decoder to read them with.
    """

    path: str
    sample_rate: int
    num_frames: int
    wanted: int
    decoder: int


def open_audio(path: str, seconds: float | None = None) -> tuple[AudioFile, np.ndarray]:
    """Reads a file with soundfile, and finds out whether tensorflow-io reads the same.

    Args:
      path: the file.
      seconds: how much of it is wanted; None for all.

    Returns:
      The file, and what is wanted of it: float32 [n], channels averaged, at its own rate.

    Raises:
      AudioFileError: if it can't be read.
    """
    with files.opened(path) as sound:
        wanted = -1 if seconds is None else math.ceil(seconds * sound.samplerate)
        samples = files.averaged(sound, wanted)
        found = AudioFile(path, sound.samplerate, sound.frames, len(samples), _SOUNDFILE)
        encoding = (sound.format.replace("WAVEX", "WAV"), sound.subtype)
    if encoding not in _NATIVE or found.num_frames > _LONG * len(samples) or not tensorflow_io():
        return found, samples
    contents = Path(path).read_bytes()
    if not _harmless(contents):
        return found, samples
    try:
        native = _scaled(_decoded(contents, encoding).numpy(), encoding).mean(axis=1)[: len(samples)]
    except tf.errors.OpError as error:
        _log.debug("%s: tensorflow-io can't decode it (%s)", path, error)
        return found, samples
    if len(native) == len(samples) and np.abs(native - samples).max() < _SAME:
        found = dataclasses.replace(found, decoder=1 + list(_NATIVE).index(encoding))
    return found, samples


def decode(path: tf.Tensor, decoder: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """Reads an opened file again; an operation for use inside tf.data.

    Args:
      path, decoder, wanted: those of its AudioFile, as string [], int32 [] and int64 [].

    Returns:
      float32 [wanted], channels averaged, at the file's own rate.
    """

    def with_soundfile() -> tf.Tensor:
        return tf.numpy_function(_read, [path, wanted], tf.float32)

    def with_tensorflow_io(encoding: tuple[str, str]) -> tf.Tensor:
        return tf.reduce_mean(_scaled(_decoded(tf.io.read_file(path), encoding), encoding), axis=1)

    native = [functools.partial(with_tensorflow_io, encoding) for encoding in _NATIVE]
    return tf.switch_case(decoder, [with_soundfile, *(native if tensorflow_io() else [])])[:wanted]


def _harmless(contents: bytes) -> bool:
    """Whether a file can be given to tensorflow-io, which divides by a WAV file's number of bytes a frame."""
    if not contents.startswith(b"RIFF"):
        return True
    channels, block, bits = struct.unpack_from("<22xH8xHH", contents.ljust(36))
    return contents[12:16] == b"fmt " and block == channels * bits // 8 > 0


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


def _read(path: bytes, num_frames: int) -> np.ndarray:
    return files.read_audio(os.fsdecode(path), num_frames)[0]


def _decoded(contents: bytes | tf.Tensor, encoding: tuple[str, str]) -> tf.Tensor:
    """Decodes with tensorflow-io to [n, channels] of the file's own sample type."""
    name, dtype, _, _ = _NATIVE[encoding]
    operation = getattr(tensorflow_io().audio, name)
    return operation(contents, dtype=dtype) if dtype else operation(contents)


def _scaled(raw: np.ndarray | tf.Tensor, encoding: tuple[str, str]) -> np.ndarray | tf.Tensor:
    """Returns float32, full scale at 1. NumPy stays NumPy: quicker where one file is tried at a time."""
    _, _, zero, full_scale = _NATIVE[encoding]
    floats = tf.cast(raw, tf.float32) if tf.is_tensor(raw) else raw.astype(np.float32)
    return (floats - zero) / full_scale
