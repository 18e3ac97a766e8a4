"""ResNet-18, built once and used twice: as the classifier and as the inverter.

He et al., "Deep residual learning for image recognition" (2015), table 1, with
the final activation removed (paper, section 4.1).
"""

from __future__ import annotations

import keras
import tensorflow as tf

NUM_BLOCKS = 8


def resnet18(image, width: int = 64, dtype: str | None = None) -> dict[str, keras.KerasTensor]:
    """Applies the trunk of a ResNet-18: everything but the last dense layer.

    Args:
      image: [batch, height, width, channels].
      width: channels of the first stage; the four stages have 1, 2, 4, 8 times that.
      dtype: Keras dtype policy of the layers, for example "mixed_float16".

    Returns:
      The activations by name, in order: "conv" (first convolution), "norm" (its
      batch norm), "pool", "block_1" to "block_8" (the residual blocks), and
      "embedding" [batch, 8 * width], the global average.
    """
    conv = _convolution(image, width, 7, 2, "conv", dtype)
    norm = batch_norm(conv, "norm", dtype)
    pool = keras.layers.MaxPooling2D(3, 2, "same", name="pool", dtype=dtype)(_relu(norm, "relu", dtype))
    outputs = {"conv": conv, "norm": norm, "pool": pool}
    x = pool
    for index in range(NUM_BLOCKS):
        stage, position = divmod(index, 2)
        stride = 2 if stage > 0 and position == 0 else 1
        name = f"block_{index + 1}"
        x = outputs[name] = _residual_block(x, width << stage, stride, name, dtype)
    outputs["embedding"] = keras.layers.GlobalAveragePooling2D(name="embedding", dtype=dtype)(x)
    return outputs


def _residual_block(x, filters: int, stride: int, name: str, dtype):
    shortcut = x
    if stride != 1 or x.shape[-1] != filters:
        shortcut = _convolution(x, filters, 1, stride, f"{name}_shortcut", dtype)
        shortcut = batch_norm(shortcut, f"{name}_shortcut_norm", dtype)
    x = _convolution(x, filters, 3, stride, f"{name}_conv_1", dtype)
    x = batch_norm(x, f"{name}_norm_1", dtype)
    x = _relu(x, f"{name}_relu_1", dtype)
    x = _convolution(x, filters, 3, 1, f"{name}_conv_2", dtype)
    x = batch_norm(x, f"{name}_norm_2", dtype)
    x = keras.layers.Add(name=f"{name}_add", dtype=dtype)([x, shortcut])
    return _relu(x, name, dtype)


def _convolution(x, filters: int, kernel_size: int, stride: int, name: str, dtype):
    return keras.layers.Conv2D(
        filters,
        kernel_size,
        stride,
        "same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
        dtype=dtype,
    )(x)


def batch_norm(x, name: str, dtype: str | None = None):
    """Batch normalisation, over all replicas if a distribution strategy has several."""
    return keras.layers.BatchNormalization(
        momentum=0.9,
        epsilon=1e-5,
        synchronized=tf.distribute.get_strategy().num_replicas_in_sync > 1,
        name=name,
        dtype=dtype,
    )(x)


def _relu(x, name: str, dtype):
    return keras.layers.ReLU(name=name, dtype=dtype)(x)
