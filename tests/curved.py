"""A generator that is small, curved and compiled at once, for tests and as `--generator=curved:Curved`."""

import keras
import numpy as np
import tensorflow as tf

from tf_inversion.generators.base import Generator


@keras.saving.register_keras_serializable("tests")
class Curved(Generator):
    """Four latents through a layer of tanh: 2,048 samples."""

    def __init__(self, seed=1, **kwargs):
        super().__init__(latent_dim=4, num_samples=2048, **kwargs)
        random = np.random.default_rng(seed)
        self._inner = random.normal(0, 0.5, (4, 16)).astype(np.float32)
        self._outer = random.normal(0, 0.25, (16, 2048)).astype(np.float32)

    def call(self, z):
        return tf.matmul(tf.tanh(tf.matmul(z, self._inner)), self._outer)


class Other(Curved):
    """As Curved, of other weights."""

    def __init__(self):
        super().__init__(seed=2)
