"""Log-mel features: how alike two clips sound, whatever their phases."""

from __future__ import annotations

import math
from collections.abc import Mapping

import tensorflow as tf

NUM_BANDS = 80
FRAME_LENGTH = 1024
FRAME_STEP = 256
FLOOR = 1e-3  # magnitude, hence -60 dB of a full-scale sine
_RESOLUTIONS = ((256, 32), (1024, 80))  # of `log_mels`: frame length (hop: half of it), bands


def log_mel(audio: tf.Tensor, sample_rate: int) -> tf.Tensor:
    """Log10 of mel magnitudes, 1 being a full-scale sine and 1e-3 the floor.

    The power of the STFT (Hann window of 1024, hop 256, padded at the end) is
    divided by the power that a sine of amplitude 1 has in all bins together, and
    summed under 80 triangles of height 1 that are evenly spaced on the HTK mel
    scale from 0 Hz to half the sample rate. Half the log10 of that power is the
    log10 of a magnitude: 0 for the sine, -3 for silence. The gradient is
    finite everywhere, 0 beneath the floor.

    Args:
      audio: float32 or float64 [batch, num_samples] in [-1, 1].
      sample_rate: in hertz.

    Returns:
      [batch, ceil(num_samples / 256), 80], of the dtype of `audio`.
    """
    audio = tf.convert_to_tensor(audio)
    spectrum = tf.signal.stft(audio, FRAME_LENGTH, FRAME_STEP, pad_end=True)
    power = tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))
    bands = tf.signal.linear_to_mel_weight_matrix(
        NUM_BANDS, FRAME_LENGTH // 2 + 1, sample_rate, 0.0, sample_rate / 2, dtype=audio.dtype
    )
    # By Parseval, a sine of amplitude 1 has this much power on its side of the spectrum.
    window = tf.signal.hann_window(FRAME_LENGTH, dtype=audio.dtype)
    power /= FRAME_LENGTH * tf.reduce_sum(tf.square(window)) / 4
    return tf.math.log(tf.maximum(tf.matmul(power, bands), FLOOR**2)) / math.log(100)


def log_mel_l1(audio: tf.Tensor, other: tf.Tensor, sample_rate: int) -> tf.Tensor:
    """Mean absolute difference, [batch], between the `log_mel` of two batches of clips."""
    difference = tf.abs(log_mel(audio, sample_rate) - log_mel(other, sample_rate))
    return tf.reduce_mean(difference, list(range(1, difference.shape.rank)))


def log_mels(audio: tf.Tensor, sample_rate: int, powers: Mapping[int, tf.Tensor] | None = None) -> tf.Tensor:
    """Log10 of mel magnitudes at two resolutions, side by side, each of equal weight in a mean of squares.

    As losses need it: everywhere smooth, but not to the scale of `log_mel`.

    Args:
      audio: [batch, num_samples], `num_samples` known.
      sample_rate: in hertz.
      powers: frame length -> power spectrum [batch, frames, bins], where it is known already.

    Returns:
      [batch, m], 1e-3 of full scale being the floor.
    """
    parts = []
    for length, bands in _RESOLUTIONS:
        power = (powers or {}).get(length)
        if power is None:
            spectrum = tf.signal.stft(audio, length, length // 2, pad_end=True)
            power = tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))
        to_mel = tf.signal.linear_to_mel_weight_matrix(
            bands, length // 2 + 1, sample_rate, 20.0, sample_rate / 2
        )
        mels = tf.tensordot(power, to_mel, 1)  # a vectorised `@` of one clip crashes TensorFlow 2.17
        mels = tf.math.log(mels * (4 / length) ** 2 + FLOOR**2) / math.log(100)
        size = math.prod(mels.shape[1:])
        parts.append(tf.reshape(mels, [-1, size]) / math.sqrt(size))
    count = sum(part.shape[1] for part in parts)
    return tf.concat(parts, 1) * math.sqrt(count / len(parts))
