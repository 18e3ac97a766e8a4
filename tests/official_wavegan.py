"""Writes WaveGAN generators in the layouts of the official code, with random weights, and runs their graph.

The graph is of TensorFlow 1's own operations, so that the Keras port is held
against something that it does not share a layer with.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_inversion.generators.official_graph import export_graph
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
    shapes = export_graph(config, infer / "infer.meta", use_resource=resource_variables)
    values = random_weights(shapes, seed)
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


def random_weights(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
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
