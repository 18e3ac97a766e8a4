"""The inverter's features."""

import keras
import numpy as np

from tf_inversion.applications.features import inverter_features
from tf_inversion.networks.inverter import Inverter


def test_they_are_what_the_latents_are_computed_from_and_forget_the_level():
    keras.utils.set_random_seed(0)
    inverter = Inverter(latent_dim=3, width=2, num_samples=2048, peak=0.9)
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, (5, 2048)).astype(np.float32)
    audio *= 0.9 / np.abs(audio).max(1, keepdims=True)
    features = inverter_features(inverter, audio, batch_size=2)
    assert features.shape == (5, 16)
    kernel, bias = inverter.network.get_layer("latents").get_weights()
    np.testing.assert_allclose(features @ kernel + bias, inverter.encode(audio).numpy(), atol=1e-5)
    np.testing.assert_allclose(inverter_features(inverter, 0.1 * audio), features, atol=1e-3)
    assert np.isfinite(inverter_features(inverter, np.zeros((1, 2048), np.float32))).all()
