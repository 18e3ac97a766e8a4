import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_inversion.evaluation import samples
from tf_inversion.networks.classifier import Classifier


def gaussian(count: int, deviations: list[float], mean: list[float], seed: int) -> np.ndarray:
    """Draws embeddings whose mean and diagonal covariance are the given ones to the last digit."""
    x = np.random.default_rng(seed).standard_normal([count, len(mean)])
    x -= x.mean(0)
    white = np.linalg.solve(np.linalg.cholesky(np.cov(x, rowvar=False)), x.T).T
    return white * deviations + mean


def test_frechet_distance_of_gaussians_with_diagonal_covariances():
    """|mean - mean'|^2 + sum (deviation - deviation')^2 = (9 + 16) + (1 + 0 + 4) = 30."""
    a = gaussian(50, [2, 1, 5], [3, 0, 1], seed=0)
    b = gaussian(80, [1, 1, 3], [0, 4, 1], seed=1)
    assert samples.frechet_distance(a, b) == pytest.approx(30)
    assert samples.frechet_distance(b, a) == pytest.approx(30)
    assert samples.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


@pytest.mark.filterwarnings("error")
def test_frechet_distance_with_units_that_are_always_silent():
    """The silent unit of both adds nothing, the one of `a` alone its variance in `b`: 30 + 0.25."""
    a, b = gaussian(50, [2, 1, 5], [3, 0, 1], seed=0), gaussian(80, [1, 1, 3, 0.5], [0, 4, 1, 0], seed=1)
    a, b = np.pad(a, [(0, 0), (0, 2)]), np.pad(b, [(0, 0), (0, 1)])
    assert samples.frechet_distance(a, b) == pytest.approx(30.25)
    assert samples.frechet_distance(a, b[:2]) > 0  # fewer clips than units


def test_sample_metrics_by_hand():
    """Forty clips: 20 say word 0 for certain, 10 word 1 with 0.85, 10 word 2 with 0.7, none word 3."""
    probabilities = np.repeat([[1, 0, 0, 0], [0, 0.85, 0, 0.15], [0.3, 0, 0.7, 0]], [20, 10, 10], axis=0)
    embeddings = np.random.default_rng(0).standard_normal([40, 3])
    result = samples.sample_metrics(embeddings, probabilities, embeddings + np.array([3, 0, 4]))
    assert result["frechet_distance"] == pytest.approx(25)
    assert result["class_entropy"] == pytest.approx(0.5 * np.log(2) + 0.5 * np.log(4))
    assert (result["rarest_class"], result["commonest_class"]) == (0, 0.5)
    assert result["confident"] == pytest.approx(0.75)
    assert 1 < result["inception_score"] < 4


def test_embed_hears_as_much_as_the_judge_does():
    keras.utils.set_random_seed(0)
    judge = Classifier(architecture="mel_cnn", width=2, num_samples=8192)
    audio = np.random.default_rng(0).uniform(-1, 1, [5, 16384]).astype(np.float32)
    audio *= np.linspace(0.01, 1, 5, dtype=np.float32)[:, np.newaxis]
    embeddings, probabilities = samples.embed(judge, [audio[:2], audio[2:4], audio[4:]])
    embedding, logits = judge.features(audio[:, :8192], ["embedding", "logits"])
    np.testing.assert_allclose(embeddings, embedding, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(probabilities, tf.nn.softmax(logits), atol=1e-6)
    assert np.ptp(embeddings, axis=0).max() > 1e-3, "clips of different levels"


def test_tone_levels_find_a_tone_and_nothing_else():
    time = np.arange(16384) / 16000
    noise = 0.01 * np.random.default_rng(0).normal(size=[4, 16384])
    tones = noise + 0.01 * np.sin(2 * np.pi * 4000 * time)
    levels = samples.tone_levels(tones, 16000)
    # The tone has half the power of the noise, a third of all; its main lobe spreads over three bins.
    assert -10 < levels[4000] < -5
    assert levels[1000] < -20
    assert sorted(samples.tone_levels(tones, 8000)) == [1000, 4000]


def test_background_levels():
    word = np.zeros([3, 16384])
    word[:, :4096] = np.sin(np.arange(4096) * 0.3)
    word[1, -1600:] = 0.01 * np.sqrt(0.5)
    word[2, -1600:] = word[2, :1600]
    silent, hum, going_on = samples.background_levels(word, 16000)
    assert silent == -120
    assert abs(hum + 40) < 0.2
    assert abs(going_on) < 0.5
    stereo = np.stack([word, word], 1)
    np.testing.assert_allclose(samples.background_levels(stereo, 16000), [silent, hum, going_on], atol=1e-6)
    assert samples.tone_levels(stereo, 16000) == pytest.approx(samples.tone_levels(word, 16000))


def test_evaluate_samples_tells_noise_from_silence():
    keras.utils.set_random_seed(0)
    judge = Classifier(("no", "yes"), architecture="mel_cnn", width=2, num_samples=4096)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, [12, 4096]).astype(np.float32)
    clips = {"synthesized": 0.001 * noise[:11], "real": noise}
    evaluation = samples.evaluate_samples(clips, 16000, judge, batch_size=5)
    made, real = evaluation.values()
    assert (made["clips"], real["clips"]) == (11, 12)
    assert real["frechet_distance"] == pytest.approx(0, abs=1e-6)
    assert made["frechet_distance"] > 1e-3
    assert sum(made["shares"].values()) == sum(real["shares"].values()) == pytest.approx(1)
    heading, *lines = samples.cells(evaluation)
    assert heading == ["", "synthesized", "real"]
    assert [line[0] for line in lines] == [*(key for key in made if key != "shares"), "no", "yes"]
    few = samples.evaluate_samples({"synthesized": noise[:9], "real": noise}, 16000, judge)
    assert few["synthesized"]["inception_score"] is None


def test_silent_clips_have_spectra():
    frequencies, power = samples.average_spectrum(np.zeros([2, 16384]), 16000)
    assert len(frequencies) == len(power) == 513
    assert np.isfinite(power).all()
