"""The losses, one definition each: the paper's (section 3.2.1), and those of waveform, word, mel and tones.

Each returns one value per clip, [batch], of which training takes the mean; the last is of a whole batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tf_inversion.audio.mel import log_mels


def _mean_per_clip(x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.reshape(x, [tf.shape(x)[0], -1]), axis=1)


def latent_mse(latents: tf.Tensor, predicted: tf.Tensor) -> tf.Tensor:
    """Mean squared error between latent vectors [batch, latent_dim]."""
    return _mean_per_clip(tf.math.squared_difference(latents, predicted))


def waveform_error(audio: tf.Tensor, reconstructed: tf.Tensor) -> tf.Tensor:
    """log(1 + 100 |reconstructed - audio|^2 / |audio|^2) of clips [batch, num_samples].

    Its gradient is that of the error in dB, for errors above -20 dB.
    """
    error = tf.reduce_sum(tf.math.squared_difference(audio, reconstructed), 1)
    return tf.math.log1p(100 * tf.math.divide_no_nan(error, tf.reduce_sum(audio**2, 1)))


def perceptual_loss(features: Sequence[tf.Tensor], reconstructed: Sequence[tf.Tensor]) -> tf.Tensor:
    """Mean squared difference of a classifier's activations, averaged over its layers.

    Args:
      features: activations [batch, ...] of the clips, layer by layer.
      reconstructed: the same layers' activations of the reconstructions.
    """
    differences = [tf.math.squared_difference(a, b) for a, b in zip(features, reconstructed)]
    return tf.add_n([_mean_per_clip(difference) for difference in differences]) / len(differences)


def posterior_divergence(logits: tf.Tensor, reconstructed: tf.Tensor, temperature: float = 1.0) -> tf.Tensor:
    """Kullback-Leibler divergence of p(word | reconstruction) from p(word | clip), logits [batch, words].

    With a temperature T the logits are divided by T and the divergence multiplied by T^2 (Hinton et al.,
    "Distilling the knowledge in a neural network", section 2): with T above 1 a reconstruction that is
    just on the right side of the classifier's boundary still has something to learn.
    """
    logits, reconstructed = logits / temperature, reconstructed / temperature
    difference = tf.nn.log_softmax(logits) - tf.nn.log_softmax(reconstructed)
    return temperature**2 * tf.reduce_sum(tf.nn.softmax(logits) * difference, axis=1)


def mel_error(audio: tf.Tensor, reconstructed: tf.Tensor, sample_rate: int) -> tf.Tensor:
    """Mean squared difference of log10 mel magnitudes at two resolutions (`mel.log_mels`), blind to phase."""
    return _mean_per_clip(
        tf.math.squared_difference(log_mels(audio, sample_rate), log_mels(reconstructed, sample_rate))
    )


def spectral_mae(spectrogram: tf.Tensor, reconstructed: tf.Tensor) -> tf.Tensor:
    """Mean absolute error between spectrograms [batch, ...] (equation 1)."""
    return _mean_per_clip(tf.abs(spectrogram - reconstructed))


def tone_loss(audio: tf.Tensor) -> tf.Tensor:
    """How far artefact tones stand out of the average spectrum of clips [batch, num_samples], in nats.

    Three strided convolutions that upsample by four leave a comb at the multiples of the sample rate over
    64, 250 Hz at 16 kHz, which the average over many voices has no reason for. A tooth's power is compared
    with that of its surroundings, for which no gradient is passed on; the loss is the mean over all teeth.
    A tooth is the seven bins around its frequency, the middle one counted twice, of a clip of 16,384 samples,
    as many hertz of a longer one. `num_samples` is a multiple of 16,384.
    """
    num_samples = audio.shape[1]
    power = tf.reduce_mean(tf.abs(tf.signal.rfft(audio)) ** 2, axis=0)
    power += 1e-6 * tf.reduce_mean(power) + 1e-30
    unit = num_samples // 16384  # bins per bin of a clip of 16,384 samples
    teeth = np.arange(1, 33)[:, np.newaxis] * num_samples // 64

    def level(offsets: np.ndarray) -> tf.Tensor:
        bins = teeth + np.concatenate([-offsets, offsets]) * unit
        bins = np.minimum(bins, num_samples - bins)  # beyond half the sample rate it mirrors
        return tf.math.log(tf.reduce_mean(tf.gather(power, bins), axis=1))

    return tf.reduce_mean(tf.nn.relu(level(np.arange(4)) - tf.stop_gradient(level(np.arange(8, 40)))))
