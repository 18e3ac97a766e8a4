"""A generator of sounds of 1,024 samples, a classifier, and latents to compare."""

import numpy as np
import pytest
import tensorflow as tf

from tf_inversion.generators.base import Generator
from tf_inversion.networks.classifier import Classifier
from tf_inversion.priors import UniformPrior


class Sounds(Generator):
    """Three sounds, tone and noise, whose levels are the latents."""

    def __init__(self):
        super().__init__(latent_dim=3, num_samples=1024)
        noise = np.random.default_rng(0).normal(0, 0.1, (3, 1024))
        tones = np.sin(np.arange(1024) * np.array([[0.05], [0.2], [0.8]]))
        self._sounds = (0.2 * tones + noise).astype(np.float32)

    def call(self, z):
        return tf.matmul(z, self._sounds)


@pytest.fixture(scope="module")
def generator():
    return Sounds()


@pytest.fixture(scope="module")
def classifier():
    tf.keras.utils.set_random_seed(0)
    return Classifier(width=2, num_samples=1024)


@pytest.fixture(scope="module")
def case(generator):
    """Latents, of which some leave [-1, 1], clips of other latents, and these others."""
    latents, others = 1.3 * UniformPrior().sample(2, 3, seed=0), UniformPrior().sample(2, 3, seed=1)
    assert (np.abs(latents) > 1).any(1).all()
    return tf.constant(latents), generator(others), tf.constant(others)
