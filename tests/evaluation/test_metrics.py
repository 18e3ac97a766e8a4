"""Metrics against values derived by hand and against scikit-image's and NumPy's ways."""

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf

from tf_inversion.evaluation import metrics
from tf_inversion.evaluation.evaluation import clip_metrics
from tf_inversion.generators.base import Generator

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def speechlike():
    """Noise under a slow envelope, [5, 16384]."""
    envelope = np.sin(np.linspace(0, 3 * np.pi, 16384)) ** 2
    return (RNG.normal(0, 0.1, [5, 16384]) * envelope).astype(np.float32)


def test_waveform_metrics_by_hand():
    """A clip of 0.5 answered by 0.45 everywhere.

    mse = 0.05^2 = 0.0025; nmse_db = 10 log10(0.0025 / 0.25) = -20; rms_ratio = 0.9.
    """
    clip = np.full([1, 4096], 0.5, np.float32)
    result = clip_metrics(clip, 0.9 * clip, 16000)
    assert result["mse"][0] == pytest.approx(0.0025, rel=1e-5)
    assert result["nmse_db"][0] == pytest.approx(-20, abs=1e-4)
    assert result["rms_ratio"][0] == pytest.approx(0.9)


def test_perfect_and_silent_answers(speechlike):
    perfect = clip_metrics(speechlike, speechlike, 16000)
    for key, value in {
        "mse": 0,
        "nmse_db": metrics.PERFECT_DB,
        "ssim": 1,
        "ssim_magnitude": 1,
        "log_mel_l1": 0,
        "rms_ratio": 1,
    }.items():
        np.testing.assert_allclose(perfect[key], value, atol=1e-6, err_msg=key)
    silent = clip_metrics(speechlike, np.zeros_like(speechlike), 16000)
    np.testing.assert_allclose(silent["nmse_db"], 0, atol=1e-9)
    np.testing.assert_array_equal(silent["rms_ratio"], 0)
    np.testing.assert_allclose(silent["mse"], np.mean(speechlike.astype(np.float64) ** 2, axis=1))


def test_silent_clip_has_no_ratios(speechlike):
    clips = np.concatenate([np.zeros([1, 16384], np.float32), speechlike[:1]])
    result = clip_metrics(clips, clips[::-1], 16000)
    for key in ("nmse_db", "ssim", "rms_ratio"):
        assert np.isnan(result[key][0]), key
        assert np.isfinite(result[key][1]), key
    for key in ("mse", "ssim_magnitude", "log_mel_l1"):
        assert np.isfinite(result[key]).all(), key


def test_small_errors_keep_their_digits(speechlike):
    clip = speechlike[:1].astype(np.float64)
    answer = (clip * (1 + 1e-6)).astype(np.float32)
    exact = np.sum((clip - answer.astype(np.float64)) ** 2) / np.sum(clip**2)
    result = clip_metrics(speechlike[:1], answer, 16000)
    assert result["nmse_db"][0] == pytest.approx(10 * np.log10(exact), abs=1e-6)
    assert result["nmse_db"][0] < -115


def test_batch_size_does_not_matter(speechlike):
    answers = speechlike[::-1]
    whole = clip_metrics(speechlike, answers, 16000)
    parts = clip_metrics(speechlike, answers, 16000, batch_size=2)
    for key, values in whole.items():
        np.testing.assert_allclose(parts[key], values, rtol=1e-5, err_msg=key)


def ssim_by_scipy(image, other):
    """Wang et al. 2004, equation 13 and section III-B, on the places where the window fits."""

    def blur(x):
        return scipy.ndimage.gaussian_filter(x, 1.5, truncate=5 / 1.5)[5:-5, 5:-5]

    mean_a, mean_b = blur(image), blur(other)
    var_a, var_b = blur(image**2) - mean_a**2, blur(other**2) - mean_b**2
    covariance = blur(image * other) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    return np.mean(
        (2 * mean_a * mean_b + c1)
        * (2 * covariance + c2)
        / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))
    )


def stft_by_numpy(audio):
    padded = np.pad(audio.astype(np.float64), (0, 256))
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    return np.stack([np.fft.rfft(window * padded[128 * i : 128 * i + 256]) for i in range(len(audio) // 128)])


def test_ssim_agrees_with_numpy_and_scipy(speechlike):
    clips, answers = speechlike, 0.5 * speechlike + 0.5 * speechlike[::-1]
    result = clip_metrics(clips, answers, 16000)
    for i, (clip, answer) in enumerate(zip(clips, answers)):
        spectrum, other = stft_by_numpy(clip), stft_by_numpy(answer)
        data_range = np.ptp(spectrum.real)
        expected = ssim_by_scipy(spectrum.real / data_range, other.real / data_range)
        assert result["ssim"][i] == pytest.approx(expected, abs=2e-4)
        decibels = [np.maximum(20 * np.log10(np.abs(s) / 64), -60) / 60 + 1 for s in (spectrum, other)]
        assert result["ssim_magnitude"][i] == pytest.approx(ssim_by_scipy(*decibels), abs=2e-4)


def test_ssim_of_the_real_part_does_not_depend_on_level(speechlike):
    answers = speechlike[::-1]
    loud = clip_metrics(speechlike, answers, 16000)["ssim"]
    quiet = clip_metrics(speechlike / 30, answers / 30, 16000)["ssim"]
    np.testing.assert_allclose(quiet, loud, atol=1e-5)


def test_phase_free_metrics_forget_polarity(speechlike):
    result = clip_metrics(speechlike, -speechlike, 16000)
    np.testing.assert_allclose(result["log_mel_l1"], 0, atol=1e-6)
    np.testing.assert_allclose(result["ssim_magnitude"], 1, atol=1e-6)
    np.testing.assert_allclose(result["nmse_db"], 10 * np.log10(4), atol=1e-6)


def test_log_mel_l1_of_a_tenth_of_the_level():
    """Noise far over the floor, answered at a tenth: each log10 magnitude falls by one."""
    clip = RNG.normal(0, 0.3, [2, 16384]).astype(np.float32)
    result = clip_metrics(clip, clip / 10, 16000)
    np.testing.assert_allclose(result["log_mel_l1"], 1, atol=0.01)


def test_latent_correlation():
    z = RNG.uniform(-1, 1, [50, 10])
    assert metrics.latent_correlation(z, 0.2 * z + 0.5) == pytest.approx(1)
    assert metrics.latent_correlation(z, -z) == pytest.approx(-1)
    other = RNG.uniform(-1, 1, [50, 10])
    expected = np.corrcoef(z.ravel(), other.ravel())[0, 1]
    assert metrics.latent_correlation(z, other) == pytest.approx(expected)
    assert np.isnan(metrics.latent_correlation(z, np.zeros_like(z)))


class Bends(Generator):
    """A louder ramp for a larger z, not in proportion: G(z) = (z_1^2 + 10 z_2) t; z_3 is not heard."""

    def __init__(self):
        super().__init__(latent_dim=3, num_samples=256)

    def call(self, z):
        return (z[:, :1] ** 2 + 10 * z[:, 1:2]) * tf.linspace(0.0, 1.0, 256)


def test_jacobian_weighted_error_by_hand():
    """At z = (0.5, 0.075, 0): G = t and J = (t, 10 t, 0); errors of 0.1, 0.01, 0.9 are 0.1 t, 0.1 t, 0."""
    z = np.tile(np.float32([0.5, 0.075, 0]), (5, 1))
    errors = np.float32([[0.1, 0, 0], [0, 0.01, 0], [0.1, -0.01, 0.9], [0, 0, 0.9], [0, 0.1, 0]])
    heard = metrics.jacobian_weighted_error_db(Bends(), z, z + errors, batch_size=2)
    np.testing.assert_allclose(heard[[0, 1, 4]], [-20, -20, 0], atol=1e-4)
    assert heard[2] < -120
    assert heard[3] == metrics.PERFECT_DB


def test_jacobian_weighted_error_of_silence():
    assert np.isnan(metrics.jacobian_weighted_error_db(Bends(), np.zeros((1, 3)), np.ones((1, 3)))).all()


def test_confusion_leaves_unknown_labels_out():
    labels, predictions = np.array([list("aac-cb"), list("abccc-")])
    counts = metrics.confusion(labels, predictions, ["a", "b", "c"])
    assert counts.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 2]]


def test_inception_score_by_hand():
    """Certain answers, spread evenly over 4 words: KL = log 4 for each, so exp(KL) = 4.

    All clips the same: p(y|x) = p(y), KL = 0, score 1.
    """
    even = np.tile(np.eye(4), [20, 1])
    assert metrics.inception_score(even)[0] == pytest.approx(4)
    same = np.tile([[0.5, 0.25, 0.25, 0]], [100, 1])
    assert metrics.inception_score(same) == pytest.approx((1, 0))


def test_inception_score_of_two_kinds_of_clips():
    """Half say (0.8, 0.2), half (0.2, 0.8); p(y) = (0.5, 0.5).

    KL = 0.8 log 1.6 + 0.2 log 0.4 = 0.19274; exp = 1.21257.
    """
    probabilities = np.tile([[0.8, 0.2], [0.2, 0.8]], [30, 1])
    mean, deviation = metrics.inception_score(probabilities)
    assert mean == pytest.approx(1.21257, abs=1e-5)
    assert np.isnan(deviation), "60 clips are one split"


def test_inception_score_deals_sorted_clips_out():
    """Sorted by word, ten contiguous splits would score 1 each."""
    mean, deviation = metrics.inception_score(np.repeat(np.eye(10), 30, axis=0))
    assert 7 < mean <= 10
    assert 0 < deviation < 1


def test_inception_score_of_too_few_clips():
    assert np.isnan(metrics.inception_score(np.eye(9))).all()


def test_judge_probabilities_in_batches():
    def judge(audio, training):
        assert not training
        assert len(audio) <= 2
        return tf.math.log(tf.stack([audio[:, 0], 1 - audio[:, 0]], axis=1))

    audio = np.array([[0.1], [0.7], [0.4]], np.float32)
    probabilities = metrics.judge_probabilities(judge, audio, batch_size=2)
    np.testing.assert_allclose(probabilities[:, 0], [0.1, 0.7, 0.4], atol=1e-6)


def test_channels_are_averaged(speechlike):
    """Two equal channels are measured as the one."""
    answers = speechlike[::-1]
    mono = clip_metrics(speechlike, answers, 16000)
    stereo = clip_metrics(*(np.stack([x, x], 1) for x in (speechlike, answers)), 16000)
    for key, values in mono.items():
        np.testing.assert_allclose(stereo[key], values, rtol=1e-5, err_msg=key)
