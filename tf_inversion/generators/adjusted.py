"""A generator whose clips may be louder or later: what a recording does to a synthesized clip."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from tf_inversion.generators.base import Generator, interface

#: What may be adjusted, and by how much one unit of its latent value does.
UNITS = {"gain": 6.0, "shift": 4.0}  # dB and samples


class Adjusted(Generator):
    """Latents with the adjustments behind them -> audio of the generator, at another level and time.

    The level may go beyond 1. The shift is by any fraction of a sample, later if
    positive; what leaves the clip is lost, and silence comes in. A search finds
    shifts of a few samples, less than half a period of the sound.

    Args:
      generator: latent vectors -> audio.
      adjustments: names in UNITS, in the order of their latent values.
    """

    def __init__(self, generator: Generator, adjustments: tuple[str, ...]):
        own = {**interface(generator), "latent_dim": generator.latent_dim + len(adjustments)}
        super().__init__(**own, dtype="float32")
        self.generator, self.adjustments = generator, tuple(adjustments)

    def call(self, z):
        audio = self.generator(z[:, : self.generator.latent_dim])
        for i, name in enumerate(self.adjustments):
            amount = UNITS[name] * z[:, self.generator.latent_dim + i]
            amount = tf.reshape(amount, [-1] + [1] * (len(audio.shape) - 1))
            audio = audio * 10 ** (amount / 20) if name == "gain" else _shifted(audio, amount)
        return audio

    def split(self, latents: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Returns the generator's own latents [n, latent_dim], and each adjustment [n] in dB or samples."""
        own, others = np.split(latents, [self.generator.latent_dim], axis=1)
        return own, {name: UNITS[name] * others[:, i] for i, name in enumerate(self.adjustments)}


def _shifted(audio: tf.Tensor, samples: tf.Tensor) -> tf.Tensor:
    """Delays audio [b, ..., n] by samples [b, ..., 1]: a linear phase, with silence around."""
    length = audio.shape[-1]
    spectrum = tf.signal.rfft(audio, [2 * length])
    phase = -math.pi / length * tf.range(length + 1, dtype=tf.float32) * samples
    return tf.signal.irfft(spectrum * tf.complex(tf.cos(phase), tf.sin(phase)), [2 * length])[..., :length]
