"""Conditional generators: what they take beside latents, and how it is fixed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

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

    def vector(self, label: str | int) -> np.ndarray:
        """Returns the vector float32 [size] of a label, or of a number: a class, or what the bits say.

        Raises:
          InvalidArgumentError: if there is no such class or code.
        """
        if self.labels and label in self.labels:
            label = self.labels.index(str(label))
        count = self.size if self.kind == "one_hot" else 2**self.size
        if not isinstance(label, int) or not 0 <= label < count:
            choices = ", ".join(self.labels) if self.labels else f"0 to {count - 1}"
            raise errors.InvalidArgumentError(f"label: {label!r} is unknown; choose from {choices}")
        positions = np.arange(self.size)
        bits = positions == label if self.kind == "one_hot" else label >> positions & 1
        return np.asarray(bits, np.float32)

    def sample(self, num: int, seed: int | Sequence[int]) -> np.ndarray:
        """Draws vectors float32 [num, size], each class or code as likely as any other."""
        count = self.size if self.kind == "one_hot" else 2**self.size
        labels = np.random.default_rng(seed).integers(count, size=num)
        return np.stack([self.vector(int(label)) for label in labels])


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
