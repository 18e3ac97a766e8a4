"""Telling a generator's clips from all others."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_inversion.applications.detection import OWN_DB, residual_db, roc_auc, score_all, train_detector
from tf_inversion.generators.base import Generator
from tf_inversion.latents import draw_latents
from tf_inversion.networks.inverter import Inverter

NUM_SAMPLES = 2048


class Curved(Generator):
    """Four latents through a layer of tanh."""

    def __init__(self, seed=1):
        super().__init__(latent_dim=4, num_samples=NUM_SAMPLES)
        random = np.random.default_rng(seed)
        self._inner = random.normal(0, 0.5, (4, 16)).astype(np.float32)
        self._outer = random.normal(0, 0.25, (16, NUM_SAMPLES)).astype(np.float32)

    def call(self, z):
        return tf.matmul(tf.tanh(tf.matmul(z, self._inner)), self._outer)


def test_only_own_clips_leave_no_residual(caplog):
    generator = Curved()
    own = generator(draw_latents(2, 4, seed=3)).numpy()
    other = Curved(seed=2)(draw_latents(1, 4, seed=3)).numpy()
    noisy = own[:1] + 0.1 * own[:1].std() * np.random.default_rng(0).normal(size=(1, NUM_SAMPLES))
    silent, damaged = np.zeros((1, NUM_SAMPLES)), np.full((1, NUM_SAMPLES), np.nan)
    clips = np.concatenate([own, 0.7 * own[:1], noisy, other, silent, damaged]).astype(np.float32)
    residuals = residual_db(clips, generator)
    assert (residuals[:3] < -60).all()
    assert residuals[3] == pytest.approx(-20, abs=0.5)
    assert residuals[3] < OWN_DB < residuals[4]
    assert residuals[5:].tolist() == [0, 0]
    assert not caplog.records, "clips of others run out of iterations as a matter of course"


def test_features_tell_tones_from_noise():
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    inverter = Inverter(latent_dim=3, width=2, num_samples=NUM_SAMPLES)
    hertz = rng.uniform(0.1, 0.3, (60, 1))
    tones = (rng.uniform(0.1, 0.9, (60, 1)) * np.sin(hertz * np.arange(NUM_SAMPLES))).astype(np.float32)
    noise = rng.uniform(-0.5, 0.5, (50, NUM_SAMPLES)).astype(np.float32)
    before = [weight.copy() for weight in inverter.get_weights()]
    detector = train_detector(inverter, noise[:30], tones[:40])
    assert roc_auc(detector(tones[40:]), detector(noise[30:])) == 1
    assert detector(tones[40:]).min() > 0 > detector(noise[30:]).max()
    for was, weight in zip(before, inverter.get_weights()):
        np.testing.assert_array_equal(was, weight)


def test_scores_of_every_kind_after_every_degradation():
    clips = {"own": np.array([[1.0, 2], [3, 4]]), "real": np.array([[5.0, 6]])}
    detectors = {"first": lambda audio: audio[:, 0], "sum": lambda audio: audio.sum(1)}
    degradations = {"nothing": lambda clip: clip, "backwards": lambda clip: clip[::-1]}
    found = {
        key: {kind: values.tolist() for kind, values in scores.items()}
        for key, scores in score_all(clips, detectors, degradations).items()
    }
    assert found == {
        ("nothing", "first"): {"own": [1, 3], "real": [5]},
        ("nothing", "sum"): {"own": [3, 7], "real": [11]},
        ("backwards", "first"): {"own": [2, 4], "real": [6]},
        ("backwards", "sum"): {"own": [3, 7], "real": [11]},
    }


def test_area_under_the_curve_is_the_share_of_pairs_in_order():
    assert roc_auc(np.array([3.0, 1]), np.array([2.0, 0])) == 0.75
    assert roc_auc(np.array([1.0]), np.array([1.0, 1])) == 0.5
