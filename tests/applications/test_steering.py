"""Paths in latent space along which a score rises, where it is known how it can."""

import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.applications import steering
from tf_inversion.generators.base import Generator
from tf_inversion.models import ModelBundle


class Copy(Generator):
    """Three latents, which are the clip."""

    def __init__(self):
        super().__init__(latent_dim=3, num_samples=3)

    def call(self, z):
        return tf.convert_to_tensor(z)


class Sign:
    """Tells whether x + y is positive."""

    label_names = ("negative", "positive")
    features = None  # which a classifier of losses has

    def __call__(self, audio, training=False):
        total = 4 * tf.reduce_sum(audio[:, :2], 1, keepdims=True)
        return tf.concat([-total, total], 1)


def first(audio, sample_rate):
    return audio[:, 0]


START = np.array([[-0.2, 0.5, 0], [0.9, 0.5, 0]], np.float32)


def test_a_path_is_as_long_as_its_strength_and_stays_in_range():
    ended = steering.steer(START, first, [-0.32, 0, 0.5, 0.1], Copy())
    assert ended.shape == (2, 4, 3)
    np.testing.assert_allclose(ended[:, :, 0], [[-0.52, -0.2, 0.3, -0.1], [0.58, 0.9, 1, 1]], atol=1e-5)
    np.testing.assert_array_equal(ended[:, :, 1:], np.broadcast_to(START[:, None, 1:], (2, 4, 2)))


def test_the_class_stays():
    """x is to fall, which leads to another class unless y rises."""
    there = steering.steer(START, first, [-0.6], Copy())[0, 0]
    assert there[0] + there[1] < 0
    kept = steering.steer(START, first, [-0.6], Copy(), Sign())[0, 0]
    assert kept[0] < START[0, 0] - 0.3
    assert kept[0] + kept[1] > 0.2


def test_clips_do_not_depend_on_their_batch():
    together = steering.steer(START, first, [-0.3], Copy(), Sign())
    alone = steering.steer(START, first, [-0.3], Copy(), Sign(), batch_size=1)
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_names():
    assert steering.find_assessor("pitch", None).unit == "semitones"
    score = steering.find_assessor("word:positive", Sign()).score
    np.testing.assert_allclose(score(tf.constant(START), 16000), 8 * START[:, :2].sum(1), rtol=1e-4)
    for name, words in (
        ("warmth", "'warmth'; choose from pitch"),
        ("word:odd", "'odd' is none of the classifier's negative, positive"),
        ("word", "'' is none of"),
    ):
        with pytest.raises(errors.InvalidArgumentError, match=words):
            steering.find_assessor(name, Sign())
    with pytest.raises(errors.InvalidArgumentError, match="word:NAME with a classifier"):
        steering.find_assessor("word:positive", None)


def test_the_effect_is_measured_on_random_latents():
    models = ModelBundle(Copy(), classifier=Sign(), judge=Sign())
    (row,) = steering.evaluate_steering(models, ["word:positive"], [0.3], num=50, seed=0)
    start = Copy().draw_latents(50, 0)
    moved = Copy().prior.project(start + 0.3 * np.sqrt([0.5, 0.5, 0]).astype(np.float32))
    change = 8 * (moved - start)[:, :2].sum(1)
    assert row["change"] == pytest.approx(change.mean(), rel=1e-3)
    assert row["standard_error"] == pytest.approx(change.std(ddof=1) / 50**0.5, rel=1e-3)
    assert row["before"] == pytest.approx(8 * start[:, :2].sum(1).mean(), abs=1e-3)
    assert row["up"] == pytest.approx(np.mean(change > 0))
    assert row["called"] == pytest.approx(np.mean(moved[:, :2].sum(1) > 0), abs=0.02)
    assert row["kept"] == pytest.approx(
        np.mean((moved[:, :2].sum(1) > 0) == (start[:, :2].sum(1) > 0)), abs=0.02
    )
    assert "called so" in steering.to_markdown([row])
