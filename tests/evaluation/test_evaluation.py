"""Whole tables on a tiny generator and a judge whose opinions are known."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_inversion.evaluation import columns
from tf_inversion.evaluation.clip_sets import ClipSet, synthesized_clips
from tf_inversion.evaluation.evaluation import evaluate
from tf_inversion.generators.base import Generator
from tf_inversion.inversion.result import InversionResult
from tf_inversion.models import ModelBundle

KEYS = [
    "num_clips",
    "mse",
    "nmse_db",
    "ssim",
    "ssim_magnitude",
    "log_mel_l1",
    "rms_ratio",
    "latent_mae",
    "latent_mae_median",
    "latent_correlation",
    "latent_jacobian_db",
    "solved",
    "exact",
    "accuracy",
    "agreement",
    "inception_score_mean",
    "inception_score_std",
    "seconds_per_clip",
    "confusion",
]


class Tones(Generator):
    """Four sines, whose levels are the latent vector."""

    def __init__(self):
        super().__init__(latent_dim=4, num_samples=2048)
        time = np.arange(2048) / 16000
        self._sines = np.stack([np.sin(2 * np.pi * f * time) for f in (500, 1000, 2000, 4000)]) / 8

    def call(self, z):
        return tf.matmul(z, self._sines.astype(np.float32))


class LoudestTone(keras.Model):
    """A judge that names the loudest of the four tones; certain of itself."""

    def __init__(self, generator):
        super().__init__()
        self.label_names = ("a", "b", "c", "d")
        self._sines = generator._sines.astype(np.float32)

    def call(self, audio, training=False):
        return tf.abs(tf.matmul(audio, self._sines, transpose_b=True)) * 10


def solution(generator, audio, error=0.0):
    """Inverts `Tones` exactly, by least squares, then adds `error` to each latent."""
    latents = np.linalg.lstsq(generator._sines.T, audio.T, rcond=None)[0].T.astype(np.float32) + error
    n = len(audio)
    return InversionResult(
        latents=latents.astype(np.float32),
        audio=generator(latents).numpy(),
        objective=np.zeros(n),
        iterations=np.zeros(n, np.int32),
        evaluations=np.ones(n, np.int32),
        status=np.full(n, "converged"),
        clip_seconds=np.zeros(n, np.float32),
    )


@pytest.fixture(scope="module")
def generator():
    return Tones()


@pytest.fixture(scope="module")
def models(generator):
    return ModelBundle(generator, judge=LoudestTone(generator))


@pytest.fixture(scope="module")
def clips(generator):
    return synthesized_clips(generator, 60, seed=1, batch_size=16)


@pytest.fixture(scope="module")
def evaluation(generator, models, clips):
    methods = {
        "exact": lambda audio, max_iterations=None: solution(generator, audio),
        "off": lambda audio, max_iterations=None: solution(generator, audio, error=0.1),
    }
    return evaluate(clips, models, methods, batch_size=16)


@pytest.fixture(scope="module")
def rows(evaluation):
    return evaluation.summary()


def test_rows_and_keys(rows):
    assert list(rows) == ["reference", "silence", "zero_latent", "exact", "off"]
    for row in rows.values():
        assert list(row) == KEYS
        assert row["num_clips"] == 60
        assert row["accuracy"] is row["confusion"] is None
    json.dumps(rows, allow_nan=False)


def test_reference_row(rows):
    assert rows["reference"]["mse"] == 0
    assert rows["reference"]["solved"] == rows["reference"]["agreement"] == 1
    assert rows["reference"]["exact"] == 1
    assert rows["reference"]["latent_mae"] == 0
    assert rows["reference"]["latent_jacobian_db"] == -200
    assert rows["reference"]["latent_correlation"] == pytest.approx(1)
    assert rows["reference"]["seconds_per_clip"] is None


def test_silent_rows(rows, clips):
    assert rows["silence"]["nmse_db"] == pytest.approx(0)
    assert rows["silence"]["rms_ratio"] == 0
    assert rows["silence"]["latent_mae"] is rows["silence"]["latent_jacobian_db"] is None
    assert rows["silence"]["inception_score_mean"] == pytest.approx(1)
    errors = np.abs(clips.latents)
    assert rows["zero_latent"]["latent_mae"] == pytest.approx(np.mean(errors))
    assert rows["zero_latent"]["latent_mae_median"] == pytest.approx(np.median(errors.mean(1)))
    assert rows["zero_latent"]["latent_correlation"] is None
    assert rows["zero_latent"]["solved"] == 0


def test_method_rows(rows):
    """`off` adds 0.1 to four levels of sines of amplitude 1/8, power 1/128: mse = 4 * 0.01 / 128.

    The generator is linear, so what is heard of the latents' error is the error of the sound.
    """
    assert rows["exact"]["nmse_db"] < -100
    assert rows["exact"]["solved"] == rows["exact"]["exact"] == rows["exact"]["agreement"] == 1
    assert rows["off"]["exact"] == 0
    assert rows["off"]["latent_jacobian_db"] == pytest.approx(rows["off"]["nmse_db"], abs=1e-3)
    assert rows["off"]["latent_mae"] == pytest.approx(0.1, rel=1e-4)
    assert rows["off"]["latent_correlation"] == pytest.approx(1)
    assert rows["off"]["mse"] == pytest.approx(0.04 / 128, rel=0.01)
    assert rows["off"]["solved"] == 0
    assert rows["off"]["agreement"] < 1
    assert rows["off"]["seconds_per_clip"] > 0
    assert rows["reference"]["inception_score_mean"] > 2


def test_accuracy_counts_labelled_clips_only(models, clips):
    words = np.abs(clips.latents).argmax(1)
    labels = np.where(np.arange(60) < 40, words, -1)
    labels[:10] = (labels[:10] + 1) % 4
    labelled = ClipSet(clips.audio, 16000, labels=labels)
    rows = evaluate(labelled, models, {}).summary()
    assert rows["reference"]["accuracy"] == pytest.approx(30 / 40)
    assert rows["reference"]["latent_mae"] is rows["reference"]["exact"] is None
    counts = np.array(rows["reference"]["confusion"])
    assert counts.sum() == 40
    assert np.trace(counts) == 30
    assert counts.sum(axis=0).tolist() == np.bincount(words[:40], minlength=4).tolist()


def test_failed_clips_count_as_silence(generator, models, clips, caplog):
    def half_failed(audio, max_iterations=None):
        result = solution(generator, audio)
        result.audio[::2] = np.nan
        result.latents[::2] = np.nan
        return result

    rows = evaluate(clips, models, {"bad": half_failed}).summary()
    assert rows["bad"]["solved"] == 0.5
    assert rows["bad"]["rms_ratio"] == pytest.approx(0.5)
    assert "bad: 30 reconstructions are not finite" in caplog.text


def test_silent_clips_leave_means_defined(models, clips):
    audio = clips.audio.copy()
    audio[:5] = 0
    rows = evaluate(ClipSet(audio, 16000), models, {}).summary()
    assert rows["silence"]["nmse_db"] == pytest.approx(0)
    only_silent = ClipSet(np.zeros([2, 2048], np.float32), 16000)
    rows = evaluate(only_silent, models, {}).summary()
    assert rows["reference"]["nmse_db"] is None
    assert rows["reference"]["solved"] is None
    assert rows["reference"]["inception_score_mean"] is None


def test_aggregates_are_those_of_the_clips(evaluation, rows):
    """Every number of the tables that a clip has is the mean over the clips."""
    table = evaluation.per_clip["off"]
    per_clip = columns.rows(table)
    assert [row["name"] for row in per_clip] == evaluation.clips.names
    for column in columns.PER_CLIP:
        if column.aggregate:
            mean = np.mean([row[column.key] for row in per_clip])
            assert rows["off"][column.key] == pytest.approx(mean, rel=1e-6), column.key
    assert rows["off"]["solved"] == np.mean([row["nmse_db"] <= -40 for row in per_clip])
    assert {"status", "objective", "seconds", "predicted_label"} <= per_clip[0].keys()


def test_clips_of_classes_that_the_judge_does_not_know_are_not_judged(models, clips):
    labels = np.where(np.arange(60) < 40, np.abs(clips.latents).argmax(1), -1)
    evaluation = evaluate(ClipSet(clips.audio, 16000, labels, names=clips.names), models, {})
    table = evaluation.per_clip["zero_latent"]
    assert (table["predicted_label"] != "").tolist() == (labels >= 0).tolist()
    assert np.isnan(table["probabilities"]).all(1).tolist() == (labels < 0).tolist()
    rows = evaluation.summary()
    assert rows["reference"]["accuracy"] == rows["reference"]["agreement"] == 1
    assert rows["zero_latent"]["agreement"] == np.mean(labels[:40] == 0), "of silence it says the first class"
    strange = ClipSet(clips.audio, 16000, np.full(60, -1))
    row = evaluate(strange, models, {}).summary()["reference"]
    assert row["accuracy"] is row["agreement"] is row["inception_score_mean"] is None


def test_keys_of_columns_are_unique_and_every_aggregate_has_a_legend():
    keys = [column.key for column in columns.COLUMNS]
    assert len(set(keys)) == len(keys)
    assert all(column.legend for column in columns.AGGREGATES if column.heading)
