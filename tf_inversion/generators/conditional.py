"""Conditional generators: what they take beside latents, and how it is fixed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.generators.base import Generator, interface


@dataclasses.dataclass(frozen=True)
class Condition:
    """What a conditional generator takes beside latents: a vector [size] for each clip.

    Attributes:
      size: of the vector.
      kind: "one_hot" (a class, or a categorical code as ciwGAN's) or "binary" (a code as fiwGAN's).
      labels: the classes' names, in the order of a one-hot vector's components; None if they have none.
    """

    size: int
    kind: str = "one_hot"
    labels: tuple[str, ...] | None = None

    @property
    def count(self) -> int:
        """The number of classes or codes."""
        return self.size if self.kind == "one_hot" else 2**self.size

    @property
    def names(self) -> tuple[str, ...]:
        """Of the classes, or the numbers of the codes."""
        return self.labels or tuple(map(str, range(self.count)))

    def vector(self, label: str | int) -> np.ndarray:
        """Returns the vector float32 [size] of a label, or of a number: a class, or what the bits say.

        Raises:
          InvalidArgumentError: if there is no such class or code.
        """
        if self.labels and label in self.labels:
            label = self.labels.index(str(label))
        elif isinstance(label, str) and label.isdecimal():
            label = int(label)
        count = self.count
        if not isinstance(label, int) or not 0 <= label < count:
            choices = ", ".join(self.labels) if self.labels else f"0 to {count - 1}"
            raise errors.InvalidArgumentError(f"label: {label!r} is unknown; choose from {choices}")
        positions = np.arange(self.size)
        bits = positions == label if self.kind == "one_hot" else label >> positions & 1
        return np.asarray(bits, np.float32)

    def sample(self, num: int, seed: int | Sequence[int]) -> np.ndarray:
        """Draws vectors float32 [num, size], each class or code as likely as any other."""
        labels = np.random.default_rng(seed).integers(self.count, size=num)
        return np.stack([self.vector(int(label)) for label in labels])


@dataclasses.dataclass(frozen=True)
class ConditionSpec:
    """Where and what the condition of a foreign generator is.

    Attributes:
      tensor: where it enters, a name as of `load_generator`; None for the only input that it can be.
      kind: see `Condition`.
      labels: the classes' names, () if they have none. A tensor of class numbers needs them.
    """

    tensor: str | None = None
    kind: str = "one_hot"
    labels: tuple[str, ...] = ()


def taking_vectors(
    function: Callable, source: Path, tensor: Any, spec: ConditionSpec
) -> tuple[Callable, Condition]:
    """Returns a function of latents and condition vectors of one of latents and `tensor`, and the condition.

    Args:
      function: latents, and values for `tensor` -> audio.
      source: the model's file, for messages.
      tensor: has the shape, [None, ...], and type of what the function takes: vectors, or numbers of classes.
      spec: what else is known.

    Raises:
      ModelFileError: if the tensor takes neither, or labels are missing or too many.
    """
    sizes, dtype = tuple(tensor.shape)[1:], tf.as_dtype(tensor.dtype)
    if None in sizes:
        raise errors.ModelFileError(
            f"{source}: takes a condition of shape {tensor.shape}, not vectors (None, size)"
        )
    if dtype.is_integer and math.prod(sizes) == 1:
        if not spec.labels:
            raise errors.ModelFileError(
                f"{source}: takes numbers of classes; name the classes in their order by condition_labels"
            )

        def numbers(z, vectors):
            return function(z, tf.reshape(tf.argmax(vectors, 1, dtype), [-1, *sizes]))

        return numbers, Condition(len(spec.labels), "one_hot", spec.labels)

    def reshaped(z, vectors):
        return function(z, tf.cast(tf.reshape(vectors, [-1, *sizes]), dtype))

    condition = Condition(math.prod(sizes), spec.kind, spec.labels or None)
    if spec.labels and len(spec.labels) != condition.count:
        raise errors.ModelFileError(
            f"{source}: has {condition.count} classes or codes; condition_labels names {len(spec.labels)}"
        )
    return reshaped, condition


class Conditioned(Generator):
    """A conditional generator with its condition fixed: latent vectors -> audio.

    Args:
      generator: a conditional one.
      vector: of the condition, [condition.size]; see `Condition.vector`.

    Raises:
      InvalidArgumentError: if the generator takes no such vector.
    """

    def __init__(self, generator: Generator, vector: np.ndarray):
        if generator.condition is None or np.shape(vector) != (generator.condition.size,):
            size = generator.condition and generator.condition.size
            raise errors.InvalidArgumentError(
                f"vector: shape {np.shape(vector)}, but the generator's condition has {size or 'none'}"
            )
        super().__init__(**interface(generator), dtype="float32")
        self.generator, self.vector = generator, tf.constant(vector, tf.float32)

    def call(self, z):
        return self.generator(z, tf.tile(self.vector[tf.newaxis], [tf.shape(z)[0], 1]))
