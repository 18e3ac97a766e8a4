import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.training.collapse import CollapseDetector, sample_statistics

HEALTHY = {
    "samples/level_db": -12.0,
    "samples/spread": 0.3,
    "discriminator/accuracy": 0.97,
    "generator/loss": 3.0,
}
ALIVE = {"commonest_class": 0.4, "inception_score": 1.3}
FOUR_CLASSES = np.eye(4)[[0, 0, 1, 2, 3]]

COLLAPSES = [
    ({"samples/level_db": -70.0}, "silent or constant"),
    ({"samples/spread": 1e-4}, "the same clip of every latent vector"),
    ({"discriminator/accuracy": 1.0, "generator/loss": 20.0}, "the critics tell every"),
]


@pytest.mark.parametrize(("seen", "message"), COLLAPSES)
def test_a_symptom_ends_the_training_when_it_stays(seen, message):
    detector = CollapseDetector(FOUR_CLASSES, patience=4)
    for step, metrics in enumerate([HEALTHY | seen] * 3 + [HEALTHY] + [HEALTHY | seen] * 3):
        detector.check_step(metrics, step)
    with pytest.raises(errors.TrainingError, match=f"{message}.* at step 7: .*; try ") as caught:
        detector.check_step(HEALTHY | seen, 7)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("seen", [{"commonest_class": 1.0}, {"inception_score": 1.001}])
def test_one_class_in_all_samples_ends_the_training_after_its_first_steps(seen):
    detector = CollapseDetector(FOUR_CLASSES, patience=4)
    for step in range(17):
        detector.check_step(HEALTHY, step)
        detector.check_samples(ALIVE)
        if step < 16:
            detector.check_samples(ALIVE | seen)
    with pytest.raises(errors.TrainingError, match=r"of the samples are of one class, of the real clips 40%"):
        detector.check_samples(ALIVE | seen)


def test_one_class_in_real_clips_too_says_nothing():
    detector = CollapseDetector(np.tile([[0.9, 0.1]], [5, 1]), patience=1)
    detector.check_step(HEALTHY, 1000)
    detector.check_samples({"commonest_class": 1.0, "inception_score": 1.0})


def test_statistics_of_clips():
    rng = np.random.default_rng(0)
    real = tf.constant(rng.normal(0, 0.1, [8, 16384]), tf.float32)
    like_real = sample_statistics(real, tf.reverse(real, [1]) + 0.3)
    np.testing.assert_allclose(like_real["level_db"], 0, atol=1e-3)
    assert 0.8 < like_real["spread"] < 1
    quiet = sample_statistics(real, real / 100)
    np.testing.assert_allclose(quiet["level_db"], -40, atol=1e-3)
    np.testing.assert_allclose(quiet["spread"], like_real["spread"], rtol=1e-3)
    same = sample_statistics(real, tf.tile(real[:1], [8, 1]))
    assert abs(same["level_db"]) < 0.2
    np.testing.assert_allclose(same["spread"], 0, atol=1e-6)
    constants = sample_statistics(
        real, tf.ones_like(real) * np.linspace(-1, 1, 8, dtype=np.float32)[:, np.newaxis]
    )
    assert constants["level_db"] < -100
