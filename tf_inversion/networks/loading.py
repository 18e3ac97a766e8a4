"""Loads trained inverters and classifiers, pretrained or the user's own."""

from __future__ import annotations

import os
from pathlib import Path

import keras

from tf_inversion import errors, paths
from tf_inversion.generators import checkpoint, foreign
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.inverter import Inverter
from tf_inversion.networks.score_model import ScoreModel


def load_inverter(path: str | os.PathLike | None = None) -> Inverter:
    """Loads an inverter saved by `train_inverter`; by default the pretrained one.

    Raises:
      ModelFileError: if the file is missing, damaged or not an inverter.
    """
    return _load(path or paths.bundled("inverter.keras"), Inverter)


def load_classifier(path: str | os.PathLike | None = None) -> Classifier | ScoreModel:
    """Loads a classifier saved by `train_classifier`; by default the pretrained one.

    The official WaveGAN score model (a TensorFlow 1 checkpoint: the folder or
    its prefix) loads too. It serves evaluation, but has no features for a loss.

    Raises:
      ModelFileError: if the file is missing, damaged or not a classifier.
    """
    if path and (prefix := checkpoint.find_checkpoint(path)):
        return ScoreModel(prefix)
    return _load(path or paths.bundled("classifier.keras"), Classifier)


def _load(path: str | os.PathLike, kind: type[keras.Model]) -> keras.Model:
    path, noun = Path(path), kind.__name__.lower()
    if not path.exists():
        raise errors.ModelFileError(f"{path}: no such file; give a file that train_{noun} wrote (.keras)")
    foreign.refuse_foreign(path)
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # zip, HDF5, JSON and Keras errors: any of them means a bad file
        raise errors.ModelFileError(
            f"{path}: not a readable Keras model ({checkpoint.first_line(error)})"
        ) from error
    if not isinstance(model, kind):
        raise errors.ModelFileError(
            f"{path}: is of kind {type(model).__name__}, but a trained {noun} is needed"
        )
    model.trainable = False
    return model
