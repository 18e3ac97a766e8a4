"""Rebuilds an official WaveGAN generator from its checkpoint, whichever variant it is.

The generator's variables lie under `G/`, among those of optimisers and of the
discriminator; their names and shapes tell the variant. Only 32,768 and 65,536
samples look the same: there the graph or `args.txt` beside the checkpoint
tells.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from tf_inversion import errors
from tf_inversion.generators import checkpoint, wavegan

_OF_A_LAYER = re.compile(r"G/.+/(kernel|bias|gamma|beta|moving_mean|moving_variance)")


def load_official(prefix: Path) -> wavegan.WaveGAN:
    """Returns the generator of an official WaveGAN checkpoint.

    Args:
      prefix: of the checkpoint's files.

    Raises:
      ModelFileError: if the checkpoint is damaged or not a whole WaveGAN generator.
    """
    shapes = checkpoint.read_shapes(prefix)
    config = _recognise(prefix, shapes)
    layers = variables_by_layer(config)
    expected = {name: shape for variables in layers.values() for name, shape in variables.items()}
    for name, shape in expected.items():
        checkpoint.check_shape(prefix, name, shapes.get(name), shape)
    if surplus := sorted(name for name in shapes if _OF_A_LAYER.fullmatch(name) and name not in expected):
        raise errors.ModelFileError(
            f"{prefix}: {surplus[0]} is of no known WaveGAN variant; load it as original graph"
        )
    values = checkpoint.read_variables(prefix, expected)
    generator = wavegan.WaveGAN(config, sample_rate=checkpoint.read_sample_rate(prefix))
    for layer_name, variables in layers.items():
        layer = generator.network.get_layer(layer_name)
        weights = [values[name] for name in variables]
        if isinstance(layer, wavegan.PolyphaseConv1DTranspose):
            weights[0] = layer.polyphase_kernel(weights[0][0])
        layer.set_weights(weights)
    return generator


def variables_by_layer(config: wavegan.WaveGANConfig) -> dict[str, dict[str, tuple[int, ...]]]:
    """Returns the shapes of the official variables by the name of their layer in `wavegan.build_network`.

    A layer's variables stand in the order of its weights in Keras.
    """
    widths, kernel_len = config.widths, config.kernel_len
    start = wavegan.START_LENGTH * widths[0]
    layers = {"z_project": {"dense/kernel": (config.latent_dim, start), "dense/bias": (start,)}}
    for i, (before, after) in enumerate(zip(widths, widths[1:])):
        if config.upsample == "zeros":
            kernel = {"conv2d_transpose/kernel": (1, kernel_len, after, before)}
        else:
            kernel = {"conv1d/kernel": (kernel_len, before, after)}
        bias = next(iter(kernel)).replace("kernel", "bias")
        layers[f"upconv_{i}"] = {**kernel, bias: (after,)}
    if config.post_filter_len:
        layers["pp_filt"] = {"conv1d/kernel": (config.post_filter_len, config.num_channels, 1)}
    named = {
        layer: {f"G/{layer}/{name}": shape for name, shape in variables.items()}
        for layer, variables in layers.items()
    }
    if config.batchnorm:
        for layer, width in zip(list(named), widths[:-1]):
            named[f"{layer}_batchnorm"] = {
                f"G/{layer}/batch_normalization/{name}": (width,)
                for name in ("gamma", "beta", "moving_mean", "moving_variance")
            }
    return named


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
    told = checkpoint.read_arguments(prefix).get("data_slice_len")
    if path := checkpoint.find_graph(prefix):
        with contextlib.suppress(KeyError):  # a training graph has no G_z
            told = str(checkpoint.read_graph(path).get_tensor_by_name("G_z:0").shape[1])
    if told not in lengths:
        raise errors.ModelFileError(
            f"{prefix}: makes 32,768 or 65,536 samples, its variables don't tell which; "
            "put its infer.meta or args.txt beside it"
        )
    return lengths[told]
