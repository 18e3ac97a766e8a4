"""Priors of latent vectors against NumPy's and TensorFlow's own distributions."""

import numpy as np
import pytest
import tensorflow as tf

from tf_inversion.priors import PRIORS, NormalPrior, UniformPrior


@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)
def test_draws_are_seeded_and_of_the_stated_precision(prior):
    sampled = prior.sample(2000, 10, seed=3)
    drawn = prior.draw([2000, 10], [3, 4])
    for latents in (sampled, drawn.numpy()):
        assert latents.shape == (2000, 10)
        assert latents.dtype == np.float32
        assert latents.mean() == pytest.approx(0, abs=0.02)
        assert latents.var() == pytest.approx(1 / prior.precision, rel=0.02)
        assert prior.contains(latents).mean() > 0.999
    np.testing.assert_array_equal(sampled, prior.sample(2000, 10, seed=3))
    np.testing.assert_array_equal(drawn, prior.draw([2000, 10], [3, 4]))
    assert (sampled != prior.sample(2000, 10, seed=4)).any()
    assert (sampled != prior.sample(2000, 10, seed=[3, 1])).any()


def test_uniform_draws_are_those_of_numpy_and_tensorflow():
    prior = UniformPrior()
    expected = np.random.default_rng(7).uniform(-1, 1, (5, 100)).astype(np.float32)
    np.testing.assert_array_equal(prior.sample(5, 100, seed=7), expected)
    np.testing.assert_array_equal(
        prior.draw([5, 100], [1, 2]), tf.random.stateless_uniform([5, 100], [1, 2], -1.0, 1.0)
    )


def test_uniform_range_is_a_cube():
    latents = np.array([[0.5, -1.0], [1.5, -3.0], [0.0, 1.04]], np.float32)
    prior = UniformPrior()
    np.testing.assert_array_equal(prior.project(latents), np.clip(latents, -1, 1))
    np.testing.assert_allclose(prior.excess(latents), [[0, 0], [0.5, -2], [0, 0.04]], atol=1e-6)
    assert prior.contains(latents).tolist() == [True, False, False]
    assert prior.contains(latents, slack=0.05).tolist() == [True, False, True]


def test_normal_range_is_a_ball():
    latents = np.array([[6.0, 8.0], [3.0, -3.0], [0.0, 0.0]], np.float32)
    prior, radius = NormalPrior(), 2**0.5 + 3
    projected = prior.project(latents)
    np.testing.assert_allclose(projected[0], radius * np.array([0.6, 0.8]), rtol=1e-6)
    np.testing.assert_array_equal(projected[1:], latents[1:])
    assert prior.contains(latents).tolist() == [False, True, True]
    assert prior.contains(latents, slack=5.0).tolist() == [True, True, True]


@pytest.mark.parametrize("prior", PRIORS.values(), ids=PRIORS)
def test_projection_keeps_the_kind_and_excess_pulls_back(prior):
    outside = tf.constant([[40.0, -40.0, 0.0]])
    assert isinstance(prior.project(outside.numpy()), np.ndarray)
    assert tf.is_tensor(prior.project(outside))
    assert prior.contains(prior.project(outside).numpy(), slack=1e-5).all()
    with tf.GradientTape() as tape:
        latents = tf.concat([outside, tf.zeros([1, 3])], 0)
        tape.watch(latents)
        value = tf.reduce_sum(prior.excess(latents) ** 2, -1)
    gradient = tape.gradient(value, latents).numpy()
    assert gradient[0, 0] > 0 > gradient[0, 1]
    np.testing.assert_array_equal(gradient[1], 0)
