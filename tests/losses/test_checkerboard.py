"""Expected values are worked out by hand in the comments."""

import numpy as np
import tensorflow as tf

from tf_inversion.losses import checkerboard_loss


def test_checkerboard_loss_is_the_mean_excess_of_the_teeth_in_nats():
    # White noise has none. A tone of amplitude a has 16384 a^2 / 4 times the power of noise of variance 1
    # in its own bin, two of the eight values that are averaged; the other 31 teeth stay at the noise.
    noise = tf.random.stateless_normal([64, 16384], [0, 1])
    floor = checkerboard_loss(noise)
    assert floor < 0.05
    samples = np.arange(16384)
    for bin_of_tone, expected in ((4 * 256, np.log(1 + 2 * 4096 / 8) / 32), (4 * 256 + 20, 0)):
        tone = np.sin(2 * np.pi * bin_of_tone * samples / 16384).astype(np.float32)
        np.testing.assert_allclose(checkerboard_loss(noise + tone) - floor, expected, atol=0.003)


def test_checkerboard_loss_takes_clips_of_all_lengths_and_silence():
    for num_samples in (16384, 32768, 65536):
        assert checkerboard_loss(tf.zeros([2, num_samples])) == 0
        comb = tf.cast(tf.range(num_samples) % 64 == 0, tf.float32)  # a tooth each 250 Hz, and nothing else
        assert checkerboard_loss(comb[tf.newaxis]) > 5
