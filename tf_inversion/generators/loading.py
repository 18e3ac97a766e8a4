"""load_generator: one entry point for every format of generator."""

from __future__ import annotations

import importlib
import os
import re
import sys
from pathlib import Path

import keras
import tensorflow as tf

from tf_inversion import errors, paths
from tf_inversion.generators import base, bundle, checkpoint, foreign, metagraph, official
from tf_inversion.priors import PRIORS

_CLASS = re.compile(r"[\w.]+:\w+")


def load_generator(
    path: str | os.PathLike | None = None,
    *,
    original_graph: bool = False,
    latent_tensor: str = "z:0",
    audio_tensor: str = "G_z:0",
    sample_rate: int | None = None,
    latent_prior: str | None = None,
) -> base.Generator:
    """Returns the frozen generator at `path`, a layer from latent vectors to audio.

    Args:
      path: a WaveGAN download or training folder, of any variant, or the
        prefix of one checkpoint in it (of several steps the newest counts); a
        `.keras` file or a SavedModel folder from latent vectors to audio;
        `module:Class`, a class of your own derived from Generator that can be
        made without arguments; None: the pretrained generator.
      original_graph: run the graph that was trained instead of the Keras
        port. Serves other GANs of TensorFlow 1 too.
      latent_tensor: where latent vectors enter the original graph.
      audio_tensor: where audio leaves it.
      sample_rate: of the audio, in Hz; None: as the files say, else 16,000.
      latent_prior: what latent vectors were drawn from in training, "uniform" (in [-1, 1]) or "normal";
        None: as the files say, else uniform.

    Raises:
      InvalidArgumentError: if there is no such prior.
      ModelFileError: if nothing is there, its format is unknown, or a file is
        damaged, incomplete or of another kind of model.
    """
    if latent_prior not in (None, *PRIORS):
        raise errors.InvalidArgumentError(
            f"latent_prior: {latent_prior!r} is unknown; choose from {', '.join(PRIORS)}"
        )
    if path is None:
        path = paths.bundled("generator")
    try:
        foreign.refuse_foreign(path)
        if original_graph:
            generator = metagraph.MetaGraphGenerator(
                _checkpoint_at(Path(path)), latent_tensor=latent_tensor, audio_tensor=audio_tensor
            )
        elif isinstance(path, str) and _CLASS.fullmatch(path) and not Path(path).exists():
            generator = _from_class(path)
        else:
            generator = _from_files(Path(path))
    except OSError as error:
        raise errors.ModelFileError(f"{path}: can't be read ({error.strerror or error})") from error
    if sample_rate is not None:
        generator.sample_rate = sample_rate
    if latent_prior is not None:
        generator.prior = PRIORS[latent_prior]
    return generator


def _from_files(path: Path) -> base.Generator:
    if path.suffix == ".keras":
        return _from_keras(path)
    if path.name == "saved_model.pb":
        path = path.parent
    if (path / "saved_model.pb").exists():
        return _from_saved_model(path)
    return official.load_official(_checkpoint_at(path))


def _checkpoint_at(path: Path) -> Path:
    if prefix := checkpoint.find_checkpoint(path):
        return prefix
    if path.is_dir():
        raise errors.ModelFileError(f"{path}: holds no checkpoint (*.index and *.data-*) and no SavedModel")
    if path.exists():
        raise errors.ModelFileError(f"{path}: neither a checkpoint, a SavedModel nor a .keras file")
    raise errors.ModelFileError(f"{path}: no such file or folder, nor a checkpoint {path.name}.index")


def _from_class(path: str) -> base.Generator:
    """Makes a generator of the user's own class; its module may lie in the working directory."""
    module_name, class_name = path.split(":")
    sys.path.insert(0, os.getcwd())
    try:
        generator = getattr(importlib.import_module(module_name), class_name)()
    except (ImportError, AttributeError, TypeError) as error:
        raise errors.ModelFileError(f"{path}: can't be made ({checkpoint.first_line(error)})") from error
    finally:
        sys.path.remove(os.getcwd())
    if not isinstance(generator, base.Generator):
        raise errors.ModelFileError(f"{path}: derive the class from tf_inversion.Generator")
    return generator


def _from_keras(path: Path) -> base.Generator:
    """Loads a `.keras` file: a model around a Generator layer, or any model from latent vectors to audio."""
    if not path.is_file():
        raise errors.ModelFileError(f"{path}: no such file")
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises whatever its parts raise, of a dozen kinds
        reason = checkpoint.first_line(error)
        raise errors.ModelFileError(
            f"{path}: damaged, or made of layers that are not registered here ({reason})"
        ) from error
    for variable in model.variables:
        checkpoint.check_values(path, variable.path, variable.numpy())
    layers = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    if len(layers) == 1 and isinstance(layers[0], base.Generator):
        return layers[0]
    if len(getattr(model, "inputs", None) or ()) != 1:
        raise errors.ModelFileError(
            f"{path}: is of kind {type(model).__name__}, not a model with one input, the latent vectors"
        )
    latents = tf.TensorShape(model.inputs[0].shape)
    return base.FunctionGenerator(lambda z: model(z, training=False), latents, path)


def _from_saved_model(path: Path) -> base.Generator:
    """Loads a SavedModel folder by its serving signature."""
    try:
        bundle.check_index(path / "variables" / "variables")
        with paths.without_wildcards(path) as folder:
            model = tf.saved_model.load(os.fspath(folder))
    except Exception as error:  # protobuf's errors, TensorFlow's and Python's own
        raise errors.ModelFileError(f"{path}: damaged SavedModel ({checkpoint.first_line(error)})") from error
    for variable in getattr(model, "variables", []):
        checkpoint.check_values(path, variable.name, variable.numpy())
    signature = model.signatures.get("serving_default")
    inputs = signature.structured_input_signature[1] if signature else {}
    outputs = signature.structured_outputs if signature else {}
    if len(inputs) != 1 or len(outputs) != 1:
        raise errors.ModelFileError(f"{path}: needs a signature serving_default of one input and one output")
    (latents,), (audio,) = inputs, outputs

    def generate(z):  # refers to the model, whose variables live only as long as it does
        return model.signatures["serving_default"](**{latents: z})[audio]

    return base.FunctionGenerator(generate, inputs[latents].shape, path)
