"""The interface that every generator shows to the rest of the package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.generators import checkpoint
from tf_inversion.priors import PRIORS


class Generator(keras.layers.Layer):
    """A frozen layer from latent vectors to audio: anything that can be inverted.

    Called on `z [batch, latent_dim]` it returns float32 audio in [-1, 1]:
    `[batch, num_samples]`, or `[batch, num_samples, num_channels]` if there
    is more than one channel. Gradients flow from audio to `z`; it has no
    trainable variables. To invert your own GAN derive from this class, write
    `call` (and `get_config`, if it is to be saved), and give `load_generator`
    the class as `module:Class`.
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        num_samples: int,
        num_channels: int = 1,
        sample_rate: int = 16000,
        latent_prior: str = "uniform",
        **kwargs,
    ):
        """Makes the layer.

        Args:
          latent_dim: number of values in a latent vector.
          num_samples: length of the audio in samples.
          num_channels: channels of the audio.
          sample_rate: of the audio, in Hz. It changes no value, only what files are labelled with.
          latent_prior: what latent vectors were drawn from in training, a name in `priors.PRIORS`.
          **kwargs: of keras.layers.Layer.
        """
        super().__init__(**{"trainable": False, **kwargs})
        self.latent_dim = latent_dim
        self.num_samples = num_samples
        self.num_channels = num_channels
        self.sample_rate = sample_rate
        self.prior = PRIORS[latent_prior]

    def draw_latents(self, num: int, seed: int | Sequence[int]) -> np.ndarray:
        """Draws latent vectors float32 [num, latent_dim] from the prior."""
        return self.prior.sample(num, self.latent_dim, seed)

    def compute_output_spec(self, z) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(z.shape), dtype="float32")

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        channels = () if self.num_channels == 1 else (self.num_channels,)
        return (input_shape[0], self.num_samples, *channels)

    def to_model(self) -> keras.Model:
        """Returns the generator as a model of its own, to `save` (.keras) or `export` (SavedModel)."""
        z = keras.Input((self.latent_dim,), name="z")
        return keras.Model(z, self(z), name=self.name)

    def _as_audio(self, values):
        """Turns values [batch, num_samples, channels], of any float type, into what `call` returns."""
        return keras.ops.reshape(
            keras.ops.cast(values, "float32"), (-1, *self.compute_output_shape((None,))[1:])
        )


class FunctionGenerator(Generator):
    """A frozen generator around any function from latent vectors to audio."""

    def __init__(self, function: Callable, latents: tf.TensorShape, source: Path, **kwargs):
        """Wraps `function` and runs it once to see what it returns.

        Args:
          function: latent vectors -> audio, with or without an axis of channels.
          latents: the shape that it takes, [None, latent_dim].
          source: the file that it comes from, for messages.
          **kwargs: of keras.layers.Layer.

        Raises:
          ModelFileError: if it is no function from latent vectors to audio.
        """
        if latents.rank != 2 or latents[0] is not None or latents[1] is None:
            raise errors.ModelFileError(f"{source}: takes {latents}, not latent vectors (None, latent_dim)")
        try:
            audio = function(tf.zeros([1, latents[1]]))
        except Exception as error:  # whatever a foreign graph or model raises
            reason = checkpoint.first_line(error)
            raise errors.ModelFileError(
                f"{source}: fails on a batch of one latent vector ({reason})"
            ) from error
        audio = tf.TensorShape(getattr(audio, "shape", None))
        if audio.rank not in (2, 3) or audio[0] != 1:
            raise errors.ModelFileError(
                f"{source}: returns {audio}, not audio (1, num_samples) or (1, num_samples, channels)"
            )
        face = {"latent_dim": latents[1], "num_samples": audio[1], "num_channels": [*audio, 1][2]}
        # Latents are not to be rounded under mixed precision: the function has one precision.
        super().__init__(**face, dtype="float32", **kwargs)
        self._function = function

    def call(self, z):
        return self._as_audio(self._function(z))
