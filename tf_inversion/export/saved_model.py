"""Exports an inverter with its generator and classifier as a SavedModel for TensorFlow Serving."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import keras
import numpy as np
import soundfile
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

import tf_inversion
from tf_inversion import paths
from tf_inversion.audio import spectrogram
from tf_inversion.export import signatures, versions
from tf_inversion.generators import base
from tf_inversion.models import ModelBundle


def export(
    folder: str | os.PathLike,
    models: ModelBundle,
    version: int | None = None,
    progress: Callable[[Iterable], Iterable] = iter,
) -> Path:
    """Writes a new version of a served model; a server that polls the folder sees it when it is whole.

    It runs wherever TensorFlow does, without this package, and has no trainable variable. Its signatures
    are described in `signatures.build` and, for programs, in its metadata.json. Beside the versions lie
    models.config and batching.config for the server.

    Args:
      folder: of all versions; its last part names the model.
      models: generator, inverter and classifier.
      version: its number; None: the one after the last.
      progress: wraps the loop over signatures, whose tracing takes longest.

    Returns:
      The path of the version.

    Raises:
      InvalidArgumentError: if the version is there, or the folder holds something else than versions; if
        a model is missing.
      OSError: if it can't be written.
    """
    target = versions.new_version(folder, version)
    module, functions = tf.Module(), {}
    built = signatures.build(models)
    for name in progress(list(built)):
        functions[name] = built[name].get_concrete_function()
    variables = {id(v): v for function in functions.values() for v in function.graph.variables}
    module.frozen = list(variables.values())
    for variable in module.frozen:
        # Keras keeps in a variable what it was made as, whatever was frozen since.
        variable._trainable = False
    with paths.writing(target) as unfinished:
        tf.saved_model.save(module, os.fspath(unfinished), functions)
        _write_warmup(unfinished / "assets.extra", target.absolute().parent.name, models.generator)
        metadata = _metadata(models, functions) | {"files": _checksums(unfinished)}
        (unfinished / "metadata.json").write_text(json.dumps(metadata, indent=2) + "\n", encoding="utf-8")
    versions.write_server_files(target.parent)
    return target


def _write_warmup(folder: Path, model_name: str, generator: base.Generator) -> None:
    """Writes requests that a server runs before it says that it is ready, for first requests are slow.

    There is one of each signature, of a batch of one.
    """
    latents = generator.draw_latents(1, seed=0)
    audio = generator(latents).numpy()
    file = io.BytesIO()
    # At another rate, so that the server has resampled before a client has it resample.
    soundfile.write(file, audio[0], 2 * generator.sample_rate, subtype="PCM_16", format="WAV")
    requests = {
        **{name: {"audio": audio} for name in ("serving_default", "invert", "reconstruct")},
        "invert_wav": {"audio_bytes": np.array([file.getvalue()])},
        "generate": {"latents": latents},
        "classify": {"audio": audio},
        "refine": {"audio": audio, "iterations": np.ones(1, np.int32)},
    }
    folder.mkdir()
    with tf.io.TFRecordWriter(os.fspath(folder / "tf_serving_warmup_requests")) as writer:
        for name, inputs in requests.items():
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name, request.model_spec.signature_name = model_name, name
            for key, value in inputs.items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
            writer.write(log.SerializeToString())


def _metadata(models: ModelBundle, functions: Mapping[str, tf.types.experimental.ConcreteFunction]) -> dict:
    generator, inverter, classifier = models.require("generator", "inverter", "classifier")
    return {
        "signatures": {
            name: {
                "inputs": {spec.name: _described(spec) for spec in function.structured_input_signature[0]},
                "outputs": {key: _described(spec) for key, spec in function.structured_outputs.items()},
            }
            for name, function in functions.items()
        },
        "sample_rate": generator.sample_rate,
        "num_samples": generator.num_samples,
        "latent_dim": generator.latent_dim,
        "latent_range": generator.prior.bounds,
        "latent_prior": generator.prior.name,
        "training_peak": inverter.peak,
        "labels": list(classifier.label_names),
        "objective_of_refine": signatures.OBJECTIVE,
        "spectrogram": {
            "kind": inverter.get_config()["spectrogram"],
            "window": "hann",
            "frame_length": spectrogram.FRAME_LENGTH,
            "frame_step": spectrogram.FRAME_STEP,
            "log_floor": spectrogram.LOG_FLOOR,
        },
        "versions": {
            "tf_inversion": tf_inversion.__version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
    }


def _described(spec: tf.TensorSpec) -> dict:
    return {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}


def _checksums(folder: Path) -> dict[str, str]:
    """Returns the SHA-256 of each file, by its path in the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }
