"""Telling a generator's clips from all others."""

import keras
import numpy as np
import pytest
from curved import Curved, Other

from tf_inversion.applications.detection import (
    evaluate_detectors,
    residual_db,
    roc_auc,
    train_detector,
    verdicts,
)
from tf_inversion.networks.inverter import Inverter

NUM_SAMPLES = 2048


def test_only_own_clips_leave_no_residual(caplog):
    generator = Curved()
    own = generator(generator.draw_latents(2, seed=3)).numpy()
    other = Other()(generator.draw_latents(1, seed=3)).numpy()
    noisy = own[:1] + 0.1 * own[:1].std() * np.random.default_rng(0).normal(size=(1, NUM_SAMPLES))
    silent, damaged = np.zeros((1, NUM_SAMPLES)), np.full((1, NUM_SAMPLES), np.nan)
    clips = np.concatenate([own, 0.7 * own[:1], noisy, other, silent, damaged]).astype(np.float32)
    residuals = residual_db(clips, generator)
    assert (residuals[:3] < -60).all()
    assert residuals[3] == pytest.approx(-20, abs=0.5)
    assert residuals[3] < -10 < residuals[4]
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


def test_every_degradation_and_detector_has_a_row():
    clips = {"own": np.array([[1.0, 6], [3, 4]]), "other": np.array([[2.0, 9]]), "real": np.array([[5.0, 6]])}
    detectors = {"first": lambda audio: audio[:, 0], "sum": lambda audio: audio.sum(1)}
    degradations = {"nothing": lambda clip: clip, "backwards": lambda clip: clip[::-1]}
    rows = evaluate_detectors(clips, detectors, degradations)
    areas, medians = (
        ["own / other", "own / real", "other / real"],
        ["median own", "median other", "median real"],
    )
    assert [list(row) for row in rows] == [["degradation", "detector", *areas, *medians]] * 4
    assert [list(row.values()) for row in rows] == [
        ["nothing", "first", 0.5, 0, 0, 2, 2, 5],
        ["nothing", "sum", 0, 0, 0.5, 7, 11, 11],
        ["backwards", "first", 0, 0.25, 1, 5, 9, 6],
        ["backwards", "sum", 0, 0, 0.5, 7, 11, 11],
    ]


def test_verdicts_follow_from_the_residual():
    scores = {"attribution": np.array([80.0, 10, 9]), "features": np.array([1.0, -2, 3])}
    rows = verdicts(["a", "b", "c"], scores, threshold=-10)
    assert rows[1] == {"name": "b", "residual_db": -10, "own": 1, "features_log_odds": -2}
    assert [row["own"] for row in rows] == [1, 1, 0]
    assert list(verdicts(["a"], {"attribution": np.array([3.0])}, -10)[0]) == ["name", "residual_db", "own"]


def test_area_under_the_curve_is_the_share_of_pairs_in_order():
    assert roc_auc(np.array([3.0, 1]), np.array([2.0, 0])) == 0.75
    assert roc_auc(np.array([1.0]), np.array([1.0, 1])) == 0.5
