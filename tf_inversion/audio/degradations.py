"""What happens to a clip on its way to us: files, codecs, noise, resampling, another level or start."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable

import numpy as np
import soundfile

from tf_inversion.audio.files import resample

# libsndfile's scale from 160 kbit/s, at 0, to 8 kbit/s, at 1, for rates of 16 to 24 kHz.
_KBIT_128 = (160 - 128) / (160 - 8)
_MP3 = {
    "format": "MP3",
    "subtype": "MPEG_LAYER_III",
    "bitrate_mode": "CONSTANT",
    "compression_level": _KBIT_128,
}
_log = logging.getLogger(__name__)


def through_file(audio: np.ndarray, sample_rate: int, **file_format) -> np.ndarray:
    """Returns what is read of a clip float32 [n] after it was written to a file.

    Args:
      audio: float32 [n].
      sample_rate: in hertz.
      **file_format: of soundfile.write: format, subtype, compression_level and so on.
    """
    file = io.BytesIO()
    soundfile.write(file, audio, sample_rate, **file_format)
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


def with_noise(audio: np.ndarray, snr_db: float, rng: np.random.Generator) -> np.ndarray:
    """Adds white noise, `snr_db` decibels under the clip's own power, to a clip float32 [n]."""
    level = np.sqrt(np.mean(audio**2)) * 10 ** (-snr_db / 20)
    return audio + level * rng.standard_normal(len(audio), np.float32)


def degradations(sample_rate: int, rng: np.random.Generator) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Returns by name functions that degrade a clip: float32 [n] -> float32 [n].

    MP3 is left out, and a warning logged, where libsndfile is older than 1.1 and can't write it.

    Args:
      sample_rate: of the clips, in hertz.
      rng: draws the noise, anew at each call.
    """
    found = {
        "32-bit float WAV": lambda x: through_file(x, sample_rate, format="WAV", subtype="FLOAT"),
        "16-bit WAV": lambda x: through_file(x, sample_rate, format="WAV", subtype="PCM_16"),
        "white noise, SNR 40 dB": lambda x: with_noise(x, 40, rng),
        "white noise, SNR 20 dB": lambda x: with_noise(x, 20, rng),
        "MP3, 128 kbit/s": lambda x: through_file(x, sample_rate, **_MP3),
        "8 kHz and back": lambda x: resample(resample(x, sample_rate, 8000), 8000, sample_rate),
        "twice the level": lambda x: 2 * x,
        "3 samples late": lambda x: np.pad(x, (3, 0))[: len(x)],
    }
    if "MP3" not in soundfile.available_formats():
        _log.warning("MP3 is left out: libsndfile is older than 1.1")
        del found["MP3, 128 kbit/s"]
    return found
