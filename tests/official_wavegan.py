"""Writes WaveGAN generators in the layout of the official code, with random weights, and runs their graph.

The graph is built here with TensorFlow 1's operations, from what is known of
the official one, so that the loaders are held against something that they do
not share a line with.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_inversion.generators.wavegan import WaveGANConfig

tf1 = tf.compat.v1


def write(
    folder: Path,
    config: WaveGANConfig,
    *,
    step: int = 500,
    flat: bool = False,
    arguments: bool = True,
    seed: int = 0,
    changed: dict[str, np.ndarray] | None = None,
    without: Iterable[str] = (),
    resource_variables: bool = False,
) -> Path:
    """Writes a generator with random weights and returns the checkpoint's prefix.

    Args:
      folder: where to.
      config: the variant.
      step: of training; a folder may get several.
      flat: as a download (infer.meta, model.ckpt.*) instead of a training
        folder (infer/infer.meta, model.ckpt-<step>.*, args.txt and, in the
        checkpoint, the discriminator's and the optimisers' variables).
      arguments: write args.txt, too, in a training folder.
      seed: of the weights.
      changed: values of variables that shall be others.
      without: variables to leave out of the checkpoint.
      resource_variables: make variables of TensorFlow 1's newer kind.
    """
    infer = folder if flat else folder / "infer"
    infer.mkdir(parents=True, exist_ok=True)
    with tf.Graph().as_default(), tf1.variable_scope("", use_resource=resource_variables):
        build(config)
        own = {v.op.name: v.shape.as_list() for v in tf1.global_variables()}
        step_variable = tf1.train.get_or_create_global_step()
        saver = tf1.train.Saver([*tf1.global_variables("G/"), step_variable])
        tf1.train.export_meta_graph(
            str(infer / "infer.meta"), clear_devices=True, saver_def=saver.as_saver_def()
        )
    values = random_weights(own, seed)
    if not flat:
        values |= training_variables(values)
        if arguments:
            settings = {"data_num_channels": config.num_channels, "data_sample_rate": 22050}
            settings |= {"data_slice_len": config.slice_len, "train_dir": "/elsewhere/train,2"}
            (folder / "args.txt").write_text("\n".join(f"{k},{v}" for k, v in settings.items()))
    values |= {"global_step": np.int64(step)} | (changed or {})
    name = "model.ckpt" if flat else f"model.ckpt-{step}"
    values = {key: value for key, value in values.items() if key not in without}
    write_checkpoint(folder / name, values, training_graph=not flat)
    (folder / "checkpoint").write_text('model_checkpoint_path: "/elsewhere/train/model.ckpt-1"\n')
    return folder / name


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
    multiple = 16 if config.slice_len == 16384 else 32
    last_stride = {16384: [], 32768: [2], 65536: [4]}[config.slice_len]
    strides = [4, 4, 4, 4, 4, *last_stride]
    with tf1.variable_scope("z_project"):
        width = config.dim * multiple
        with tf1.variable_scope("dense"):
            kernel, bias = variable("kernel", [config.latent_dim, 16 * width]), variable("bias", [16 * width])
            x = tf.matmul(z, kernel) + bias
        x = normalise(tf.reshape(x, [-1, 16, width]), config)
    for i, stride in enumerate(strides):
        last = i == len(strides) - 1
        with tf1.variable_scope(f"upconv_{i}"):
            filters = config.num_channels if last else width // 2
            lengthen = transpose if config.upsample == "zeros" else repeat
            x = lengthen(tf.nn.relu(x), filters, config.kernel_len, stride)
            x = x if last else normalise(x, config)
            width = filters
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
    x = tf1.image.resize_nearest_neighbor(tf.expand_dims(x, 1), [1, length])[:, 0]
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


def variable(name: str, shape: list[int]) -> tf1.Variable:
    return tf1.get_variable(name, shape, initializer=tf1.zeros_initializer())


def random_weights(shapes: dict[str, list[int]], seed: int) -> dict[str, np.ndarray]:
    """Draws weights that keep the signal's level from layer to layer."""
    rng = np.random.default_rng(seed)
    values = {}
    for name, shape in sorted(shapes.items()):
        draw = rng.standard_normal(shape).astype(np.float32)
        if name.endswith("kernel"):
            transposed = "transpose" in name
            inputs = shape[-1] * shape[1] / 4 if transposed else np.prod(shape[:-1])
            values[name] = draw * np.float32(np.sqrt(1.5 / inputs))
        elif name.endswith(("gamma", "moving_variance")):
            values[name] = 0.5 + np.abs(draw)
        else:
            values[name] = 0.2 * draw
    return values


def training_variables(generator_values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a training checkpoint has besides the generator: slots also under G/, counters, discriminator."""
    extra = {"beta1_power": np.float32(0.5), "beta2_power": np.float32(0.9), "G/beta1_power": np.float32(0.5)}
    extra |= {
        "D/downconv_0/conv1d/kernel": np.ones([25, 1, 2], np.float32),
        "D/output/dense/bias": np.ones(1),
    }
    # Of a run that diverged later: no business of a loader that wants the generator alone.
    extra["D/downconv_0/conv1d/kernel/RMSProp"] = np.full([25, 1, 2], np.nan, np.float32)
    for name, value in generator_values.items():
        for slot in ("Adam", "Adam_1", "RMSProp"):
            extra[f"{name}/{slot}"] = -np.ones_like(value)
    return extra


def write_checkpoint(prefix: Path, values: dict[str, np.ndarray], training_graph: bool = False) -> None:
    """Writes variables as a TensorFlow 1 checkpoint, on request with a `.meta` in which there is no G_z."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    with tf.Graph().as_default(), tf1.Session() as session:
        saved = {name: tf1.Variable(value, use_resource=False) for name, value in values.items()}
        session.run(tf1.global_variables_initializer())
        tf1.train.Saver(saved).save(
            session, os.fspath(prefix), write_meta_graph=training_graph, write_state=False
        )


def run_original(
    graph_file: Path, prefix: Path, z: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Runs a graph in a TensorFlow 1 session: audio, and the gradient of sum(audio * weights) by z."""
    with tf.Graph().as_default() as graph, tf1.Session() as session:
        saver = tf1.train.import_meta_graph(os.fspath(graph_file))
        saver.restore(session, os.fspath(prefix))
        latents, audio = graph.get_tensor_by_name("z:0"), graph.get_tensor_by_name("G_z:0")
        gradient = tf1.gradients(tf.reduce_sum(audio * weights), latents)[0]
        return session.run((audio, gradient), {latents: z})
