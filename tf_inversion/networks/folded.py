"""A ResNet-18 whose weights stay as they are, for a search that evaluates it hundreds of times."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import keras
import numpy as np
import tensorflow as tf

from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.resnet import NUM_BLOCKS


class Folded:
    """A classifier in inference mode, with each batch normalisation folded into the convolution before it.

    Equal up to rounding, in fewer operations. It keeps the weights that the classifier has now.

    Args:
      classifier: a ResNet-18, see `folds`.
    """

    def __init__(self, classifier: keras.Model):
        network = classifier.network
        self.feature_names = classifier.feature_names
        self._first = _unit(network, "conv", "norm")
        names = [f"block_{index + 1}" for index in range(NUM_BLOCKS)]
        self._blocks = {
            name: [
                _unit(network, f"{name}_{part}", f"{name}_{norm}")
                for part, norm in (("conv_1", "norm_1"), ("conv_2", "norm_2"), ("shortcut", "shortcut_norm"))
            ]
            for name in names
        }
        self._top = [tf.constant(weights.numpy()) for weights in network.get_layer("logits").weights]

    @staticmethod
    def folds(classifier: object, layers: Iterable[str]) -> bool:
        """Returns whether a classifier can be folded and still tells these layers."""
        return (
            isinstance(classifier, Classifier)
            and classifier.architecture == "resnet18"
            and classifier.network.get_layer("spectrogram").kind == "log_magnitude"
            and not {"conv", "norm"}.intersection(layers)
        )

    def __call__(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns the activations by name, see `resnet18`, of log-magnitudes [b, frames, bins, 1]."""
        x = tf.nn.max_pool2d(tf.nn.relu(self._first(image)), 3, 2, "SAME")
        outputs = {"spectrogram": image, "pool": x}
        for name, (first, second, shortcut) in self._blocks.items():
            x = outputs[name] = tf.nn.relu(second(tf.nn.relu(first(x))) + shortcut(x))
        kernel, bias = self._top
        outputs["embedding"] = tf.reduce_mean(x, [1, 2])
        return {**outputs, "logits": tf.matmul(outputs["embedding"], kernel) + bias}


def _unit(network: keras.Model, convolution: str, norm: str) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a convolution and the normalisation of what comes out as one, or what leaves all as it is."""
    if convolution not in {layer.name for layer in network.layers}:
        return lambda x: x
    layer, after = network.get_layer(convolution), network.get_layer(norm)
    scale = after.gamma.numpy() / np.sqrt(after.moving_variance.numpy() + after.epsilon)
    kernel = tf.constant(layer.kernel.numpy() * scale)
    bias = tf.constant(after.beta.numpy() - after.moving_mean.numpy() * scale)
    return lambda x: tf.nn.bias_add(tf.nn.conv2d(x, kernel, layer.strides, "SAME"), bias)
