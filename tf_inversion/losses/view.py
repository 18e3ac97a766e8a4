"""What the loss terms look at: latents, their audio, and its features, each computed once."""

from __future__ import annotations

import functools
import math
from typing import Any

import keras
import tensorflow as tf

from tf_inversion.audio import mel, spectrogram
from tf_inversion.generators.base import Generator


class View:
    """Latents, their audio, and the features of it that several loss terms share.

    Args:
      latents: [b, latent_dim]; None where they are not known, as of a recording.
      generator: gives the audio, unless it is given, and the sample rate.
      classifier: for terms that look at its layers.
      audio: [b, num_samples]; default: what the generator makes of the latents.
      temperature: that the classifier's logits are divided by.
    """

    def __init__(
        self,
        latents: tf.Tensor | None,
        generator: Generator,
        classifier: keras.Model | None = None,
        *,
        audio: tf.Tensor | None = None,
        temperature: float = 1.0,
    ):
        self.latents = latents
        self._generator: Any = generator
        self._generator = generator
        self._classifier: Any = classifier
        self._audio, self._temperature = audio, temperature

    @functools.cached_property
    def audio(self) -> tf.Tensor:
        """[b, num_samples]."""
        return self._generator(self.latents) if self._audio is None else self._audio

    @functools.cached_property
    def spectrum(self) -> tf.Tensor:
        """The short-time Fourier transform, complex [b, frames, bins]."""
        return spectrogram.stft(self.audio)

    @functools.cached_property
    def magnitude(self) -> tf.Tensor:
        """Of the spectrum, [b, frames, bins], with a gradient that is finite in silence."""
        real, imaginary = tf.math.real(self.spectrum), tf.math.imag(self.spectrum)
        return tf.sqrt(tf.square(real) + tf.square(imaginary) + 1e-10)

    @functools.cached_property
    def log_magnitude(self) -> tf.Tensor:
        """Natural logarithm of the magnitude over its floor, [b, frames, bins]."""
        return tf.math.log(self.magnitude + spectrogram.LOG_FLOOR)

    @functools.cached_property
    def log_mels(self) -> tf.Tensor:
        """Log10 of mel magnitudes at two resolutions, [b, m]."""
        return mel.log_mels(self.audio, self._generator.sample_rate)

    @property
    def level(self) -> tf.Tensor:
        """Log10 of the RMS level, [b, 1], from -80 dB up."""
        return tf.math.log(tf.reduce_mean(self.audio**2, -1, keepdims=True) + 1e-8) / math.log(100)

    @property
    def excess(self) -> tf.Tensor:
        """By how much the latents are out of the range of the prior, [b, latent_dim]."""
        return self._generator.prior.excess(self.latents)

    def activations(self, layers: str | tuple[str, ...] = ()) -> list[tf.Tensor]:
        """The classifier's activations in inference mode, each [b, ...]; see `Classifier.feature_names`."""
        return [self._outputs[name] for name in self._classifier.feature_names(layers)]

    @property
    def logits(self) -> tf.Tensor:
        """The classifier's logits [b, classes] over the temperature."""
        return self._outputs["logits"] / self._temperature

    @functools.cached_property
    def _outputs(self) -> dict[str, tf.Tensor]:
        return self._classifier.network(self.audio, training=False)


class FoldedView(View):
    """As `View`, with a classifier that is `Folded` and looks at the same spectrum as the loss terms."""

    @functools.cached_property
    def _power(self) -> tf.Tensor:
        return tf.square(tf.math.real(self.spectrum)) + tf.square(tf.math.imag(self.spectrum))

    @functools.cached_property
    def magnitude(self) -> tf.Tensor:
        return tf.sqrt(self._power + 1e-10)

    @functools.cached_property
    def log_mels(self) -> tf.Tensor:
        return mel.log_mels(self.audio, self._generator.sample_rate, {spectrogram.FRAME_LENGTH: self._power})

    @functools.cached_property
    def _outputs(self) -> dict[str, tf.Tensor]:
        return self._classifier(tf.expand_dims(self.log_magnitude, -1))
