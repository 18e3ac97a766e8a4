"""load_generator: one entry point for every format of generator."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tf_inversion import errors, paths
from tf_inversion.generators import base, bundle, checkpoint, foreign, metagraph, official
from tf_inversion.generators.conditional import Conditioned, ConditionSpec, taking_vectors
from tf_inversion.generators.tensors import TensorNames
from tf_inversion.priors import PRIORS

_CLASS = re.compile(r"[\w.]+:\w+")


def load_generator(
    path: str | os.PathLike | None = None,
    *,
    original_graph: bool = False,
    latent_tensor: str | None = None,
    audio_tensor: str | None = None,
    condition: ConditionSpec | None = None,
    label: str | int | None = None,
    sample_rate: int | None = None,
    latent_prior: str | None = None,
) -> base.Generator:
    """Returns the frozen generator at `path`, a layer from latent vectors to audio.

    Args:
      path: a WaveGAN download or training folder, of any variant, or the
        prefix of one checkpoint in it (of several steps the newest counts); a
        `.keras` file or a SavedModel folder from latent vectors, and perhaps a class or a code, to audio;
        `module:Class`, a class of your own derived from Generator that can be
        made without arguments; None: the pretrained generator.
      original_graph: run the graph that was trained instead of the Keras
        port. Serves other GANs of TensorFlow 1 too.
      latent_tensor, audio_tensor: where latent vectors enter, and where audio (or features) leaves: names of
        tensors of the original graph, "z:0" and "G_z:0" by default; of an input and an output of a Keras
        model, or of a SavedModel's serving signature, where they do not go without saying.
      condition: the class or code that enters beside them, as far as the file does not say.
      label: the class or code that it is fixed to, by name or number; None leaves a conditional generator
        conditional.
      sample_rate: of the audio, in Hz; None: as the files say, else 16,000.
      latent_prior: what latent vectors were drawn from in training, "uniform" (in [-1, 1]) or "normal";
        None: as the files say, else uniform.

    Raises:
      InvalidArgumentError: if there is no such prior or label.
      ModelFileError: if nothing is there, its format is unknown, or a file is
        damaged, incomplete or of another kind of model.
    """
    if latent_prior not in (None, *PRIORS):
        raise errors.InvalidArgumentError(
            f"latent_prior: {latent_prior!r} is unknown; choose from {', '.join(PRIORS)}"
        )
    spec = condition or ConditionSpec()
    tensors = TensorNames(latent_tensor, audio_tensor, spec.tensor)
    if path is None:
        path = paths.bundled("generator")
    try:
        foreign.refuse_foreign(path)
        if original_graph:
            generator = metagraph.MetaGraphGenerator(_checkpoint_at(Path(path)), tensors, spec)
        elif isinstance(path, str) and _CLASS.fullmatch(path) and not Path(path).exists():
            generator = _from_class(path)
        else:
            generator = _from_files(Path(path), tensors, spec)
    except OSError as error:
        raise errors.ModelFileError(f"{path}: can't be read ({error.strerror or error})") from error
    if sample_rate is not None:
        generator.sample_rate = sample_rate
    if latent_prior is not None:
        generator.prior = PRIORS[latent_prior]
    if label is None:
        return generator
    if generator.condition is None:
        raise errors.InvalidArgumentError(f"label: {label}; but the generator takes no class or code")
    return Conditioned(generator, generator.condition.vector(label))


def _from_files(path: Path, tensors: TensorNames, spec: ConditionSpec) -> base.Generator:
    if path.suffix == ".keras":
        return _from_keras(path, tensors, spec)
    if path.name == "saved_model.pb":
        path = path.parent
    if (path / "saved_model.pb").exists():
        return _from_saved_model(path, tensors, spec)
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


def _from_keras(path: Path, tensors: TensorNames, spec: ConditionSpec) -> base.Generator:
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
    if not getattr(model, "inputs", None):
        raise errors.ModelFileError(
            f"{path}: is of kind {type(model).__name__}, not a model from latent vectors to audio"
        )
    inputs = {tensor.name: tensor for tensor in model.inputs}
    outputs = dict(zip(getattr(model, "output_names", ["output"]), model.outputs))  # Sequential has one
    latent, audio, condition = tensors.choose(path, inputs, outputs)
    order = [[latent, condition].index(name) for name in inputs]

    def generate(*values):
        made = model([values[i] for i in order] if len(order) > 1 else values[0], training=False)
        return made if tf.is_tensor(made) else tf.nest.flatten(made)[list(outputs).index(audio)]

    return _wrapped(generate, path, inputs[latent], condition and inputs[condition], spec)


def _from_saved_model(path: Path, tensors: TensorNames, spec: ConditionSpec) -> base.Generator:
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
    if not inputs or not outputs:
        raise errors.ModelFileError(
            f"{path}: needs a signature serving_default, from latent vectors to audio"
        )
    latent, audio, condition = tensors.choose(path, inputs, outputs)

    def generate(*values):  # refers to the model, whose variables live only as long as it does
        given = dict(zip([latent, condition], values))
        return model.signatures["serving_default"](**given)[audio]

    return _wrapped(generate, path, inputs[latent], condition and inputs[condition], spec)


def _wrapped(
    function: Callable, path: Path, latents: Any, condition: Any, spec: ConditionSpec
) -> base.FunctionGenerator:
    """Returns a generator around a function of what has the shapes and types of latents and condition."""
    found = None
    if condition is not None:
        function, found = taking_vectors(function, path, condition, spec)
    return base.FunctionGenerator(function, tf.TensorShape(latents.shape), path, condition=found)
