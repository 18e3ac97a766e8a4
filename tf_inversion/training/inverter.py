"""Trains the inverse mapping model (paper, sections 3.2 and 4.1)."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tf_inversion import errors, losses
from tf_inversion.audio.clips import ClipList, check_clips
from tf_inversion.models import ModelBundle
from tf_inversion.networks.inverter import Inverter
from tf_inversion.networks.loading import load_inverter
from tf_inversion.training import distribution, loop
from tf_inversion.training.inverter_training import InverterTraining
from tf_inversion.training.run import Metrics, Run, loop_bar
from tf_inversion.training.settings import InverterTrainingSettings, RunSettings


def train_inverter(
    models: ModelBundle,
    train_clips: ClipList | None,
    valid_clips: ClipList | None,
    settings: InverterTrainingSettings | None = None,
    run: RunSettings | None = None,
    *,
    strategy: tf.distribute.Strategy | None = None,
    progress: Callable[..., Any] | None = None,
) -> Metrics:
    """Trains an inverter with Adam on real and synthesized clips in turn.

    Its initial weights are drawn with Keras' global seed (`keras.utils.set_random_seed`).

    Args:
      models: the generator, and the classifier for loss terms that look at it, made in the strategy's scope.
      train_clips, valid_clips: real clips; None trains on synthesized ones only.
      settings: what is trained, and how.
      run: where and how long.
      strategy: where the steps run; default: one device.
      progress: see `Run`.

    Returns:
      The validation metrics of the best epoch: "loss" and its terms, "real/..." and "synthesized/...", and
      "synthesized/latent_correlation" between true and predicted latents.

    Raises:
      InvalidArgumentError: if no loss term has anything to learn from, or one needs a classifier.
      DatasetError: if none of a list of clips can be read.
      TrainingError: see `loop.fit`.
    """
    settings = settings or InverterTrainingSettings()
    run = run or RunSettings("runs/inverter", epochs=250)
    strategy = strategy or tf.distribute.get_strategy()
    terms = [losses.LOSS_TERMS[name] for name in settings.weights()]
    if train_clips is not None and all(term.synthesized_only for term in terms):
        raise errors.InvalidArgumentError(
            f"loss_weights: {settings.loss_weights}: no term is for real clips, as perceptual and log_mel "
            "are; add one, or train on synthesized clips alone"
        )
    classifier = models.classifier if needs_classifier(settings) else None
    models = ModelBundle(models.generator, classifier=classifier, sources=models.sources)
    if settings.mixed_precision and not tf.config.list_physical_devices("GPU"):
        raise errors.InvalidArgumentError(
            "mixed_precision: needs a GPU; on a CPU it takes twice the time of float32, so leave it out"
        )
    with strategy.scope():
        inverter = _new_inverter(models, settings)
    generator = models.generator
    check = functools.partial(
        check_clips,
        num_samples=generator.num_samples,
        sample_rate=generator.sample_rate,
        num_channels=generator.num_channels,
        least=1,
        progress=loop_bar(progress, "checking clips"),
    )
    clips: tuple[ClipList | None, ClipList | None] = None, None
    if train_clips is not None and valid_clips is not None:
        clips = check(train_clips), check(valid_clips)
    inputs = {
        "train_clips": clips[0],
        "valid_clips": clips[1],
        "generator": generator,
        "classifier": models.classifier,
        "initial_weights": inverter if settings.start_from else None,
    }
    its_run = distribution.worker_run(Run.of(run, settings, inputs, progress), strategy)
    its_run = dataclasses.replace(its_run, others={**its_run.others, "models": dict(models.sources)})
    return loop.fit(its_run, InverterTraining(inverter, models, settings, clips, its_run.num_steps, strategy))


def needs_classifier(settings: InverterTrainingSettings) -> bool:
    """Returns whether a loss term looks at a classifier."""
    return any(losses.LOSS_TERMS[name].layers is not None for name in settings.weights())


def _new_inverter(models: ModelBundle, settings: InverterTrainingSettings) -> Inverter:
    """Returns an inverter for the generator, with weights to start from."""
    inverter = Inverter(
        models.generator.latent_dim,
        width=settings.width,
        spectrogram=settings.spectrogram,
        num_samples=models.generator.num_samples,
        sample_rate=models.generator.sample_rate,
        num_channels=models.generator.num_channels,
        peak=settings.peak,
        dtype="mixed_float16" if settings.mixed_precision else None,
    )
    if settings.start_from:
        start_from(settings.start_from, inverter)
    return inverter


def start_from(path: str | os.PathLike, inverter: Inverter) -> None:
    """Sets weights to those of a trained inverter.

    Raises:
      ModelFileError: if it can't be read, or is of another shape.
    """
    trained = load_inverter(path)
    start, wanted = trained.get_config(), inverter.get_config()
    for name in ("latent_dim", "width", "spectrogram", "num_samples", "sample_rate", "num_channels"):
        if start[name] != wanted[name]:
            raise errors.ModelFileError(
                f"{path}: has {name} {start[name]}, but {wanted[name]} is to be trained"
            )
    inverter.set_weights(trained.get_weights())
