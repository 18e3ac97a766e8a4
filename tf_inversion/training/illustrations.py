"""What trainings show of reconstructions in TensorBoard."""

from __future__ import annotations

import tensorflow as tf

from tf_inversion.audio.spectrogram import Spectrogram
from tf_inversion.generators.base import channels_last


def reconstructions(kind: str, audio: tf.Tensor, reconstructed: tf.Tensor, sample_rate: int) -> None:
    """Writes clips over their reconstructions to TensorBoard, as sound and as spectrograms.

    Args:
      kind: of the clips, with which the names begin.
      audio, reconstructed: a few clips [batch, ..., num_samples].
      sample_rate: in hertz.
    """
    both = tf.concat([audio, reconstructed], axis=0)
    name = f"{kind}/clips_then_reconstructions"
    tf.summary.audio(name, channels_last(both), sample_rate, max_outputs=len(both))
    both = both if both.shape.rank == 2 else tf.reduce_mean(both, 1)
    images = tf.reverse(tf.transpose(Spectrogram()(both), [0, 2, 1, 3]), axis=[1])
    low, high = tf.reduce_min(images), tf.reduce_max(images)
    rows = tf.concat(tf.unstack((images - low) / (high - low)), axis=1)
    halves = tf.split(rows, 2, axis=1)
    tf.summary.image(f"{kind}/clips_over_reconstructions", tf.concat(halves, axis=0)[tf.newaxis])
