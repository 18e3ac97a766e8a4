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
