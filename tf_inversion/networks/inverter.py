"""The inverse mapping model: a ResNet-18 from a clip to its latent vector (paper, section 3.2)."""

from __future__ import annotations

import tensorflow as tf

from tf_inversion.audio.spectrogram import Spectrogram
from tf_inversion.backend import keras
from tf_inversion.networks.resnet import resnet18


@keras.saving.register_keras_serializable("tf_inversion")
class Inverter(keras.Model):
    """Predicts latents: audio [batch, num_samples] -> z [batch, latent_dim].

    Of several channels it takes [batch, num_channels, num_samples].

    The spectrogram is computed inside, so that an exported model takes raw audio.

    Args:
      latent_dim: size of the generator's latent space, the ResNet's number of classes.
      width: channels of the ResNet's first stage; 64 in the paper.
      spectrogram: the front end, see `Spectrogram`.
      num_samples, sample_rate, num_channels: of the clips.
      peak: level that its training clips were scaled to; 0 for untouched.
      dtype: Keras dtype policy to compute in, for example "mixed_float16". It is
        not saved: a loaded model computes in float32.
      **kwargs: of keras.Model.
    """

    def __init__(
        self,
        latent_dim: int = 100,
        width: int = 64,
        spectrogram: str = "log_magnitude",
        num_samples: int = 16384,
        sample_rate: int = 16000,
        peak: float = 0.0,
        num_channels: int = 1,
        dtype: str | None = None,
        **kwargs,
    ):
        super().__init__(**{"name": "inverter", **kwargs})
        self._config = {
            "latent_dim": latent_dim,
            "width": width,
            "spectrogram": spectrogram,
            "num_samples": num_samples,
            "sample_rate": sample_rate,
            "peak": peak,
            "num_channels": num_channels,
            "name": self.name,
        }
        self.latent_dim = latent_dim
        self.num_samples = num_samples
        self.sample_rate = sample_rate
        self.peak = peak
        self.num_channels = num_channels

        shape = (num_samples,) if num_channels == 1 else (num_channels, num_samples)
        audio = keras.Input(shape, name="audio")
        image = Spectrogram(spectrogram, name="spectrogram")(audio)
        embedding = resnet18(image, width, dtype)["embedding"]
        latents = keras.layers.Dense(latent_dim, dtype="float32", name="latents")(embedding)
        self.network = keras.Model(audio, latents, name="network")
        #: `call` in inference mode, compiled once for any number of clips.
        self.encode = tf.function(
            lambda clips: self.network(clips, training=False),
            input_signature=[tf.TensorSpec([None, *shape], tf.float32)],
        )
        self.built = True

    def call(self, audio, training=False):
        return self.network(audio, training=training)

    def get_config(self):
        return dict(self._config)
