"""One device or many: the training steps are written once, tf.distribute runs them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tf_inversion import errors
from tf_inversion.training.run import Run

STRATEGIES = ("default", "mirrored", "multi_worker")


def make_strategy(name: str) -> tf.distribute.Strategy:
    """Returns the strategy of that name.

    "default" uses one device, "mirrored" every GPU of this machine, and
    "multi_worker" those of several machines, as TF_CONFIG tells them.
    """
    if name == "default":
        return tf.distribute.get_strategy()
    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    if name == "multi_worker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    raise errors.InvalidArgumentError(f"strategy: {name!r}; must be one of {', '.join(STRATEGIES)}")


def worker_run(run: Run, strategy: tf.distribute.Strategy) -> Run:
    """Gives each of several machines its own folder, and checkpoints at the same steps: at epochs' ends.

    The first worker keeps `output_dir`; worker k writes to `output_dir`/worker_k.
    """
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.cluster_spec().jobs:
        return run
    worker = resolver.task_id
    folder = run.output_dir / f"worker_{worker}" if worker else run.output_dir
    return dataclasses.replace(run, output_dir=folder, checkpoint_minutes=float("inf"))


def distributed(
    strategy: tf.distribute.Strategy, step: Callable[[Any], Mapping[str, tf.Tensor]]
) -> Callable[[Any], Mapping[str, tf.Tensor]]:
    """Compiles a per-replica step into one that takes a distributed batch and sums the replicas' metrics."""

    @tf.function
    def run(batch):
        per_replica = strategy.run(step, args=(batch,))
        return {
            name: strategy.reduce(tf.distribute.ReduceOp.SUM, value, axis=None)
            for name, value in per_replica.items()
        }

    return run
