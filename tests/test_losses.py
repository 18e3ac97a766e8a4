"""Expected values are worked out by hand in the comments."""

import numpy as np
import tensorflow as tf

from tf_inversion import losses


def test_latent_mse():
    # Clip 1: (1 + 4) / 2 = 2.5; clip 2 is exact.
    z = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_allclose(losses.latent_mse(z, [[0.0, 0.0], [3.0, 4.0]]), [2.5, 0.0])


def test_perceptual_loss_weighs_layers_alike_whatever_their_size():
    # First layer: mean of (1, 1) = 1; second: mean of (9, 9, 9, 9) = 9; their mean is 5.
    ours = [tf.ones([1, 2]), tf.fill([1, 2, 2], 3.0)]
    theirs = [tf.zeros([1, 2]), tf.zeros([1, 2, 2])]
    np.testing.assert_allclose(losses.perceptual_loss(ours, theirs), [5.0])


def test_spectral_mae():
    # Differences (2, -1): magnitudes average to 1.5.
    a, b = tf.constant([[2.0, 0.0]]), tf.constant([[0.0, 1.0]])
    np.testing.assert_allclose(losses.spectral_mae(a, b), [1.5])


def test_posterior_divergence_of_two_coins():
    clip, other = np.log([[0.8, 0.2]]), np.log([[0.5, 0.5]])
    np.testing.assert_allclose(losses.posterior_divergence(clip, clip, 3.0), [0.0], atol=1e-12)
    expected = 0.8 * np.log(0.8 / 0.5) + 0.2 * np.log(0.2 / 0.5)
    np.testing.assert_allclose(losses.posterior_divergence(clip, other), [expected])
    # Twice as hot: the odds of 4 become 2, and 4 times the divergence.
    expected = 4 * (2 / 3 * np.log(2 / 3 / 0.5) + 1 / 3 * np.log(1 / 3 / 0.5))
    np.testing.assert_allclose(losses.posterior_divergence(clip, other, 2.0), [expected])


def test_a_hot_posterior_teaches_what_the_classifier_hears_already():
    clip, heard = tf.constant([[9.0, 0.0]]), tf.Variable([[5.0, 0.0]])
    slopes = []
    for temperature in (1.0, 3.0):
        with tf.GradientTape() as tape:
            loss = losses.posterior_divergence(clip, heard, temperature)
        slopes.append(float(tape.gradient(loss, heard)[0, 1]))
    assert 0 < slopes[0] < 0.01 < 0.1 < slopes[1]


def test_mel_error_hears_levels_but_no_phases():
    # At half the level log10 magnitudes are 0.3 smaller where the sound is loud; in silence they differ more.
    noise = tf.random.stateless_normal([2, 16384], [0, 1]) * 0.1
    np.testing.assert_allclose(losses.mel_error(noise, -noise, 16000), 0, atol=1e-12)
    np.testing.assert_allclose(losses.mel_error(noise, noise / 2, 16000), np.log10(2) ** 2, rtol=0.05)
    assert np.all(losses.mel_error(noise, 0 * noise, 16000) > 1)


def test_tone_loss_is_the_mean_excess_of_the_teeth_in_nats():
    # White noise has none. A tone of amplitude a has 16384 a^2 / 4 times the power of noise of variance 1
    # in its own bin, two of the eight values that are averaged; the other 31 teeth stay at the noise.
    noise = tf.random.stateless_normal([64, 16384], [0, 1])
    floor = losses.tone_loss(noise)
    assert floor < 0.05
    samples = np.arange(16384)
    for bin_of_tone, expected in ((4 * 256, np.log(1 + 2 * 4096 / 8) / 32), (4 * 256 + 20, 0)):
        tone = np.sin(2 * np.pi * bin_of_tone * samples / 16384).astype(np.float32)
        np.testing.assert_allclose(losses.tone_loss(noise + tone) - floor, expected, atol=0.003)


def test_tone_loss_takes_clips_of_all_lengths_and_silence():
    for num_samples in (16384, 32768, 65536):
        assert losses.tone_loss(tf.zeros([2, num_samples])) == 0
        comb = tf.cast(tf.range(num_samples) % 64 == 0, tf.float32)  # a tooth each 250 Hz, and nothing else
        assert losses.tone_loss(comb[tf.newaxis]) > 5
