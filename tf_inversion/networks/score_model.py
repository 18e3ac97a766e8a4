"""The official WaveGAN score model, which the published inception scores come from."""

from __future__ import annotations

import os

import tensorflow as tf

from tf_inversion.audio.layouts import DIGITS
from tf_inversion.backend import keras
from tf_inversion.generators import metagraph


class ScoreModel(keras.Model):
    """Classifies by the original graph: audio [batch, 16384] -> log-probabilities of the ten digits.

    Its graph stops gradients at the log-mel spectrum, so it can't serve as a loss.

    Args:
      prefix: of the checkpoint's files (`best_acc-103005`), with `infer.meta` beside them.

    Raises:
      ModelFileError: if a file is missing or damaged, or the graph does not lead from `x:0` to `scores:0`.
    """

    def __init__(self, prefix: str | os.PathLike):
        super().__init__(name="score_model", trainable=False)
        self._frozen = metagraph.freeze(prefix, ["x:0"], "scores:0")
        self.label_names = DIGITS
        self.num_samples = int(self._frozen.inputs[0].shape[1])
        self.sample_rate = 16000
        self.built = True

    def call(self, audio, training=False):
        return tf.math.log(tf.maximum(self._frozen.function(audio), 1e-30))
