"""TensorFlow Lite files, in built-in operations only, made and run.

Each file has one named signature and takes one clip (or latent vector) at a
time: with the batch fixed at 1 every shape is known, which is what the
runtimes' accelerators want. Several clips are a loop.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from tf_inversion import __version__, errors, paths
from tf_inversion.export.exportable import FRONT_END_SCOPE, Exportable
from tf_inversion.export.settings import QUANTISATION, formats_of
from tf_inversion.generators import checkpoint


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
      OSError: if there is no room for temporary files.
    """
    formats = list(formats)
    for name in formats:
        if name not in (choices := formats_of(exportable.name)):
            raise errors.InvalidArgumentError(
                f"format: {name!r} is none of the {exportable.name}'s, {', '.join(choices)}"
            )
    if "int8" in formats and calibration is None:
        raise errors.InvalidArgumentError("calibration: int8 needs typical inputs, float32 [n, size]")
    try:
        with tempfile.TemporaryDirectory() as folder:
            _save(exportable, folder)
            return {name: _convert(exportable, folder, name, calibration) for name in progress(formats)}
    except Exception as error:  # of the converter, of TensorFlow, of a foreign model's own
        if full := paths.disk_full(error):
            raise OSError(full.errno, full.strerror, tempfile.gettempdir()) from error
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
        if quantisation == "int8" and calibration is not None:
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
        denylisted_nodes=[name for name in names if name.startswith(f"{FRONT_END_SCOPE}/")]
    )
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=inputs, debug_options=options
    )
    return debugger.get_nondebug_quantized_model()


def _reason(error: Exception) -> str:
    """Returns the one line of a converter's or a foreign model's many that tells what is wrong."""
    if lacking := sorted(set(re.findall(r"'tf\.(\w+)' op is neither", str(error)))):
        return f"lacking: {', '.join(lacking)}"
    lines = [line.strip() for line in str(error).splitlines() if "Error: " in line]
    return lines[0] if lines else checkpoint.first_line(error)


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Keeps from the terminal what the converter's C++ writes there; its errors are raised as well."""
    saved = os.dup(1), os.dup(2)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
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


def write(
    folder: str | os.PathLike, exportable: Exportable, quantisation: str, contents: bytes, **facts
) -> None:
    """Writes <folder>/<model>_<format>.tflite, and beside it in .json its metadata with more `facts`."""
    stem = Path(folder) / f"{exportable.name}_{quantisation}"
    facts = metadata(exportable, quantisation, contents) | facts
    with paths.writing(stem.with_suffix(".tflite")) as unfinished:
        unfinished.write_bytes(contents)
    with paths.writing(stem.with_suffix(".json")) as unfinished:
        unfinished.write_text(json.dumps(facts, indent=2) + "\n")


def versions() -> dict[str, str]:
    """Returns the versions that a conversion depends on."""
    return {
        "tf_inversion": __version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "ai-edge-litert": version("ai-edge-litert"),
    }
