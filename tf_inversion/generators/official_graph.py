"""Writes a generator as the official code does: its graph for TensorFlow 1, and a checkpoint.

What is written runs in the original WaveGAN tools:

    saver = tf.train.import_meta_graph("infer/infer.meta")
    saver.restore(session, "model.ckpt-1000")
    session.run("G_z:0", {"z:0": latents})
"""

from __future__ import annotations

import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tf_inversion import errors, paths
from tf_inversion.generators import official
from tf_inversion.generators.wavegan import START_LENGTH, WaveGAN, WaveGANConfig

tf1 = tf.compat.v1


def save_official(
    generator: WaveGAN,
    folder: str | os.PathLike,
    step: int,
    opponents: dict[str, keras.Model] | None = None,
) -> None:
    """Writes a training folder: infer/infer.meta, model.ckpt-<step>.*, args.txt.

    Args:
      generator: what is written, under `G/`.
      folder: where to; replaced as a whole.
      step: of the training.
      opponents: networks to write besides, each under its scope.

    Raises:
      InvalidArgumentError: if the generator is conditional, for which the layout has no place.
    """
    config = generator.config
    if config.labels:
        raise errors.InvalidArgumentError("generator: is conditional; save it as .keras")
    values: dict[str, np.ndarray] = {"global_step": np.asarray(step, np.int64)}
    for scope, network in {"G": generator.network, **(opponents or {})}.items():
        values |= official.network_variables(network, scope)
    arguments = {
        "data_sample_rate": generator.sample_rate,
        "data_slice_len": config.slice_len,
        "data_num_channels": config.num_channels,
        "wavegan_latent_dim": config.latent_dim,
        "wavegan_kernel_len": config.kernel_len,
        "wavegan_dim": config.dim,
        "wavegan_batchnorm": config.batchnorm,
        "wavegan_genr_upsample": config.upsample,
        "wavegan_genr_pp": config.post_filter_len > 0,
        "wavegan_genr_pp_len": config.post_filter_len,
    }
    with paths.writing(folder) as temporary:
        (temporary / "infer").mkdir(parents=True)
        export_graph(config, temporary / "infer" / "infer.meta")
        names = list(values)
        prefix = temporary / f"model.ckpt-{step}"
        tf.raw_ops.SaveV2(
            prefix=os.fspath(prefix),
            tensor_names=names,
            shape_and_slices=[""] * len(names),
            tensors=[values[name] for name in names],
        )
        (temporary / "args.txt").write_text("".join(f"{k},{v}\n" for k, v in arguments.items()))
        (temporary / "checkpoint").write_text(f'model_checkpoint_path: "{prefix.name}"\n')


def export_graph(config: WaveGANConfig, path: Path, use_resource: bool = False) -> dict[str, tuple[int, ...]]:
    """Writes the graph for inference (`infer.meta`); returns the shapes of the generator's variables.

    Args:
      config: the variant.
      path: of the file.
      use_resource: make variables of TensorFlow 1's newer kind.
    """
    with tf.Graph().as_default(), tf1.variable_scope("", use_resource=use_resource):
        build(config)
        variables = tf1.global_variables("G/")
        saver = tf1.train.Saver([*variables, tf1.train.get_or_create_global_step()])
        tf1.train.export_meta_graph(os.fspath(path), clear_devices=True, saver_def=saver.as_saver_def())
    return {variable.op.name: tuple(variable.shape) for variable in variables}


def build(config: WaveGANConfig) -> None:
    """Builds the official graph for inference: placeholders, generator, conversions."""
    samp_z_n = tf1.placeholder(tf.int32, [], name="samp_z_n")
    tf1.random_uniform([samp_z_n, config.latent_dim], -1.0, 1.0, name="samp_z")
    z = tf1.placeholder(tf.float32, [None, config.latent_dim], name="z")
    flat_pad = tf1.placeholder(tf.int32, [], name="flat_pad")
    with tf1.variable_scope("G"):
        audio = generator(z, config)
    audio = tf.identity(audio, name="G_z")
    padded = tf.pad(audio, [[0, 0], [0, flat_pad], [0, 0]])
    flat = tf.reshape(padded, [-1, audio.shape[-1]], name="G_z_flat")
    for values, name in ((audio, "G_z_int16"), (flat, "G_z_flat_int16")):
        tf.cast(tf.clip_by_value(values * 32767.0, -32767.0, 32767.0), tf.int16, name=name)


def generator(z: tf.Tensor, config: WaveGANConfig) -> tf.Tensor:
    """The generator's operations: z [batch, latent_dim] -> audio [batch, slice_len, channels]."""
    width = config.widths[0]
    with tf1.variable_scope("z_project"):
        with tf1.variable_scope("dense"):
            kernel = variable("kernel", [config.latent_dim, START_LENGTH * width])
            x = tf.matmul(z, kernel) + variable("bias", [START_LENGTH * width])
        x = normalise(tf.reshape(x, [-1, START_LENGTH, width]), config)
    for i, (stride, width) in enumerate(zip(config.strides, config.widths[1:])):
        lengthen = transpose if config.upsample == "zeros" else repeat
        with tf1.variable_scope(f"upconv_{i}"):
            x = lengthen(tf.nn.relu(x), width, config.kernel_len, stride)
            if i < len(config.strides) - 1:
                x = normalise(x, config)
    x = tf.tanh(x)
    if config.post_filter_len:
        with tf1.variable_scope("pp_filt/conv1d"):
            kernel = variable("kernel", [config.post_filter_len, config.num_channels, 1])
            x = tf.nn.conv1d(x, kernel, stride=1, padding="SAME")
    return x


def transpose(x: tf.Tensor, filters: int, kernel_len: int, stride: int) -> tf.Tensor:
    """Transposed convolution, as `--wavegan_genr_upsample zeros`."""
    with tf1.variable_scope("conv2d_transpose"):
        kernel = variable("kernel", [1, kernel_len, filters, x.shape[2]])
        bias = variable("bias", [filters])
    shape = [tf.shape(x)[0], 1, stride * x.shape[1], filters]
    y = tf1.nn.conv2d_transpose(tf.expand_dims(x, 1), kernel, shape, [1, 1, stride, 1], padding="SAME")
    return tf.ensure_shape(tf.nn.bias_add(y, bias)[:, 0], [None, stride * x.shape[1], filters])


def repeat(x: tf.Tensor, filters: int, kernel_len: int, stride: int) -> tf.Tensor:
    """Nearest-neighbour upsampling and convolution, as `--wavegan_genr_upsample nn`."""
    length = stride * x.shape[1]
    x = tf.raw_ops.ResizeNearestNeighbor(images=tf.expand_dims(x, 1), size=[1, length])[:, 0]
    with tf1.variable_scope("conv1d"):
        kernel = variable("kernel", [kernel_len, x.shape[2], filters])
        return tf.nn.conv1d(x, kernel, stride=1, padding="SAME") + variable("bias", [filters])


def normalise(x: tf.Tensor, config: WaveGANConfig) -> tf.Tensor:
    """Batch normalisation with moving statistics, if the variant has it."""
    if not config.batchnorm:
        return x
    with tf1.variable_scope("batch_normalization"):
        gamma, beta = (variable(name, [x.shape[2]]) for name in ("gamma", "beta"))
        mean, variance = (variable(name, [x.shape[2]]) for name in ("moving_mean", "moving_variance"))
    return tf1.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)


def variable(name: str, shape: list[int]) -> tf.Variable:
    return tf1.get_variable(name, shape, initializer=tf1.zeros_initializer())
