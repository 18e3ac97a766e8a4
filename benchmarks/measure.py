"""What the benchmarks share: honest seconds, counted operations, the machine's own best."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

# As the package sets it, which is too late where TensorFlow is imported before.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import numpy as np
import tensorflow as tf


def seconds(function: Callable[[], object], runs: int = 5) -> float:
    """Median wall time of a call, after one that is not counted (it traces)."""
    function()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def matmul_gflops(size: int = 2048) -> float:
    """GFLOP/s of this machine's float32 matrix product, the best that a network could reach."""
    a = tf.random.normal([size, size])
    product = tf.function(lambda: tf.matmul(a, a))
    return 2 * size**3 / seconds(lambda: product().numpy()) / 1e9


def count_gflop(function: tf.types.experimental.GenericFunction, *arguments) -> float:
    """Floating-point operations of a tf.function, counted by TensorFlow over its graph, in 1e9.

    Matrix products and convolutions count, forward and backward; what runs
    inside while loops or has no counter does not, so the figure is a floor.
    """
    graph = function.get_concrete_function(*arguments).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    run_meta = tf.compat.v1.RunMetadata()
    profile = tf.compat.v1.profiler.profile(graph, run_meta=run_meta, cmd="op", options=options)
    return profile.total_float_ops / 1e9


def widened(few: keras.Model, many: keras.Model) -> None:
    """Sets a network's weights to those of a narrower one with each channel several times: the same function.

    That is Net2Net's widening (Chen, Goodfellow, Shlens 2016). Kernels have the channels that they read
    last but one.
    """
    for narrow, wide in zip(few.weights, many.weights):
        value = narrow.numpy()
        for axis, (old, new) in enumerate(zip(narrow.shape, wide.shape)):
            value = np.repeat(value, new // old, axis)
        wide.assign(value * narrow.shape[-2] / wide.shape[-2] if value.ndim > 1 else value)
