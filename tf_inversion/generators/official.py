"""Rebuilds an official WaveGAN generator from its checkpoint, whichever variant it is.

The generator's variables lie under `G/`, among those of optimisers and of the
discriminator; their names and shapes tell the variant. Only 32,768 and 65,536
samples look the same: there the graph or `args.txt` beside the checkpoint
tells.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from tf_inversion import errors
from tf_inversion.generators import checkpoint, wavegan

_log = logging.getLogger(__name__)
_OF_A_LAYER = re.compile(r"G/.+/(kernel|bias|gamma|beta|moving_mean|moving_variance)")
_KINDS = {
    keras.layers.Dense: "dense",
    keras.layers.Conv1D: "conv1d",
    keras.layers.Conv2D: "conv2d",
    keras.layers.BatchNormalization: "batch_normalization",
    wavegan.PolyphaseConv1DTranspose: "conv2d_transpose",
}


def load_official(prefix: Path) -> wavegan.WaveGAN:
    """Returns the generator of an official WaveGAN checkpoint.

    Args:
      prefix: of the checkpoint's files.

    Raises:
      ModelFileError: if the checkpoint is damaged or not a whole WaveGAN generator.
    """
    shapes = checkpoint.read_shapes(prefix)
    generator = wavegan.WaveGAN(_recognise(prefix, shapes), sample_rate=checkpoint.read_sample_rate(prefix))
    expected = read_network(prefix, generator.network, "G")
    if surplus := sorted(name for name in shapes if _OF_A_LAYER.fullmatch(name) and name not in expected):
        raise errors.ModelFileError(
            f"{prefix}: {surplus[0]} is of no known WaveGAN variant; load it as original graph"
        )
    return generator


def read_network(prefix: Path, network: keras.Model, scope: str) -> set[str]:
    """Sets a network's weights to a checkpoint's variables and returns their names.

    Where the checkpoint has a variable's moving average, that is taken.

    Args:
      prefix: of the checkpoint's files.
      network: its layers are named as the scopes of the checkpoint.
      scope: "G" for the generator, "D" for the waveform critic.

    Raises:
      ModelFileError: if the checkpoint is damaged, or holds no such network.
    """
    shapes = checkpoint.read_shapes(prefix)
    expected = network_variables(network, scope)
    for name, value in expected.items():
        checkpoint.check_shape(prefix, name, shapes.get(name), value.shape)
    averages = checkpoint.averages(expected, shapes)
    if averages:
        _log.warning(
            "%s: takes the moving averages of the weights; the weights themselves load as original graph",
            prefix,
        )
    values = checkpoint.read_variables(prefix, [averages.get(name, name) for name in expected])
    for layer, names in _named_layers(network, scope):
        weights = [values[averages.get(name, name)] for name in names]
        if isinstance(layer, wavegan.PolyphaseConv1DTranspose):
            weights[0] = layer.polyphase_kernel(weights[0][0])
        layer.set_weights(weights)
    return set(expected)


def network_variables(network: keras.Model, scope: str) -> dict[str, np.ndarray]:
    """Returns a network's weights by name and in the form of the official checkpoint."""
    values: dict[str, np.ndarray] = {}
    for layer, names in _named_layers(network, scope):
        weights = layer.get_weights()
        if isinstance(layer, wavegan.PolyphaseConv1DTranspose):
            weights[0] = layer.transposed_kernel(weights[0])[None]
        values |= zip(names, weights)
    return values


def _named_layers(network: keras.Model, scope: str) -> Iterator[tuple[keras.Layer, list[str]]]:
    """Yields each layer that has weights, and what the official checkpoint calls them."""
    for layer in network.layers:
        if kind := _KINDS.get(type(layer)):
            folder = f"{scope}/{layer.name.removesuffix('_batchnorm')}/{kind}"
            yield layer, [f"{folder}/{weight.name}" for weight in layer.weights]


def _recognise(prefix: Path, shapes: dict[str, tuple[int, ...]]) -> wavegan.WaveGANConfig:
    """Reads the variant off the variables' names and shapes, which stay to be checked one by one."""

    def shape(name: str, rank: int) -> tuple[int, ...]:
        if name not in shapes:
            raise errors.ModelFileError(
                f"{prefix}: has no variable {name}: not a whole WaveGAN generator; "
                "another GAN of TensorFlow 1 loads as original graph"
            )
        if len(shapes[name]) != rank:
            raise errors.ModelFileError(f"{prefix}: {name} has shape {list(shapes[name])}, not {rank} axes")
        return shapes[name]

    num_layers = 6 if any(name.startswith("G/upconv_5/") for name in shapes) else 5
    latent_dim, start = shape("G/z_project/dense/kernel", 2)
    dim = start // wavegan.START_LENGTH >> (num_layers - 1)
    last = f"G/upconv_{num_layers - 1}"
    if "G/upconv_0/conv1d/kernel" in shapes:
        upsample = "nn"
        kernel_len, _, num_channels = shape(f"{last}/conv1d/kernel", 3)
    else:
        upsample = "zeros"
        _, kernel_len, num_channels, _ = shape(f"{last}/conv2d_transpose/kernel", 4)
    post_filter = "G/pp_filt/conv1d/kernel"
    return wavegan.WaveGANConfig(
        dim=dim,
        kernel_len=kernel_len,
        num_channels=num_channels,
        latent_dim=latent_dim,
        slice_len=16384 if num_layers == 5 else _long_slice_len(prefix),
        batchnorm="G/z_project/batch_normalization/gamma" in shapes,
        upsample=upsample,
        post_filter_len=shape(post_filter, 3)[0] if post_filter in shapes else 0,
    )


def _long_slice_len(prefix: Path) -> int:
    """Returns the samples of a generator of six layers, which its variables don't tell."""
    lengths = {"32768": 32768, "65536": 65536}
    length = checkpoint.read_arguments(prefix).get("data_slice_len")
    if path := checkpoint.find_graph(prefix):
        with contextlib.suppress(KeyError):  # a training graph has no G_z
            length = str(checkpoint.read_graph(path).get_tensor_by_name("G_z:0").shape[1])
    if length not in lengths:
        raise errors.ModelFileError(
            f"{prefix}: makes 32,768 or 65,536 samples, its variables don't tell which; "
            "put its infer.meta or args.txt beside it"
        )
    return lengths[length]
