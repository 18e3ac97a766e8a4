"""A loss of a generator's upsampling (checkerboard) artefacts, of a whole batch of clips."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def checkerboard_loss(audio: tf.Tensor) -> tf.Tensor:
    """How far upsampling artefacts stand out of the average spectrum of clips [batch, num_samples], in nats.

    Three strided convolutions that upsample by four leave a comb at the multiples of the sample rate over
    64, 250 Hz at 16 kHz, which the average over many voices has no reason for. A tooth's power is compared
    with that of its surroundings, for which no gradient is passed on; the loss is the mean over all teeth.
    A tooth is the seven bins around its frequency, the middle one counted twice, of a clip of 16,384 samples,
    as many hertz of a longer one. `num_samples` is a multiple of 16,384.
    """
    num_samples = audio.shape[-1]
    power = tf.reduce_mean(tf.abs(tf.signal.rfft(audio)) ** 2, axis=range(audio.shape.rank - 1))
    power += 1e-6 * tf.reduce_mean(power) + 1e-30
    unit = num_samples // 16384  # bins per bin of a clip of 16,384 samples
    teeth = np.arange(1, 33)[:, np.newaxis] * num_samples // 64

    def level(offsets: np.ndarray) -> tf.Tensor:
        bins = teeth + np.concatenate([-offsets, offsets]) * unit
        bins = np.minimum(bins, num_samples - bins)  # beyond half the sample rate it mirrors
        return tf.math.log(tf.reduce_mean(tf.gather(power, bins), axis=1))

    return tf.reduce_mean(tf.nn.relu(level(np.arange(4)) - tf.stop_gradient(level(np.arange(8, 40)))))
