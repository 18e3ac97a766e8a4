"""Each loss term against NumPy, on sounds of 1,024 samples."""

import numpy as np
import pytest
import tensorflow as tf

from tf_inversion.losses import LOSS_TERMS, Objective
from tf_inversion.losses.terms import SquaredError, kl_divergence, log_relative_error

SQUARED = [name for name, term in LOSS_TERMS.items() if isinstance(term.distance, SquaredError)]


def frames(audio, length):
    """Hann-windowed spectra [b, n, bins] at a hop of half the length, padded at the end."""
    audio = np.pad(audio, [(0, 0), (0, length)])[:, : 1024 + length // 2]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    parts = [audio[:, i : i + length] * window for i in range(0, 1024, length // 2)]
    return np.fft.rfft(np.stack(parts, 1))


def mean(x):
    return np.mean(np.reshape(x, [len(x), -1]), 1)


def log_mel_distance(a, b):
    values = []
    for length, bands in ((256, 32), (1024, 80)):
        to_mel = tf.signal.linear_to_mel_weight_matrix(bands, length // 2 + 1, 16000, 20.0, 8000.0).numpy()
        mels = [np.log10((np.abs(frames(x, length)) * 4 / length) ** 2 @ to_mel + 1e-6) / 2 for x in (a, b)]
        values.append(mean((mels[0] - mels[1]) ** 2))
    return np.mean(values, 0)


def expected(name, latents, start, a, b, classifier):
    """Returns what a loss term is worth, [b], of audio a for clips b."""
    spectra = frames(a, 256), frames(b, 256)
    if name == "waveform":
        return np.sum((a - b) ** 2, 1) / np.sum(b**2, 1)
    if name == "waveform_log":
        return np.log(1 + 100 * np.sum((a - b) ** 2, 1) / np.sum(b**2, 1))
    if name == "waveform_mse":
        return mean((a - b) ** 2)
    if name == "waveform_mae":
        return mean(np.abs(a - b))
    if name == "real_part":
        return mean(np.abs(spectra[0].real - spectra[1].real))
    if name == "magnitude":
        return mean(np.abs(np.abs(spectra[0]) - np.abs(spectra[1])))
    if name == "log_magnitude":
        return mean(np.abs(np.log(np.abs(spectra[0]) + 1e-2) - np.log(np.abs(spectra[1]) + 1e-2)))
    if name == "log_mel":
        return log_mel_distance(a, b)
    if name == "level":
        return np.diff([np.log10(np.sqrt(np.mean(x**2, 1))) for x in (a, b)], axis=0)[0] ** 2
    if name == "latent":
        return mean((latents - start) ** 2)
    if name == "prior":
        return mean(np.maximum(np.abs(latents) - 1, 0) ** 2)
    if name.startswith("posterior"):
        of_audio, of_clips = (tf.nn.softmax(classifier(audio)).numpy() for audio in (a, b))
        if name == "posterior_kl":
            return np.sum(of_clips * np.log(of_clips / of_audio), 1)
        assert name == "posterior_hellinger"
        return mean((np.sqrt(of_audio + 1e-6) - np.sqrt(of_clips + 1e-6)) ** 2)
    layers = "authors" if name == "perceptual_authors" else None
    features = [[x.numpy() for x in classifier.features(audio, layers)] for audio in (a, b)]
    if name == "middle":
        return mean(np.abs(features[0][3] - features[1][3]))
    assert name.startswith("perceptual")
    return np.mean([mean((x - y) ** 2) for x, y in zip(*features)], 0)


@pytest.mark.parametrize("name", LOSS_TERMS)
def test_value(generator, classifier, case, name):
    latents, clips, start = case
    objective = Objective({name: 0.5}, generator, classifier)
    value = objective.value(latents, objective.targets(clips, start)).numpy()
    audio = generator(latents).numpy()
    by_hand = expected(name, latents.numpy(), start.numpy(), audio, clips.numpy(), classifier)
    np.testing.assert_allclose(value, 0.5 * by_hand, rtol=1e-3)
    assert (value > 0).all()


@pytest.mark.parametrize("name", LOSS_TERMS)
def test_zero_at_the_answer(generator, classifier, case, name):
    _, clips, start = case
    objective = Objective({name: 0.5}, generator, classifier)
    value, gradient = objective.value_and_gradient(start, objective.targets(clips, start))
    np.testing.assert_allclose(value, [0, 0], atol=1e-12)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", LOSS_TERMS)
def test_gradient_along_a_way_adds_up_to_the_rise(generator, classifier, case, name):
    """However many kinks there are: absolute differences, ReLU."""
    latents, clips, start = (x[:1] for x in case)
    objective = Objective({name: 0.5}, generator, classifier)
    targets = objective.targets(tf.repeat(clips, 201, 0), tf.repeat(start, 201, 0))
    way = latents + tf.linspace(0.0, 0.1, 201)[:, None] * tf.constant([[0.3, 0.5, 0.2]])
    value, gradient = (x.numpy() for x in objective.value_and_gradient(way, targets))
    rise = np.sum((gradient[1:] + gradient[:-1]) / 2 * np.diff(way, axis=0))
    assert value[-1] - value[0] == pytest.approx(rise, rel=0.01)
    assert abs(rise) > 1e-6


@pytest.mark.parametrize(
    "name", [name for name, term in LOSS_TERMS.items() if isinstance(term.distance, SquaredError)]
)
def test_residuals_are_what_the_value_is_the_sum_of_squares_of(generator, classifier, case, name):
    latents, clips, start = case
    objective = Objective({name: 0.5, "waveform": 0.1}, generator, classifier)
    targets = objective.targets(clips, start)
    residuals = objective.residuals(latents, targets)
    assert residuals.shape.rank == 2
    np.testing.assert_allclose(np.sum(residuals**2, 1), objective.value(latents, targets), rtol=1e-5)


def test_phase_free_terms_forget_the_sign(generator, case):
    latents, _, start = case
    for name in ("magnitude", "log_magnitude", "log_mel"):
        assert not LOSS_TERMS[name].synthesized_only
        objective = Objective({name: 1}, generator)
        value = objective.value(latents, objective.targets(generator(-latents), start))
        np.testing.assert_allclose(value, [0, 0], atol=1e-6)


def test_log_relative_error_of_silence_is_a_number():
    zero, one = tf.zeros([1, 4]), tf.ones([1, 4])
    np.testing.assert_array_equal(log_relative_error(zero, one), [0])
    np.testing.assert_allclose(log_relative_error(one, zero), [np.log(101)], rtol=1e-6)


def test_kl_divergence_of_two_coins():
    clip, other = np.log([[0.8, 0.2]]), np.log([[0.5, 0.5]])
    np.testing.assert_allclose(kl_divergence(clip, clip), [0.0], atol=1e-12)
    np.testing.assert_allclose(
        kl_divergence(clip, other), [0.8 * np.log(0.8 / 0.5) + 0.2 * np.log(0.2 / 0.5)]
    )
