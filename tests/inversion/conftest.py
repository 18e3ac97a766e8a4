"""Generators so small that a search takes milliseconds, and answers that can be worked out."""

import numpy as np
import pytest
import tensorflow as tf

from tf_inversion.generators.base import Generator
from tf_inversion.inversion import batch
from tf_inversion.priors import UniformPrior


class Linear(Generator):
    """Three latents, each of them the level of a fixed sound of 40 samples."""

    def __init__(self):
        super().__init__(latent_dim=3, num_samples=40)
        self.sounds = np.random.default_rng(0).normal(0, 0.3, (3, 40)).astype(np.float32)

    def call(self, z):
        return tf.matmul(z, self.sounds)


class Curved(Generator):
    """Four latents through a layer of tanh: 64 samples that bend, but do not fold."""

    def __init__(self):
        super().__init__(latent_dim=4, num_samples=64)
        random = np.random.default_rng(1)
        self._inner = random.normal(0, 0.5, (4, 16)).astype(np.float32)
        self._outer = random.normal(0, 0.25, (16, 64)).astype(np.float32)

    def call(self, z):
        return tf.matmul(tf.tanh(tf.matmul(z, self._inner)), self._outer)


class Rosenbrock(Generator):
    """The mean square of its two samples is half of Rosenbrock's function: least, 0, at (1, 1)."""

    def __init__(self):
        super().__init__(latent_dim=2, num_samples=2)

    def call(self, z):
        return tf.stack([10 * (z[:, 1] - z[:, 0] ** 2), 1 - z[:, 0]], 1)


class Cliff(Generator):
    """Its one latent is its one sample; below 0 there is nothing."""

    def __init__(self):
        super().__init__(latent_dim=1, num_samples=1)

    def call(self, z):
        return tf.where(z < 0, np.nan, z)


@pytest.fixture(scope="session")
def linear():
    return Linear()


@pytest.fixture(scope="session")
def curved():
    return Curved()


@pytest.fixture(scope="session")
def rosenbrock():
    return Rosenbrock()


@pytest.fixture(scope="session")
def cliff():
    return Cliff()


@pytest.fixture(scope="session")
def curved_clips(curved):
    """Six latent vectors of `curved`, and their clips."""
    latents = UniformPrior().sample(6, 4, seed=1)
    return latents, curved(latents).numpy()


@pytest.fixture(scope="session")
def minimize():
    """Returns a function that runs a solver, with its options and `batch_size` by name."""

    def run(solver, audio, start, max_iterations, batch_size=64, on_round=None, **options):
        options = solver.options(max_iterations, **options)
        return batch.run(solver, audio, start, options, batch_size, on_round)

    return run
