"""Exponential moving averages of weights, which generalise better than the last ones."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import keras
import tensorflow as tf


class MovingAverage:
    """The exponential moving average of a model's weights.

    Keras' own (`use_ema`) averages weights before their constraints are applied.

    Args:
      weights: what is averaged; in a strategy's scope, those that were made in it.
      momentum: share of the average that an update leaves.
      warm_up: whether update n leaves at most (1 + n) / (10 + n), as TensorFlow 1 has it, so that the average
        does not long remember the first weights.
    """

    def __init__(self, weights: Sequence[keras.Variable], momentum: float, warm_up: bool = False):
        self._weights, self._momentum, self._warm_up = weights, momentum, warm_up
        same_everywhere = tf.VariableAggregation.ONLY_FIRST_REPLICA
        #: What a checkpoint holds of it.
        self.state = tf.train.Checkpoint(
            count=tf.Variable(0.0, aggregation=same_everywhere),
            averages=[tf.Variable(weight, aggregation=same_everywhere) for weight in weights],
        )

    def update(self) -> None:
        """Moves the average towards the weights; the first update makes it equal to them."""
        count = self.state.count
        momentum = self._momentum
        if self._warm_up:
            momentum = tf.minimum(momentum, (1 + count) / (10 + count))
        momentum = tf.where(count > 0, momentum, 0.0)
        for average, weight in zip(self.state.averages, self._weights):
            average.assign(momentum * average + (1 - momentum) * weight)
        count.assign_add(1.0)

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """Lends the model the average."""
        weights = [weight.numpy() for weight in self._weights]
        for average, weight in zip(self.state.averages, self._weights):
            weight.assign(average)
        try:
            yield
        finally:
            for value, weight in zip(weights, self._weights):
                weight.assign(value)
