"""Models so small that an inversion takes a moment, for the page to explore them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_inversion.generators.base import Generator
from tf_inversion.models import ModelBundle
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.inverter import Inverter

NUM_SAMPLES, SAMPLE_RATE = 4096, 8000


class Chord(Generator):
    """Four latents, each the level of a tone; the fourth one's is a hundredth."""

    def __init__(self):
        super().__init__(latent_dim=4, num_samples=NUM_SAMPLES, sample_rate=SAMPLE_RATE)
        time = np.arange(NUM_SAMPLES) / SAMPLE_RATE
        tones = [np.sin(2 * np.pi * frequency * time) for frequency in (300, 700, 1500, 2600)]
        self.tones = np.array(tones, np.float32) * [[0.2], [0.2], [0.2], [0.002]]

    def call(self, z):
        return tf.matmul(z, tf.constant(self.tones, tf.float32))


@pytest.fixture(scope="session")
def chord() -> ModelBundle:
    """`Chord`, and networks that know nothing."""
    face = {"num_samples": NUM_SAMPLES, "sample_rate": SAMPLE_RATE}
    keras.utils.set_random_seed(0)
    return ModelBundle(
        Chord(),
        Inverter(latent_dim=4, width=2, **face),
        Classifier(architecture="mel_cnn", width=2, **face),
        Classifier(architecture="mel_cnn", width=2, **face),
    )
