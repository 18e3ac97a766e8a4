"""Trains the inverse mapping model (paper, sections 3.2 and 4.1)."""

from __future__ import annotations

import math
import os
import types
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.audio.clips import ClipList, check_clips, clip_dataset
from tf_inversion.audio.spectrogram import Spectrogram
from tf_inversion.batching import in_batches
from tf_inversion.generators.base import Generator
from tf_inversion.losses import LOSS_TERMS, Objective
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.inverter import Inverter
from tf_inversion.networks.loading import load_inverter
from tf_inversion.training import distribution, loop
from tf_inversion.training.augmentation import Augmentation

_VALIDATION_LATENTS = 256
_ILLUSTRATED = 4
#: Section 3.2.1: latent MSE and perceptual loss, one to one.
PAPER_WEIGHTS = {"perceptual": 1.0, "latent": 1.0}


class InverterTrainer:
    """The training step: one real batch, then one synthesized one, each with an update.

    Args:
      inverter: the model to train.
      generator: frozen.
      classifier: frozen; for loss terms that look at it.
      optimizer: updates the inverter, twice a step.
      weights: of loss terms, see `losses.LOSS_TERMS`; those that are `synthesized_only` are of the
        synthesized batch alone.
      batch_size: of each of the two batches, over all replicas.
      strategy: the distribution strategy that the models were made in.
      freeze_batch_norm: whether the inverter's batch norm uses the moving statistics that it has, and
        leaves them: it trains as it will answer. Real and synthesized batches differ in theirs.
      temperature: see `losses.Objective`.
    """

    def __init__(
        self,
        inverter: Inverter,
        generator: Generator,
        classifier: Classifier,
        optimizer: keras.Optimizer,
        weights: Mapping[str, float],
        batch_size: int,
        strategy: tf.distribute.Strategy | None = None,
        freeze_batch_norm: bool = False,
        temperature: float = 1.0,
    ):
        self._inverter = inverter
        self._generator = generator
        self._optimizer = optimizer
        self._batch_size = batch_size
        self._freeze_batch_norm = freeze_batch_norm
        of_real = {name: weight for name, weight in weights.items() if not LOSS_TERMS[name].synthesized_only}
        models = (generator, classifier, temperature)
        self._of_synthesized = Objective(weights, *models)
        self._of_real = Objective(of_real, *models) if of_real else None
        self.train_step = distribution.distributed(strategy or tf.distribute.get_strategy(), self._step)

    def _step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Updates on batch["audio"], real clips, if there are any, then on batch["latents"]."""
        metrics, loss = {}, 0.0
        if "audio" in batch:
            metrics |= _named("real", self._update(batch["audio"]))
            loss += metrics["real/loss"]
        metrics |= _named("synthesized", self._update(self._generator(batch["latents"]), batch["latents"]))
        return {"loss": loss + metrics["synthesized/loss"], **metrics}

    def _update(self, audio: tf.Tensor, latents: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        variables = self._inverter.trainable_variables
        with tf.GradientTape() as tape:
            predicted = self._inverter(audio, training=not self._freeze_batch_norm)
            terms = self._terms(audio, latents, predicted)
            # Each replica's share of the whole batch's mean, so that the replicas' sum is the mean.
            terms = {name: tf.reduce_sum(term) / self._batch_size for name, term in terms.items()}
            scaled = self._optimizer.scale_loss(terms["loss"])
        self._optimizer.apply(tape.gradient(scaled, variables), variables)
        return terms

    def _terms(self, audio, latents, predicted) -> dict[str, tf.Tensor]:
        """Returns "loss" and its unweighted terms, each [batch]; latents are None for real clips."""
        objective = self._of_real if latents is None else self._of_synthesized
        terms = objective.terms(predicted, objective.targets(audio, latents))
        return {"loss": objective.weighted_sum(terms), **terms}

    @tf.function(reduce_retracing=True)
    def evaluate(self, audio: tf.Tensor, latents: tf.Tensor | None = None):
        """In inference mode: the predicted latents, and by name the loss and its terms, each [batch]."""
        predicted = self._inverter(audio, training=False)
        return predicted, self._terms(audio, latents, predicted)


def train_inverter(
    run: loop.Run,
    inverter: Inverter,
    generator: Generator,
    classifier: Classifier,
    train_clips: ClipList | None,
    valid_clips: ClipList | None,
    *,
    weights: Mapping[str, float] = types.MappingProxyType(PAPER_WEIGHTS),
    temperature: float = 1.0,
    batch_size: int = 64,
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 1e-3,
    seed: int = 0,
    augmentation: Augmentation | None = None,
    strategy: tf.distribute.Strategy | None = None,
    freeze_batch_norm: bool = False,
    average_weights: float | None = None,
) -> loop.Metrics:
    """Trains an inverter with Adam on real and synthesized clips in turn.

    Args:
      run: where and how long.
      inverter: the model; with `strategy`, made in its scope, like the others.
      generator, classifier: frozen.
      train_clips, valid_clips: real clips; None trains on synthesized ones only.
      weights: of loss terms; the paper's by default.
      temperature: of the classifier's posteriors in the loss terms, see `losses.Objective`.
      batch_size: real and synthesized clips per step, each.
      learning_rate: a number or a schedule over updates, two of which make a step.
      seed: of the latents, the clips' order and their augmentation.
      augmentation: of the real clips; none by default.
      strategy: where the steps run; default: one device.
      freeze_batch_norm: see `InverterTrainer`; for a trained inverter.
      average_weights: momentum of a moving average of the weights over updates, which is what is
        validated and saved, while `inverter` is left with the weights themselves; None for no average.
        For `freeze_batch_norm`: moving statistics are those of the weights, not of their average.

    Returns:
      The validation metrics of the best epoch: "loss" and its terms, and
      "latent_correlation" between true and predicted latents.

    Raises:
      InvalidArgumentError: if no weight has anything to learn from.
      DatasetError: if none of a list of clips can be read.
      TrainingError: see `loop.fit`.
    """
    strategy = strategy or tf.distribute.get_strategy()
    if train_clips is not None and all(LOSS_TERMS[name].synthesized_only for name in weights):
        raise errors.InvalidArgumentError(
            "weights: none is of a loss term for real clips, such as perceptual or log_mel; "
            "add one, or train on synthesized clips only"
        )
    shape = {"num_samples": inverter.num_samples, "sample_rate": inverter.sample_rate}
    train_clips, valid_clips = (
        None if clips is None else check_clips(clips, **shape, least=1, progress=run.bar("checking clips"))
        for clips in (train_clips, valid_clips)
    )
    prepare = {"batch_size": batch_size, "peak": inverter.peak, **shape}
    with strategy.scope():
        average = {} if average_weights is None else {"use_ema": True, "ema_momentum": average_weights}
        optimizer = keras.optimizers.Adam(learning_rate, **average)
        if inverter.network.get_layer("conv").compute_dtype == "float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(inverter.trainable_variables)
    trainer = InverterTrainer(
        inverter,
        generator,
        classifier,
        optimizer,
        weights,
        batch_size,
        strategy,
        freeze_batch_norm,
        temperature,
    )

    def batches(start: int):
        def synthesized(step):
            return {"latents": latents_of_step(batch_size, generator.latent_dim, seed, step)}

        def both(clip, step):
            audio, _ = clip
            if augmentation:
                audio = augmentation(audio, tf.stack([seed, step]), inverter.sample_rate)
            return {"audio": audio, **synthesized(step)}

        steps = tf.data.Dataset.counter(start)
        if train_clips is None:
            dataset = steps.map(synthesized)
        else:
            clips = clip_dataset(
                train_clips, **prepare, shuffle_seed=seed, start=start, repeat=True, drop_remainder=True
            )
            dataset = tf.data.Dataset.zip((clips, steps)).map(both)
        return strategy.experimental_distribute_dataset(dataset.prefetch(2))

    validation_latents = latents_of_step(_VALIDATION_LATENTS, generator.latent_dim, seed, -1)

    def validate() -> loop.Metrics:
        metrics = {}
        if valid_clips is not None:
            real = run.bar("validating", math.ceil(len(valid_clips) / batch_size))
            terms = [trainer.evaluate(audio)[1] for audio, _ in real(clip_dataset(valid_clips, **prepare))]
            metrics |= _named("real", _means(terms))
        predicted, terms = in_batches(
            lambda z: trainer.evaluate(generator(z), z),
            validation_latents,
            batch_size=batch_size,
            progress=run.bar("validating"),
        )
        correlation = np.corrcoef(np.ravel(validation_latents), np.ravel(predicted))[0, 1]
        metrics |= _named("synthesized", _means([terms]))
        metrics["synthesized/latent_correlation"] = float(correlation)
        total = metrics.get("real/loss", 0.0) + metrics["synthesized/loss"]
        return {"loss": total, **metrics}

    def illustrate() -> None:
        show_reconstructions("synthesized", generator(validation_latents[:_ILLUSTRATED]), inverter, generator)
        if valid_clips is not None:
            audio, _ = next(iter(clip_dataset(valid_clips, **prepare)))
            show_reconstructions("real", audio[:_ILLUSTRATED], inverter, generator)

    return loop.fit(
        run,
        model=inverter,
        optimizer=optimizer,
        batches=batches,
        train_step=trainer.train_step,
        validate=validate,
        illustrate=illustrate,
        clips_per_step=batch_size * (1 if train_clips is None else 2),
    )


def _named(kind: str, terms: Mapping) -> dict:
    return {f"{kind}/{name}": term for name, term in terms.items()}


def _means(batches: list[Mapping[str, np.ndarray]]) -> loop.Metrics:
    """Returns the mean of each term over all clips of batches."""
    return {name: float(np.mean(np.concatenate([batch[name] for batch in batches]))) for name in batches[0]}


def start_from(path: str | os.PathLike, inverter: Inverter) -> None:
    """Sets weights to those of a trained inverter.

    Raises:
      ModelFileError: if it can't be read, or is of another shape.
    """
    trained = load_inverter(path)
    start, wanted = trained.get_config(), inverter.get_config()
    for name in ("latent_dim", "width", "spectrogram", "num_samples", "sample_rate"):
        if start[name] != wanted[name]:
            raise errors.ModelFileError(
                f"{path}: has {name} {start[name]}, but {wanted[name]} is to be trained"
            )
    inverter.set_weights(trained.get_weights())


def latents_of_step(count: int, latent_dim: int, seed: int, step: int | tf.Tensor) -> tf.Tensor:
    """Draws latents [count, latent_dim] uniformly from [-1, 1], the same for the same seed and step."""
    return tf.random.stateless_uniform([count, latent_dim], tf.stack([seed, step]), -1.0, 1.0)


def show_reconstructions(kind: str, audio: tf.Tensor, inverter: Inverter, generator: Generator) -> None:
    """Writes clips over their reconstructions to TensorBoard, as sound and as spectrograms."""
    both = tf.concat([audio, generator(inverter(audio, training=False))], axis=0)
    tf.summary.audio(
        f"{kind}/clips_then_reconstructions",
        both[..., tf.newaxis],
        inverter.sample_rate,
        max_outputs=len(both),
    )
    images = tf.reverse(tf.transpose(Spectrogram()(both), [0, 2, 1, 3]), axis=[1])
    low, high = tf.reduce_min(images), tf.reduce_max(images)
    rows = tf.concat(tf.unstack((images - low) / (high - low)), axis=1)
    halves = tf.split(rows, 2, axis=1)
    tf.summary.image(f"{kind}/clips_over_reconstructions", tf.concat(halves, axis=0)[tf.newaxis])
