"""One device or many: the training steps are written once, tf.distribute runs them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from tf_inversion import errors

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
    raise errors.InvalidArgumentError(f"--strategy={name}: must be one of {', '.join(STRATEGIES)}")


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
