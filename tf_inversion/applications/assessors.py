"""Differentiable scores of clips, which edits raise or lower: pitch, loudness, brightness, duration, a class.

An assessor, in the words of Goetschalckx, Andonian, Oliva and Isola (GANalyze, 2019), gives every clip a
number; `steering` follows its gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import librosa
import numpy as np
import tensorflow as tf

LOWEST, HIGHEST = 60.0, 600.0  # Hz, of the fundamental frequency
_OCTAVE_COST = 0.1  # which prefers the higher of two lags alike, since a period's multiples are periods too
_TEMPERATURE = 0.1  # of the choice between lags, in correlation
_VOICED_DB = 15.0  # frames this far below the loudest have no say in the pitch that is measured
_AUDIBLE_DB = 30.0  # below the loudest frame ends what counts as the sound
_SOFTNESS_DB = 3.0  # of that edge, for a gradient


class Assessor(NamedTuple):
    """A score of clips.

    Attributes:
      unit: of the score.
      score: audio [b, num_samples] and the sample rate in Hz -> [b], differentiable, to be raised.
      measure: the same by a standard way that has no useful gradient, to report; None: `score` does.
    """

    unit: str
    score: Callable[[tf.Tensor, int], tf.Tensor]
    measure: Callable[[tf.Tensor, int], np.ndarray] | None = None

    def report(self, audio: tf.Tensor, sample_rate: int) -> np.ndarray:
        """Returns what is reported of audio [b, num_samples]: [b]."""
        return np.asarray((self.measure or self.score)(audio, sample_rate))


def pitch(audio: tf.Tensor, sample_rate: int) -> tf.Tensor:
    """Expected fundamental frequency, in semitones above 1 Hz, of frames of 64 ms weighted by their power.

    The expectation is over lags, by a softmax of each frame's autocorrelation, divided by that of the
    window and with an octave cost (Boersma 1993); the lag of the highest peak alone would change by jumps.
    """
    length = round(0.064 * sample_rate)
    window = tf.signal.hann_window(length)
    lags = np.arange(int(sample_rate / HIGHEST), math.ceil(sample_rate / LOWEST) + 1)

    def autocorrelation(frames):
        spectrum = tf.signal.rfft(frames, [2 * length])
        power = tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))
        return tf.signal.irfft(tf.complex(power, 0.0), [2 * length])[..., : lags[-1] + 1]

    of_window = autocorrelation(window)
    found = autocorrelation(tf.signal.frame(audio, length, length // 2, pad_end=True) * window)
    power = tf.stop_gradient(found[..., 0] + 1e-9)
    correlation = (found / (found[..., :1] + 1e-6) * of_window[0] / of_window)[..., lags[0] :]
    cost = tf.constant(_OCTAVE_COST * np.log2(lags), tf.float32)
    chances = tf.nn.softmax((correlation - cost) / _TEMPERATURE)
    semitones = tf.constant(12 * np.log2(sample_rate / lags), tf.float32)
    expected = tf.reduce_sum(chances * semitones, -1)
    return tf.reduce_sum(power * expected, -1) / tf.reduce_sum(power, -1)


def median_pitch(audio: tf.Tensor, sample_rate: int) -> np.ndarray:
    """Median fundamental frequency of the loud frames, in semitones above 1 Hz, by YIN (librosa)."""
    samples, length = np.asarray(audio), 2 ** round(math.log2(0.064 * sample_rate))
    frames = {"frame_length": length, "hop_length": length // 2}
    frequency = librosa.yin(samples, fmin=LOWEST, fmax=HIGHEST, sr=sample_rate, **frames)
    level = librosa.feature.rms(y=samples, **frames)[:, 0]
    loud = level >= level.max(-1, keepdims=True) * librosa.db_to_amplitude(-_VOICED_DB)
    return 12 * np.log2(np.nanmedian(np.where(loud, frequency, np.nan), -1)).astype(np.float32)


def loudness(audio: tf.Tensor, sample_rate: int) -> tf.Tensor:
    """A-weighted mean level (IEC 61672), in dB relative to a full-scale sine of 1 kHz."""
    power, frequencies = _power(audio, sample_rate)
    weights = 10 ** (librosa.A_weighting(np.maximum(frequencies, 1.0)) / 10)
    return 10 * _log(tf.linalg.matvec(tf.reduce_mean(power, 1), tf.constant(weights, tf.float32)) + 1e-10, 10)


def brightness(audio: tf.Tensor, sample_rate: int) -> tf.Tensor:
    """Spectral centroid of the mean magnitude spectrum (Schubert and Wolfe 2006), in octaves above 1 Hz."""
    power, frequencies = _power(audio, sample_rate)
    magnitude = tf.reduce_mean(tf.sqrt(power + 1e-12), 1)
    moment = tf.linalg.matvec(magnitude, tf.constant(frequencies, tf.float32))
    return _log(moment / tf.reduce_sum(magnitude, 1), 2)


def duration(audio: tf.Tensor, sample_rate: int) -> tf.Tensor:
    """Seconds in frames of 16 ms whose level is within 30 dB of the loudest one's."""
    length = round(0.016 * sample_rate)
    frames = tf.signal.frame(audio, length, length, pad_end=True)
    level = 10 * _log(tf.reduce_mean(tf.square(frames), -1) + 1e-10, 10)
    threshold = tf.reduce_max(level, -1, keepdims=True) - _AUDIBLE_DB
    return 0.016 * tf.reduce_sum(tf.sigmoid((level - threshold) / _SOFTNESS_DB), -1)


#: By name, as `edit_latents --more` takes them.
ASSESSORS = {
    "pitch": Assessor("semitones", pitch, median_pitch),
    "loudness": Assessor("dB", loudness),
    "brightness": Assessor("octaves", brightness),
    "duration": Assessor("s", duration),
}


def log_odds(logits: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
    """Returns log p / (1 - p) [b] of a class for each of logits [b, classes], in nats.

    Args:
      logits: of a classifier.
      label: index of the class, int [b] or [].
    """
    chosen = tf.one_hot(label, logits.shape[1], dtype=tf.bool, on_value=True, off_value=False)
    of_class = tf.reduce_sum(tf.where(chosen, logits, 0.0), -1)
    return of_class - tf.reduce_logsumexp(tf.where(chosen, -1e9, logits), -1)


def mono(audio: tf.Tensor) -> tf.Tensor:
    """Returns audio [b, num_samples], the mean of the channels of [b, num_channels, num_samples]."""
    return audio if audio.shape.rank == 2 else tf.reduce_mean(audio, 1)


def _power(audio: tf.Tensor, sample_rate: int) -> tuple[tf.Tensor, np.ndarray]:
    """Returns power [b, frames, bins], of which a full-scale sine's bins add up to 1, and the bins' Hz."""
    length = round(0.032 * sample_rate)
    spectrum = tf.signal.stft(audio, length, length // 2, fft_length=length, pad_end=True)
    power = tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))
    scale = length * tf.reduce_sum(tf.square(tf.signal.hann_window(length))) / 4
    return power / scale, librosa.fft_frequencies(sr=sample_rate, n_fft=length)


def _log(x: tf.Tensor, base: float) -> tf.Tensor:
    return tf.math.log(x) / math.log(base)
