"""Inverter, generator and classifier as functions of one clip or latent vector, for TensorFlow Lite.

inverter    invert     audio [1, num_samples] -> latents [1, latent_dim]
generator   generate   latents [1, latent_dim] -> audio [1, num_samples]
classifier  classify   audio [1, num_samples] -> logits, probabilities [1, classes]
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.audio import spectrogram
from tf_inversion.export.settings import FRONT_ENDS
from tf_inversion.generators.base import Generator
from tf_inversion.models import ModelBundle
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.inverter import Inverter
from tf_inversion.priors import PRIORS, Prior

FRONT_END_SCOPE = "front_end"  # of the spectrogram's operations


@dataclasses.dataclass(frozen=True)
class Exportable:
    """A model as it goes into a file.

    Attributes:
      name: "inverter", "generator" or "classifier".
      signature: what the file calls its one function.
      function: float32 [1, size] -> its named outputs.
      input_name, size: of what it takes.
      facts: what a client has to know, for the metadata.
    """

    name: str
    signature: str
    function: Callable[[tf.Tensor], dict[str, tf.Tensor]]
    input_name: str
    size: int
    facts: dict


def make_exportable(name: str, models: ModelBundle, front_end: str = "stft") -> Exportable:
    """Returns what becomes of the "inverter", "generator" or "classifier" of `models`.

    Raises:
      InvalidArgumentError: see `exportable_classifier`.
    """
    (model,) = models.require(name)
    if name == "generator":
        return exportable_generator(model)
    if name == "classifier":
        return exportable_classifier(model, front_end)
    return exportable_inverter(model, front_end, models.generator.prior)


def exportable_inverter(
    inverter: Inverter, front_end: str = "stft", prior: Prior = PRIORS["uniform"]
) -> Exportable:
    """Returns what becomes of an inverter.

    Args:
      inverter: audio -> latents.
      front_end: "dft" replaces its STFT by matrix products.
      prior: what the generator draws its latents from.
    """
    encode = _behind_front_end(inverter.network, inverter.network.output, front_end)
    facts = {**_audio_facts(inverter), "latent_range": prior.bounds, "front_end": front_end}
    return Exportable(
        "inverter", "invert", lambda x: {"latents": encode(x)}, "audio", inverter.num_samples, facts
    )


def exportable_generator(generator: Generator) -> Exportable:
    """Returns what becomes of a generator."""
    facts = {"sample_rate": generator.sample_rate, "audio_range": [-1, 1]}
    facts["latent_range"] = generator.prior.bounds
    return Exportable(
        "generator", "generate", lambda z: {"audio": generator(z)}, "latents", generator.latent_dim, facts
    )


def exportable_classifier(classifier: Classifier, front_end: str = "stft") -> Exportable:
    """Returns what becomes of a classifier, see `exportable_inverter`.

    Raises:
      InvalidArgumentError: if the front end is to be replaced, but is not a `Spectrogram`.
    """
    if classifier.architecture == "resnet18":
        judge = _behind_front_end(classifier.network, classifier.network.output["logits"], front_end)
    elif front_end == "stft":
        judge = classifier
    else:
        raise errors.InvalidArgumentError(
            f"front_end: {front_end!r} replaces the STFT of a resnet18, but the classifier is a "
            f"{classifier.architecture}; give another or leave it out"
        )

    def classify(audio):
        logits = judge(audio)
        return {"logits": logits, "probabilities": tf.nn.softmax(logits)}

    facts = {**_audio_facts(classifier), "labels": list(classifier.label_names), "front_end": front_end}
    return Exportable("classifier", "classify", classify, "audio", classifier.num_samples, facts)


def _audio_facts(model: Inverter | Classifier) -> dict:
    return {"sample_rate": model.sample_rate, "audio_range": [-1, 1], "training_peak": model.peak}


def _behind_front_end(network: keras.Model, output: keras.KerasTensor, front_end: str) -> Callable:
    """Returns the function audio -> output, its spectrogram in a scope of its own."""
    if front_end not in FRONT_ENDS:
        raise errors.InvalidArgumentError(f"front_end: {front_end!r} is none of {', '.join(FRONT_ENDS)}")
    layer = network.get_layer("spectrogram")
    trunk = keras.Model(layer.output, output)

    def function(audio):
        with tf.name_scope(FRONT_END_SCOPE):
            image = layer(audio) if front_end == "stft" else dft_spectrogram(audio, layer.kind)
        return trunk(image, training=False)

    return function


def dft_spectrogram(audio: tf.Tensor, kind: str) -> tf.Tensor:
    """`Spectrogram(kind)` by matrix products: for runtimes that lack RFFT, equal within float error.

    Args:
      audio: float32 [batch, num_samples].
      kind: see `Spectrogram`.

    Returns:
      [batch, frames, bins, 1].
    """
    length = spectrogram.FRAME_LENGTH
    n = np.arange(length)
    angles = 2 * np.pi / length * np.outer(np.arange(length // 2 + 1), n)
    window = 0.5 - 0.5 * np.cos(2 * np.pi / length * n)  # Hann
    frames = tf.signal.frame(audio, length, spectrogram.FRAME_STEP, pad_end=True)

    def product(matrix: np.ndarray) -> tf.Tensor:
        # The constant stands to the left: to the right, dynamic-range quantisation would make it int8.
        matrix = tf.constant(matrix[None] * window, tf.float32)
        return tf.transpose(tf.matmul(matrix, frames, transpose_b=True), [0, 2, 1])

    image = product(np.cos(angles))
    if kind != "real":
        image = tf.sqrt(tf.square(image) + tf.square(product(np.sin(angles))))
    if kind == "log_magnitude":
        image = tf.math.log(image + spectrogram.LOG_FLOOR)
    return image[..., tf.newaxis]
