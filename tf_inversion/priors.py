"""Where a generator's latent vectors come from: the distribution that it was trained to map to audio.

Everything that draws, bounds, penalises or regularises latents asks the generator's prior. Another
distribution is one class here, registered in `PRIORS`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Prior:
    """A distribution of latent vectors of independent components with mean 0, around a convex region.

    Attributes:
      name: its name in `PRIORS`.
      precision: 1 / variance of a component.
      bounds: of a component; None if it has none.
    """

    name: ClassVar[str]
    precision: ClassVar[float]
    bounds: ClassVar[tuple[float, float] | None] = None

    def sample(self, num: int, latent_dim: int, seed: int | Sequence[int]) -> np.ndarray:
        """Draws latents float32 [num, latent_dim] by NumPy."""
        raise NotImplementedError

    def draw(self, shape: Sequence[int], seed: tf.Tensor) -> tf.Tensor:
        """Draws latents float32 of a shape by TensorFlow, the same for the same seed (int [2])."""
        raise NotImplementedError

    def _project(self, latents: tf.Tensor) -> tf.Tensor:
        raise NotImplementedError

    def project(self, latents):
        """Returns the nearest latents in range, [..., latent_dim], of the type that was given."""
        projected = self._project(tf.convert_to_tensor(latents))
        return projected if tf.is_tensor(latents) else projected.numpy()

    def excess(self, latents):
        """Returns by how much each component of latents [..., latent_dim] is out of range, 0 within."""
        return latents - self.project(latents)

    def contains(self, latents: np.ndarray, slack: float = 0.0) -> np.ndarray:
        """Returns for latents [..., latent_dim] whether no component is out of range by more than `slack`."""
        return (np.abs(self.excess(latents)) <= slack).all(-1)


class UniformPrior(Prior):
    """Uniform in [-1, 1], as WaveGAN's (paper, section 3.2.1)."""

    name = "uniform"
    precision = 3.0
    bounds = (-1, 1)

    def sample(self, num: int, latent_dim: int, seed: int | Sequence[int]) -> np.ndarray:
        return np.random.default_rng(seed).uniform(-1, 1, (num, latent_dim)).astype(np.float32)

    def draw(self, shape: Sequence[int], seed: tf.Tensor) -> tf.Tensor:
        return tf.random.stateless_uniform(shape, seed, -1.0, 1.0)

    def _project(self, latents: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value(latents, -1, 1)


class NormalPrior(Prior):
    """Standard normal.

    Its vectors lie near the sphere of radius sqrt(latent_dim), whatever the dimension with a standard
    deviation of 0.7. In range is the ball of a radius larger by 3, which holds all but 1 in 10,000.
    """

    name = "normal"
    precision = 1.0

    def sample(self, num: int, latent_dim: int, seed: int | Sequence[int]) -> np.ndarray:
        return np.random.default_rng(seed).standard_normal((num, latent_dim)).astype(np.float32)

    def draw(self, shape: Sequence[int], seed: tf.Tensor) -> tf.Tensor:
        return tf.random.stateless_normal(shape, seed)

    def _project(self, latents: tf.Tensor) -> tf.Tensor:
        squared_radius = tf.constant(latents.shape[-1] ** 0.5 + 3.0, latents.dtype) ** 2
        squared_norm = tf.reduce_sum(latents**2, -1, keepdims=True)
        # Exactly latents * 1 within; the norm's own gradient would be NaN at 0.
        return latents * tf.sqrt(squared_radius / tf.maximum(squared_norm, squared_radius))


#: By name, as `load_generator` and the flag --latent_prior take them.
PRIORS: dict[str, Prior] = {prior.name: prior for prior in (UniformPrior(), NormalPrior())}
