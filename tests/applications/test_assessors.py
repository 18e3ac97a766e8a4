"""Scores of clips, held against sounds whose score is known and against librosa."""

import librosa
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax

from tf_inversion.applications import assessors

RATE = 16000
TIME = np.arange(16384) / RATE


def voices(frequencies):
    """Harmonic sounds [n, 16384] of these fundamental frequencies."""
    partials = range(1, 10)
    return np.array(
        [sum(0.2 / k * np.sin(2 * np.pi * f * k * TIME) for k in partials) for f in frequencies], np.float32
    )


def test_pitch():
    frequencies = np.array([90, 150, 220, 330])
    expected = 12 * np.log2(frequencies)
    np.testing.assert_allclose(assessors.median_pitch(voices(frequencies), RATE), expected, atol=0.1)
    scores = assessors.pitch(tf.constant(voices(frequencies)), RATE).numpy()
    assert (np.diff(scores) > 1).all(), "higher voices have higher scores"


def test_loudness_of_a_sine():
    frequencies = [100.0, 1000.0, 4000.0]
    sines = np.sin(2 * np.pi * np.array(frequencies)[:, None] * TIME).astype(np.float32)
    levels = assessors.loudness(tf.constant(sines), RATE)
    np.testing.assert_allclose(levels, librosa.A_weighting(np.array(frequencies)), atol=0.5)
    softer = assessors.loudness(tf.constant(sines / 10), RATE)
    np.testing.assert_allclose(levels - softer, 20, atol=0.01)


def test_brightness_is_the_spectral_centroid():
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 16384)).astype(np.float32)
    noise[1] = np.convolve(noise[1], [0.5, 0.5], "same")
    spectra = np.abs(librosa.stft(noise, n_fft=512, hop_length=256)).mean(-1, keepdims=True)
    centroids = librosa.feature.spectral_centroid(S=spectra, sr=RATE)[:, 0, 0]
    np.testing.assert_allclose(2 ** assessors.brightness(tf.constant(noise), RATE), centroids, rtol=0.01)


def test_duration():
    clips = np.stack([np.sin(2000 * TIME) * (seconds > TIME) for seconds in (0.2, 0.5, 0.8)])
    found = assessors.duration(tf.constant(clips, tf.float32), RATE)
    np.testing.assert_allclose(found, [0.2, 0.5, 0.8], atol=0.03)


@pytest.mark.parametrize("name", assessors.ASSESSORS)
def test_gradients_are_finite_in_silence_too(name):
    audio = tf.Variable(np.concatenate([voices([200]), np.zeros((1, 16384), np.float32)]))
    with tf.GradientTape() as tape:
        score = assessors.ASSESSORS[name].score(audio, RATE)
    gradient = tape.gradient(score, audio).numpy()
    assert np.isfinite(score).all()
    assert np.isfinite(gradient).all()
    assert gradient[0].any()


def test_log_odds():
    logits = np.random.default_rng(0).normal(0, 3, (4, 5)).astype(np.float32)
    chances = np.exp(log_softmax(logits, axis=1))[range(4), [0, 4, 2, 2]]
    found = assessors.log_odds(tf.constant(logits), tf.constant([0, 4, 2, 2]))
    np.testing.assert_allclose(found, np.log(chances / (1 - chances)), rtol=1e-4)
