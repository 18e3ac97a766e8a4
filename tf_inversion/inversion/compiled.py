"""What is compiled: for any number of clips, kept for a generator's next call, freed with the generator."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import tensorflow as tf

from tf_inversion.generators.base import Generator

Made = TypeVar("Made")
_MAX_KEPT = 16


def kept(generator: Generator, make: Callable[..., Made], *arguments: Hashable) -> Made:
    """Returns `make(generator, *arguments)`; asked for the same again, what it returned before.

    The generator itself remembers the latest 16, since whatever was compiled for it holds it.
    """
    attributes = generator.__dict__  # past Keras, which would search an attribute for layers
    if "_kept" not in attributes:
        attributes["_kept"] = functools.lru_cache(_MAX_KEPT)(lambda make, *given: make(generator, *given))
    return attributes["_kept"](make, *arguments)


def for_any_number(function: Callable[..., Made]) -> Callable[..., Made]:
    """Compiles a function of tensors [batch, ...] and scalars once, at its first call, for any batch.

    Without AutoGraph, which takes as long as all else, and there is no control flow for it to convert.
    """
    compiled = tf.function(function, reduce_retracing=True, autograph=False)
    traced: list[Any] = []

    @functools.wraps(function)
    def call(*arguments: Any) -> Made:
        if not traced and not tf.config.functions_run_eagerly():
            specs = tf.nest.map_structure(_of_any_number, arguments)
            traced.append(compiled.get_concrete_function(*specs))
        return compiled(*arguments)

    return call


def _of_any_number(tensor: tf.Tensor) -> tf.TensorSpec:
    return tf.TensorSpec([None, *tensor.shape[1:]] if tensor.shape.rank else [], tensor.dtype)
