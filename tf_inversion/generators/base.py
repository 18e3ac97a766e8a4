"""The interface that every generator shows to the rest of the package."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.backend import keras
from tf_inversion.generators import checkpoint
from tf_inversion.priors import PRIORS

if TYPE_CHECKING:
    from tf_inversion.generators.conditional import Condition


_MAX_CHANNELS = 8  # of audio; an axis that is longer is one of features


class Generator(keras.layers.Layer):
    """A frozen layer from latent vectors to audio: anything that can be inverted.

    Called on `z [batch, latent_dim]` it returns float32 audio in [-1, 1]. Time is the last axis, as
    everywhere in this package: `[batch, num_samples]`, or `[batch, num_channels, num_samples]` if there is
    more than one channel. Only files and foreign graphs have channels last; they are transposed where
    they enter or leave.

    A conditional generator is called on `z` and on condition vectors `[batch, condition.size]`. With the
    condition fixed (`conditional.Conditioned`) it is a generator of latents alone, which is what all else in
    this package takes.

    Gradients flow from audio to what it is called on; it has no trainable variables. To invert your own GAN
    derive from this class, write `call` (and `get_config`, if it is to be saved), and give `load_generator`
    the class as `module:Class`.

    A generator of features, such as spectrograms, gives them as one long clip; `invert` takes and returns
    them in their own shape.

    Attributes:
      latent_dim, num_samples, num_channels, sample_rate, feature_shape: see the constructor.
      prior: what latent vectors are drawn from, see `priors`.
      condition: what it takes beside latent vectors; None for nothing.
    """

    def __init__(
        self,
        *,
        latent_dim: int,
        num_samples: int,
        num_channels: int = 1,
        sample_rate: int = 16000,
        latent_prior: str = "uniform",
        condition: Condition | None = None,
        feature_shape: tuple[int, ...] | None = None,
        **kwargs: Any,
    ):
        """Makes the layer.

        Args:
          latent_dim: number of values in a latent vector.
          num_samples: length of the audio in samples.
          num_channels: channels of the audio.
          sample_rate: of the audio, in Hz. It changes no value, only what files are labelled with.
          latent_prior: what latent vectors were drawn from in training, a name in `priors.PRIORS`.
          condition: what `call` takes beside latent vectors.
          feature_shape: of a clip's features, whose product `num_samples` is; None for audio.
          **kwargs: of keras.layers.Layer.
        """
        super().__init__(**{"trainable": False, **kwargs})
        self.latent_dim = latent_dim
        self.num_samples = num_samples
        self.num_channels = num_channels
        self.sample_rate = sample_rate
        self.prior = PRIORS[latent_prior]
        self.condition = condition
        self.feature_shape = feature_shape

    def draw_latents(self, num: int, seed: int | Sequence[int]) -> np.ndarray:
        """Draws latent vectors float32 [num, latent_dim] from the prior."""
        return self.prior.sample(num, self.latent_dim, seed)

    def compute_output_spec(self, z, condition=None) -> keras.KerasTensor:
        return keras.KerasTensor(self.compute_output_shape(z.shape), dtype="float32")

    def compute_output_shape(self, z_shape: tuple) -> tuple:
        channels = () if self.num_channels == 1 else (self.num_channels,)
        return (z_shape[0], *channels, self.num_samples)

    def to_model(self) -> keras.Model:
        """Returns the generator as a model of its own, to `save` (.keras) or `export` (SavedModel)."""
        inputs = [keras.Input((self.latent_dim,), name="z")]
        if self.condition:
            inputs.append(keras.Input((self.condition.size,), name="condition"))
        return keras.Model(inputs, self(*inputs), name=self.name)

    def as_audio(self, values):
        """Turns values [batch, num_samples, channels], of any float type, into what `call` returns."""
        values = keras.ops.cast(values, "float32")
        if self.num_channels == 1:
            return keras.ops.squeeze(values, -1)
        return keras.ops.transpose(values, (0, 2, 1))


def channels_last(audio: tf.Tensor) -> tf.Tensor:
    """Returns audio [batch, num_samples] or [batch, num_channels, num_samples] as files and pages have it."""
    return audio[..., tf.newaxis] if audio.shape.rank == 2 else tf.transpose(audio, [0, 2, 1])


def interface(generator: Generator) -> dict:
    """Returns what a generator around another is made with, to look the same from outside."""
    names = ("latent_dim", "num_samples", "num_channels", "sample_rate", "feature_shape")
    return {**{name: getattr(generator, name) for name in names}, "latent_prior": generator.prior.name}


class FunctionGenerator(Generator):
    """A frozen generator around any function from latent vectors to audio, or to features."""

    def __init__(
        self,
        function: Callable,
        latents: tf.TensorShape,
        source: Path,
        *,
        condition: Condition | None = None,
        **kwargs,
    ):
        """Wraps `function` and runs it once to see what it returns.

        Args:
          function: latents, and condition vectors if there is a condition -> audio, with or without an axis
            of channels, before time or behind it (time is the longer of the two), at most eight of them;
            what has more or larger axes are features.
          latents: the shape that it takes, [None, ...]; latent vectors are brought to it.
          source: the file that it comes from, for messages.
          condition: what it takes beside latents.
          **kwargs: of keras.layers.Layer.

        Raises:
          ModelFileError: if it is no function from latent vectors to audio or features.
        """
        if not latents.rank or latents.rank < 2 or latents[0] is not None or None in latents[1:].as_list():
            raise errors.ModelFileError(f"{source}: takes {latents}, not latent vectors (None, latent_dim)")
        latent_dim = math.prod(latents[1:])
        if latents.rank > 2:
            function = _reshaping(function, latents[1:].as_list())
        given = [tf.zeros([1, latent_dim])]
        if condition:
            given.append(tf.constant(condition.vector(0)[None]))
        try:
            audio = function(*given)
        except Exception as error:  # whatever a foreign graph or model raises
            reason = checkpoint.first_line(error)
            raise errors.ModelFileError(
                f"{source}: fails on a batch of one latent vector ({reason})"
            ) from error
        shape = tf.TensorShape(getattr(audio, "shape", None))
        if not shape.rank or shape.rank < 2 or shape[0] != 1:
            raise errors.ModelFileError(
                f"{source}: returns {shape}, not audio (1, num_samples) or (1, num_samples, channels)"
            )
        if not audio.dtype.is_floating:
            raise errors.ModelFileError(
                f"{source}: returns audio as {audio.dtype.name}, which has no gradient; "
                "take the tensor of floats that it is made of"
            )
        sizes = [size for size in shape[1:] if size != 1]
        is_audio = len(sizes) < 2 or (len(sizes) == 2 and min(sizes) <= _MAX_CHANNELS)
        num_channels, num_samples = sorted([1, 1, *sizes][-2:]) if is_audio else (1, math.prod(sizes))
        if num_samples < latent_dim:
            raise errors.ModelFileError(
                f"{source}: makes {num_samples} samples of {latent_dim} latents; is it an inverter?"
            )
        # Latents are not to be rounded under mixed precision: the function has one precision.
        super().__init__(
            latent_dim=latent_dim,
            num_samples=num_samples,
            num_channels=num_channels,
            condition=condition,
            feature_shape=None if is_audio else tuple(shape[1:]),
            dtype="float32",
            **kwargs,
        )
        self._function = function
        self._channels_last = num_channels > 1 and sizes[0] == num_samples

    def call(self, z, condition=None):
        audio = self._function(z) if condition is None else self._function(z, condition)
        if self._channels_last:
            return self.as_audio(keras.ops.reshape(audio, (-1, self.num_samples, self.num_channels)))
        audio = keras.ops.cast(audio, "float32")
        return keras.ops.reshape(audio, (-1, *self.compute_output_shape((None,))[1:]))


def _reshaping(function: Callable, shape: list[int]) -> Callable:
    return lambda z, *condition: function(tf.reshape(z, [-1, *shape]), *condition)
