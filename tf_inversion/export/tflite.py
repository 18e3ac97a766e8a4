"""TensorFlow Lite files of inverter, generator and classifier, in built-in operations only.

Each file has one named signature and takes one clip (or latent vector) at a
time: with the batch fixed at 1 every shape is known, which is what the
runtimes' accelerators want. Several clips are a loop.

    inverter    invert     audio [1, num_samples] -> latents [1, latent_dim]
    generator   generate   latents [1, latent_dim] -> audio [1, num_samples]
    classifier  classify   audio [1, num_samples] -> logits, probabilities [1, classes]
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tf_inversion import __version__, errors
from tf_inversion.audio import spectrogram
from tf_inversion.generators import checkpoint
from tf_inversion.generators.base import Generator
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.inverter import Inverter

#: What a file's numbers are. Only the inverter comes as int8: 8 bits of audio or of a judgement are too few.
QUANTISATION = {
    "float32": "none",
    "float16": "weights float16, computed in float32",
    "dynamic_range": "weights int8, activations quantised while they are computed where the runtime can",
    "int8": "weights and activations int8, calibrated; input, output and spectrogram float32",
}
FORMATS = tuple(QUANTISATION)
FRONT_ENDS = ("stft", "dft")
_SCOPE = "front_end"  # of the spectrogram's operations


@dataclasses.dataclass(frozen=True)
class Exportable:
    """A model as it goes into a file.

    Attributes:
      name: "inverter", "generator" or "classifier".
      signature: what the file calls its one function.
      function: float32 [1, size] -> its named outputs.
      input_name, size: of what it takes.
      formats: what it can be converted to.
      facts: what a client has to know, for the metadata.
    """

    name: str
    signature: str
    function: Callable[[tf.Tensor], dict[str, tf.Tensor]]
    input_name: str
    size: int
    formats: tuple[str, ...]
    facts: dict


def exportable_inverter(inverter: Inverter, front_end: str = "stft") -> Exportable:
    """Returns what becomes of an inverter; `front_end` "dft" replaces its STFT by matrix products."""
    encode = _behind_front_end(inverter.network, inverter.network.output, front_end)
    return Exportable(
        name="inverter",
        signature="invert",
        function=lambda audio: {"latents": encode(audio)},
        input_name="audio",
        size=inverter.num_samples,
        formats=FORMATS,
        facts={**_audio_facts(inverter), "latent_range": [-1, 1], "front_end": front_end},
    )


def exportable_generator(generator: Generator) -> Exportable:
    """Returns what becomes of a generator."""
    return Exportable(
        name="generator",
        signature="generate",
        function=lambda latents: {"audio": generator(latents)},
        input_name="latents",
        size=generator.latent_dim,
        formats=FORMATS[:-1],
        facts={"sample_rate": generator.sample_rate, "audio_range": [-1, 1], "latent_range": [-1, 1]},
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

    return Exportable(
        name="classifier",
        signature="classify",
        function=classify,
        input_name="audio",
        size=classifier.num_samples,
        formats=FORMATS[:-1],
        facts={
            **_audio_facts(classifier),
            "labels": list(classifier.label_names),
            "front_end": front_end,
        },
    )


def _audio_facts(model: Inverter | Classifier) -> dict:
    return {"sample_rate": model.sample_rate, "audio_range": [-1, 1], "training_peak": model.peak}


def _behind_front_end(network: keras.Model, output: keras.KerasTensor, front_end: str) -> Callable:
    """Returns the function audio -> output, its spectrogram in a scope of its own."""
    if front_end not in FRONT_ENDS:
        raise errors.InvalidArgumentError(f"front_end: {front_end!r} is none of {', '.join(FRONT_ENDS)}")
    layer = network.get_layer("spectrogram")
    trunk = keras.Model(layer.output, output)

    def function(audio):
        with tf.name_scope(_SCOPE):
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


def convert(
    exportable: Exportable,
    formats: Iterable[str],
    calibration: np.ndarray | None = None,
    progress: Callable[[Iterable], Iterable] = iter,
) -> dict[str, bytes]:
    """Returns the contents of a .tflite file of each format, made by way of a SavedModel.

    In int8 all but the spectrogram is quantised: 8 bits of a waveform or of a
    linear magnitude would drown what the logarithm brings out.

    Args:
      exportable: the model.
      formats: those wanted, of its own.
      calibration: for "int8", typical inputs float32 [n, size], which tell the ranges of the activations.
      progress: wraps the loop over the formats; tqdm for a bar.

    Raises:
      InvalidArgumentError: if the model does not come in one of these formats, or int8 lacks its inputs.
      ModelFileError: if it needs operations that TensorFlow Lite has not built in.
    """
    formats = list(formats)
    for name in formats:
        if name not in exportable.formats:
            raise errors.InvalidArgumentError(
                f"format: {name!r} is none of the {exportable.name}'s, {', '.join(exportable.formats)}"
            )
    if "int8" in formats and calibration is None:
        raise errors.InvalidArgumentError("calibration: int8 needs typical inputs, float32 [n, size]")
    try:
        with tempfile.TemporaryDirectory() as folder:
            _save(exportable, folder)
            return {name: _convert(exportable, folder, name, calibration) for name in progress(formats)}
    except Exception as error:  # of the converter, of TensorFlow, of a foreign model's own
        raise errors.ModelFileError(
            f"{exportable.name}: can't be converted to TensorFlow Lite's built-in operations "
            f"({_reason(error)})"
        ) from error


def _save(exportable: Exportable, folder: str) -> None:
    """Writes a SavedModel with the one signature."""
    spec = tf.TensorSpec([1, exportable.size], tf.float32, name=exportable.input_name)
    function = tf.function(exportable.function, input_signature=[spec]).get_concrete_function()
    module = tf.Module()
    # Keras' variables wrap TensorFlow's, which the converter does not find unless they are named.
    module.held = function.graph.variables
    with _silenced():
        tf.saved_model.save(module, folder, signatures={exportable.signature: function})


def _convert(exportable: Exportable, folder: str, quantisation: str, calibration: np.ndarray | None) -> bytes:
    with _silenced():
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[exportable.signature])
        if quantisation == "int8":
            return _convert_to_int8(converter, exportable.input_name, calibration)
        if quantisation != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantisation == "float16":
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()


def _convert_to_int8(converter: tf.lite.TFLiteConverter, input_name: str, calibration: np.ndarray) -> bytes:
    floating = Interpreter(model_content=converter.convert())
    names = [tensor["name"] for tensor in floating.get_tensor_details()]

    def inputs() -> Iterator[dict[str, np.ndarray]]:
        for example in calibration:
            yield {input_name: example[None]}

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = inputs
    # The debugger is TensorFlow Lite's way to leave some of the operations in float32.
    options = tf.lite.experimental.QuantizationDebugOptions(
        denylisted_nodes=[name for name in names if name.startswith(f"{_SCOPE}/")]
    )
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=inputs, debug_options=options
    )
    return debugger.get_nondebug_quantized_model()


def _reason(error: Exception) -> str:
    """Returns the one line of a converter's or a foreign model's many that tells what is wrong."""
    if lacking := sorted(set(re.findall(r"'tf\.(\w+)' op is neither", str(error)))):
        return f"lacking: {', '.join(lacking)}"
    told = [line.strip() for line in str(error).splitlines() if "Error: " in line]
    return told[0] if told else checkpoint.first_line(error)


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Keeps from the terminal what the converter's C++ writes there; its errors are raised as well."""
    saved = os.dup(1), os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        for stream, copy in zip((1, 2), saved):
            os.dup2(copy, stream)
            os.close(copy)


def run(contents: bytes, inputs: np.ndarray) -> tuple[dict[str, np.ndarray], float]:
    """Runs a .tflite file's contents in LiteRT's interpreter, on one thread.

    Args:
      contents: of a file with one signature.
      inputs: float32 [n, size].

    Returns:
      The outputs by name, [n, ...], and the median seconds of a call.
    """
    with _silenced():
        interpreter = Interpreter(model_content=contents, num_threads=1)
        ((signature, names),) = interpreter.get_signature_list().items()
        (name,) = names["inputs"]
        call = interpreter.get_signature_runner(signature)
        call(**{name: inputs[:1]})  # allocates
    answers, seconds = [], []
    for example in inputs:
        began = time.perf_counter()
        answers.append(call(**{name: example[None]}))
        seconds.append(time.perf_counter() - began)
    outputs = {key: np.concatenate([answer[key] for answer in answers]) for key in names["outputs"]}
    return outputs, float(np.median(seconds))


def metadata(exportable: Exportable, quantisation: str, contents: bytes) -> dict:
    """Returns what a client needs to know of a file, to be kept beside it as JSON."""
    interpreter = Interpreter(model_content=contents)
    call = interpreter.get_signature_runner(exportable.signature)
    shapes = {
        kind: {
            name: {"shape": detail["shape"].tolist(), "dtype": np.dtype(detail["dtype"]).name}
            for name, detail in details.items()
        }
        for kind, details in (("inputs", call.get_input_details()), ("outputs", call.get_output_details()))
    }
    return {
        "model": exportable.name,
        "signature": exportable.signature,
        **shapes,
        **exportable.facts,
        "format": quantisation,
        "quantisation": QUANTISATION[quantisation],
        "versions": versions(),
        "bytes": len(contents),
        "sha256": hashlib.sha256(contents).hexdigest(),
    }


def versions() -> dict[str, str]:
    """Returns the versions that a conversion depends on."""
    return {
        "tf_inversion": __version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "ai-edge-litert": version("ai-edge-litert"),
    }
