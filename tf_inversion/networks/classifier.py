"""The spoken-digit classifier, whose activations are the perceptual loss (paper, section 3.2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tf_inversion import errors
from tf_inversion.audio.layouts import DIGITS
from tf_inversion.audio.spectrogram import Spectrogram
from tf_inversion.backend import keras
from tf_inversion.networks.mel_cnn import NUM_STAGES, mel_cnn
from tf_inversion.networks.resnet import NUM_BLOCKS, resnet18

ARCHITECTURES = ("resnet18", "mel_cnn")

# Named sets of activations to compare by. "blocks" are the paper's "each residual block",
# "authors" are the six maps that the authors' own runs compared.
FEATURES = {
    "blocks": tuple(f"block_{index + 1}" for index in range(NUM_BLOCKS)),
    "authors": ("spectrogram", "conv", "norm", "pool", "block_2", "block_4"),
    "stages": tuple(f"stage_{index + 1}" for index in range(NUM_STAGES)),
}


@keras.saving.register_keras_serializable("tf_inversion")
class Classifier(keras.Model):
    """Tells the class of a clip: audio [batch, num_samples] -> logits [batch, classes].

    Args:
      label_names: the classes, in the order of the logits.
      architecture: "resnet18" as in the paper, or "mel_cnn", made for evaluation.
      width: channels of the first stage.
      spectrogram: front end of the ResNet-18, see `Spectrogram`.
      dropout: rate before the last layer.
      num_samples, sample_rate: of the clips.
      peak: level that its training clips were scaled to; 0 for untouched.
      **kwargs: of keras.Model.
    """

    def __init__(
        self,
        label_names: Sequence[str] = DIGITS,
        architecture: str = "resnet18",
        width: int = 64,
        spectrogram: str = "log_magnitude",
        dropout: float = 0.0,
        num_samples: int = 16384,
        sample_rate: int = 16000,
        peak: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**{"name": "classifier", **kwargs})
        if architecture not in ARCHITECTURES:
            raise ValueError(f"architecture must be one of {', '.join(ARCHITECTURES)}, got {architecture!r}")
        self._config = {
            "label_names": list(label_names),
            "architecture": architecture,
            "width": width,
            "spectrogram": spectrogram,
            "dropout": dropout,
            "num_samples": num_samples,
            "sample_rate": sample_rate,
            "peak": peak,
            "name": self.name,
        }
        self.architecture = architecture
        self.label_names = tuple(label_names)
        self.num_samples = num_samples
        self.sample_rate = sample_rate
        self.peak = peak
        self.default_features = "blocks" if architecture == "resnet18" else "stages"

        audio = keras.Input((num_samples,), name="audio")
        if architecture == "resnet18":
            image = Spectrogram(spectrogram, name="spectrogram")(audio)
            activations = {"spectrogram": image, **resnet18(image, width)}
        else:
            activations = mel_cnn(audio, width, sample_rate)
        top = keras.layers.Dropout(dropout, name="dropout")(activations["embedding"])
        activations["logits"] = keras.layers.Dense(len(label_names), name="logits")(top)
        self.network = keras.Model(audio, activations, name="network")
        self.built = True

    def call(self, audio, training=False):
        return self.network(audio, training=training)["logits"]

    def features(self, audio: tf.Tensor, layers: str | Sequence[str] | None = None) -> list[tf.Tensor]:
        """Returns activations in inference mode, from one forward pass.

        Args:
          audio: float32 [batch, num_samples].
          layers: a name in `FEATURES`, or names of layers. Default: the output
            of each residual block (of each stage, for "mel_cnn").

        Raises:
          InvalidArgumentError: if this architecture lacks one of them.
        """
        names = self.feature_names(layers)
        activations = self.network(audio, training=False)
        return [activations[name] for name in names]

    def feature_names(self, layers: str | Sequence[str] | None = None) -> tuple[str, ...]:
        """Returns the layers that `features` looks at.

        Raises:
          InvalidArgumentError: if this architecture lacks one of them.
        """
        layers = layers or self.default_features
        names = FEATURES.get(layers, (layers,)) if isinstance(layers, str) else tuple(layers)
        for name in names:
            if name not in self.network.output:
                raise errors.InvalidArgumentError(
                    f"features: this classifier ({self.architecture}) has no layer {name!r}; "
                    f"it has {', '.join(self.network.output)}"
                )
        return names

    def get_config(self):
        return dict(self._config)
