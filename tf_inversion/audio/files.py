"""Audio files in and out, one at a time: the plain Python side.

Reading inside tf.data, where tensorflow-io does the work, is in decoding.py,
which falls back to this.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import math
import os
import re
import threading
from collections.abc import Iterator

import numpy as np
import scipy.io.wavfile
import soundfile
import soxr

from tf_inversion import errors, paths
from tf_inversion.audio import containers

LOUDEST = 1e10  # integers taken for floats reach 2**31; sums of far larger squares overflow float32
SAMPLE_RATES = (1_000, 1_000_000)  # Hz; what claims another is no sound, or damaged
MAX_FRAMES = 2**28  # of a file: 1 GB in memory, 1.5 hours at 48 kHz; compressed silence can claim any length
_BLOCK = 2**13  # frames read at a time, so that what comes before damage is not lost with it
_UNKNOWN = 2**40  # libsndfile's number of frames where there is none in the header is larger
_DECODERS_WORDS = re.compile(r"\[src/libmpg123|Warning: |Note: ")  # how libmpg123 begins its lines on stderr
_STDERR = threading.Lock()


@dataclasses.dataclass(frozen=True)
class Recording:
    """What was read of a file.

    Attributes:
      samples: float32 [n], channels averaged, or [channels, n], full scale at 1.
      sample_rate: in Hz, the file's own.
      num_frames: samples of the whole file, as far as is known.
      num_channels: of the file.
      encoding: container and encoding in libsndfile's words, such as ("WAV", "PCM_16").
      canonical: a WAV file in which every size is true.
      oddities: of "cut", "endless" and "faulty", what is wrong with the file though it can be read.
    """

    samples: np.ndarray
    sample_rate: int
    num_frames: int
    num_channels: int
    encoding: tuple[str, str]
    canonical: bool = False
    oddities: frozenset[str] = frozenset()


def read_audio(
    path: str | os.PathLike, num_frames: int = -1, num_channels: int = 1
) -> tuple[np.ndarray, int]:
    """Reads a file, its channels averaged if one is wanted.

    Args:
      path: WAV of any width, FLAC, OGG (Vorbis, Opus), MP3, AIFF, AU, CAF, W64 or NIST Sphere.
      num_frames: read no more than so many samples; -1 for all.
      num_channels: wanted; a mono file has the same in all.

    Returns:
      samples: float32 [n], or [num_channels, n] if several are wanted, full scale at 1.
      sample_rate: in Hz, the file's own.

    Raises:
      AudioFileError: as `read`.
    """
    recording = read(path, num_frames=num_frames, num_channels=num_channels)
    return recording.samples, recording.sample_rate


def read(
    path: str | os.PathLike, seconds: float | None = None, num_frames: int = -1, num_channels: int = 1
) -> Recording:
    """Reads a file with soundfile, in memory that what it holds determines, not what it claims.

    Args:
      path: as in `read_audio`.
      seconds: read no more than this; None for no such limit.
      num_frames: read no more than so many samples; -1 for no such limit.
      num_channels: as in `read_audio`.

    Raises:
      AudioFileError: if the file can't be opened, is damaged, empty or of a format that is not read, has a
        sample rate outside `SAMPLE_RATES`, more than `MAX_FRAMES` or another number of channels than several
        that are wanted, or holds values that are not finite or over `LOUDEST`.
    """
    container = containers.inspect(path)
    oddities = {name for name in ("cut", "endless") if getattr(container, name)}
    with contextlib.ExitStack() as stack:
        complaints = stack.enter_context(_complaints()) if container.kind == "MP3" else []
        try:
            # By its descriptor, since libsndfile would believe a name's suffix; patched, through Python.
            source = stack.enter_context(_Patched(path, *(container.patch or (0, b""))))
            opened = source if container.patch else source.fileno()
            file = stack.enter_context(_Forward(opened, closefd=False))
            if not SAMPLE_RATES[0] <= file.samplerate <= SAMPLE_RATES[1]:
                raise errors.AudioFileError(
                    f"{path}: has a sample rate of {file.samplerate:,} Hz; convert it to one between "
                    f"{SAMPLE_RATES[0]:,} and {SAMPLE_RATES[1]:,}"
                )
            if num_channels > 1 and file.channels not in (1, num_channels):
                raise errors.AudioFileError(
                    f"{path}: has {file.channels} channels, but {num_channels} are wanted; mix it down"
                )
            wanted = num_frames if seconds is None else math.ceil(seconds * file.samplerate)
            frames, ended = _frames(path, file, wanted, average=num_channels == 1)
        except OSError as error:
            raise errors.AudioFileError(f"{path}: can't be read ({error.strerror or error})") from error
        except (soundfile.LibsndfileError, ValueError, MemoryError) as error:
            reason = getattr(error, "error_string", str(error)).strip(" .") or "damaged"
            raise errors.AudioFileError(
                f"{path}: not readable as audio ({reason}); convert it to WAV, FLAC, OGG or MP3"
            ) from error
        claimed = file.frames
    # An MP3 file's number of frames may be an estimate.
    if ended == "damage" or (ended and len(frames) < claimed < _UNKNOWN and container.kind != "MP3"):
        oddities.add("cut")
    if claimed >= _UNKNOWN:
        oddities.add("endless")
    if complaints and not oddities:
        oddities.add("faulty")
    if num_channels > 1:
        frames = np.broadcast_to(frames, (len(frames), num_channels))
    return Recording(
        np.ascontiguousarray(frames.T),
        file.samplerate,
        len(frames) if ended else claimed,
        file.channels,
        (container.kind, file.subtype),
        container.canonical,
        frozenset(oddities),
    )


class _Forward(soundfile.SoundFile):
    """Reads on and on; soundfile would seek after each read, which fails in a FLAC of unknown length."""

    def seekable(self) -> bool:
        return False


class _Patched(io.FileIO):
    """A file of which the bytes at `position` are read as others."""

    def __init__(self, path: str | os.PathLike, position: int, patch: bytes):
        super().__init__(path)
        self.name = ""  # by which soundfile would choose a format
        self._position, self._patch = position, patch

    def readinto(self, buffer) -> int:
        start = self.tell()
        count = super().readinto(buffer)
        view = memoryview(buffer).cast("B")
        first, last = max(start, self._position), min(start + count, self._position + len(self._patch))
        if first < last:
            view[first - start : last - start] = self._patch[first - self._position : last - self._position]
        return count


def _frames(
    path: str | os.PathLike, file: soundfile.SoundFile, wanted: int, average: bool
) -> tuple[np.ndarray, str]:
    """Reads float32 [n, channels], or [n] if averaged, and tells why no more: "end", "damage" or "".

    Reads all, or at most `wanted`.
    """
    limit = wanted if 0 <= wanted <= MAX_FRAMES else MAX_FRAMES + 1
    blocks, total, ended = [], 0, ""
    while total < limit and not ended:
        space = np.full((min(_BLOCK, limit - total), file.channels), np.nan, np.float32)
        try:
            block = file.read(out=space)
            ended = "end" if len(block) < len(space) else ""
        except soundfile.LibsndfileError:
            block, ended = space[~np.isnan(space[:, -1])], "damage"  # what was read until there
            if not total + len(block):
                raise
        if not (np.abs(block) <= LOUDEST).all():
            raise errors.AudioFileError(
                f"{path}: holds values that are not finite, or over {LOUDEST:g}; write it again"
            )
        blocks.append(block.mean(axis=1) if average else block)
        total += len(block)
    if not total:
        raise errors.AudioFileError(f"{path}: holds no audio; leave it out or record it again")
    if total > MAX_FRAMES:
        raise errors.AudioFileError(f"{path}: holds more than {MAX_FRAMES:,} samples; cut it in pieces")
    return np.concatenate(blocks), ended


@contextlib.contextmanager
def _complaints() -> Iterator[list[str]]:
    """Yields a list that at the end holds what libmpg123 has written to stderr, where it would name no file.

    What others write there meanwhile is passed on afterwards.
    """
    found: list[str] = []
    with _STDERR, contextlib.ExitStack() as stack:
        try:
            saved = os.dup(2)
        except OSError:  # closed: there is nothing to keep clean
            yield found
            return
        stack.callback(os.close, saved)
        kept = stack.enter_context(open(os.memfd_create("stderr"), "rb"))
        os.dup2(kept.fileno(), 2)
        try:
            yield found
        finally:
            os.dup2(saved, 2)
            kept.seek(0)
            for line in kept.read().splitlines(keepends=True):
                if _DECODERS_WORDS.match(text := line.decode(errors="replace")):
                    found.append(text.strip())
                elif line.strip():
                    os.write(2, line)


def write_audio(
    path: str | os.PathLike, samples: np.ndarray, sample_rate: int, subtype: str = "FLOAT"
) -> None:
    """Writes a WAV file: the same samples give the same bytes, and no half file is ever left.

    Args:
      path: the file to make or replace; its folder is made if absent.
      samples: float [n] or [channels, n], full scale at 1.
      sample_rate: in Hz.
      subtype: "FLOAT" (32-bit, exact), or a libsndfile one such as "PCM_16",
        which clips what lies outside [-1, 1].

    Raises:
      InvalidArgumentError: if WAV has no such subtype.
    """
    if not soundfile.check_format("WAV", subtype):
        raise errors.InvalidArgumentError(f"subtype: {subtype!r} is none of WAV; use FLOAT or PCM_16")
    samples = np.asarray(samples, np.float32).T  # files have channels last
    contents = io.BytesIO()
    if subtype == "FLOAT":
        # libsndfile would stamp the time of writing into a float file (its PEAK chunk).
        scipy.io.wavfile.write(contents, sample_rate, samples)
    else:
        soundfile.write(contents, samples, sample_rate, subtype=subtype, format="WAV")
    with paths.writing(path) as unfinished:
        unfinished.write_bytes(contents.getvalue())


def resample(samples: np.ndarray, rate: int, sample_rate: int) -> np.ndarray:
    """Resamples float32 [n] or [channels, n] from `rate` to `sample_rate` Hz with soxr's HQ setting.

    tfio.audio.resample is not used. Measured on sines, it answers 32 samples
    (2 ms) late at 16 kHz, 64 when it doubles the rate, loses as many samples
    at the end, is 0.4 dB down at 7 kHz and 11 dB at 7.5 kHz (soxr: 0.4 dB),
    and filters even when the rates are equal.
    """
    return soxr.resample(samples.T, rate, sample_rate, quality="HQ").T
