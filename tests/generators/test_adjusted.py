"""Gain and shift behind a generator, and their recovery."""

import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import errors, invert, load_generator
from tf_inversion.generators.adjusted import UNITS, Adjusted, _shifted
from tf_inversion.latents import save_latents
from tf_inversion.priors import UniformPrior


@pytest.fixture(scope="module")
def generator():
    return load_generator()


@pytest.fixture(scope="module")
def latents(generator):
    return UniformPrior().sample(2, generator.latent_dim, seed=3)


def test_gain_is_in_decibels(generator, latents):
    adjusted = Adjusted(generator, ("gain",))
    z = np.concatenate([latents, [[6.0 / UNITS["gain"]], [0.0]]], axis=1).astype(np.float32)
    audio, plain = adjusted(z).numpy(), generator(latents).numpy()
    np.testing.assert_allclose(audio[0], 10 ** (6 / 20) * plain[0], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(audio[1], plain[1], rtol=1e-6, atol=1e-7)


def test_shift_is_in_samples_and_brings_silence(generator, latents):
    adjusted = Adjusted(generator, ("gain", "shift"))
    shifts = np.array([3.0, -2.0]) / UNITS["shift"]
    z = np.concatenate([latents, np.zeros([2, 1]), shifts[:, None]], axis=1).astype(np.float32)
    audio, plain = adjusted(z).numpy(), generator(latents).numpy()
    np.testing.assert_allclose(audio[0, 3:], plain[0, :-3], atol=1e-5)
    np.testing.assert_allclose(audio[1, :-2], plain[1, 2:], atol=1e-5)
    assert np.abs(audio[0, :3]).max() < 1e-5


def test_half_a_sample_twice_is_a_sample():
    time = np.arange(192.0)
    tone = np.where((time > 64) & (time < 128), np.sin(0.7 * time) * np.sin(np.pi * (time - 64) / 64) ** 2, 0)
    audio, half = tf.constant(tone[None], tf.float32), tf.constant([[0.5]])
    twice = _shifted(_shifted(audio, half), half)
    np.testing.assert_allclose(twice[0, 1:], audio[0, :-1], atol=1e-4)


def test_latents_are_recovered_with_gain_and_shift(generator, latents, tmp_path):
    clips = np.pad(2 * generator(latents).numpy(), [(0, 0), (1, 0)])[:, :-1]
    start = latents + np.random.default_rng(1).normal(0, 0.03, latents.shape)
    save_latents(tmp_path / "start.npz", start, ["a", "b"])
    found = invert(
        clips,
        generator,
        "least_squares",
        init="file",
        init_file=tmp_path / "start.npz",
        starts=1,
        adjust=["gain", "shift"],
    )
    assert found.latents.shape == latents.shape
    assert np.abs(found.latents - latents).mean(1).max() < 1e-3
    np.testing.assert_allclose(found.adjustments["gain"], 20 * np.log10(2), atol=0.01)
    np.testing.assert_allclose(found.adjustments["shift"], 1.0, atol=0.01)
    np.testing.assert_allclose(found.audio, clips, atol=1e-3)


def test_an_unknown_adjustment_is_named(generator, latents):
    with pytest.raises(errors.InvalidArgumentError, match="adjust: 'pitch' is unknown"):
        invert(generator(latents).numpy(), generator, "hybrid", init="zero", adjust=["pitch"])
