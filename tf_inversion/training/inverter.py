"""Trains the inverse mapping model (paper, sections 3.2 and 4.1)."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterable

import keras
import numpy as np
import tensorflow as tf

from tf_inversion import errors, losses
from tf_inversion.audio.clips import ClipList, check_clips, clip_dataset
from tf_inversion.audio.spectrogram import Spectrogram
from tf_inversion.generators.base import Generator
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.inverter import Inverter
from tf_inversion.networks.loading import load_inverter
from tf_inversion.training import distribution, loop
from tf_inversion.training.augmentation import Augmentation

_VALIDATION_LATENTS = 256
_ILLUSTRATED = 4
_TERMS = ("loss", "perceptual", "posterior", "mel", "latent", "waveform")
_OF_REAL = 4  # so many of them, the first ones, need no true latents


@dataclasses.dataclass(frozen=True)
class Objective:
    """The weights of the losses; the paper (section 3.2.1) has the first two, one to one.

    Attributes:
      latent_weight: of the latent MSE, on synthesized clips. With 0 the inverter
        learns from reconstruction alone, like the auto-encoders of section 2.
      perceptual_weight: of the perceptual loss, on real and synthesized clips.
      waveform_weight: of the error of the waveform (`losses.waveform_error`), on synthesized clips: the
        error in z as the generator makes it heard.
      posterior_weight: of the divergence between the classifier's opinions of clip and reconstruction
        (`losses.posterior_divergence`), on real and synthesized clips: it keeps the word.
      posterior_temperature: of that divergence.
      mel_weight: of the error of log-mel spectra (`losses.mel_error`), on real and synthesized clips: it
        keeps the sound from being one that only the classifier takes for the word.
      features: which activations to compare, a name in `classifier.FEATURES`.
    """

    latent_weight: float = 1.0
    perceptual_weight: float = 1.0
    waveform_weight: float = 0.0
    posterior_weight: float = 0.0
    posterior_temperature: float = 1.0
    mel_weight: float = 0.0
    features: str = "blocks"

    @property
    def of_real(self) -> bool:
        """Whether real clips have anything to learn from: what compares sounds, whatever the phase."""
        return bool(self.perceptual_weight or self.posterior_weight or self.mel_weight)


class InverterTrainer:
    """The training step: one real batch, then one synthesized one, each with an update.

    Args:
      inverter: the model to train.
      generator: frozen.
      classifier: frozen; gives the perceptual loss and the posterior's.
      optimizer: updates the inverter, twice a step.
      objective: weights of the losses.
      batch_size: of each of the two batches, over all replicas.
      strategy: the distribution strategy that the models were made in.
      freeze_batch_norm: whether the inverter's batch norm uses the moving statistics that it has, and
        leaves them: it trains as it will answer. Real and synthesized batches differ in theirs.
    """

    def __init__(
        self,
        inverter: Inverter,
        generator: Generator,
        classifier: Classifier,
        optimizer: keras.Optimizer,
        objective: Objective,
        batch_size: int,
        strategy: tf.distribute.Strategy | None = None,
        freeze_batch_norm: bool = False,
    ):
        self._layers = [*classifier.feature_names(objective.features), "logits"]
        self._inverter = inverter
        self._generator = generator
        self._classifier = classifier
        self._optimizer = optimizer
        self._objective = objective
        self._batch_size = batch_size
        self._freeze_batch_norm = freeze_batch_norm
        self.train_step = distribution.distributed(strategy or tf.distribute.get_strategy(), self._step)

    def _step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Updates on batch["audio"], real clips, if there are any, then on batch["latents"]."""
        metrics, loss = {}, 0.0
        if "audio" in batch:
            metrics |= _named("real", self._update(batch["audio"])[:_OF_REAL])
            loss += metrics["real/loss"]
        metrics |= _named("synthesized", self._update(self._generator(batch["latents"]), batch["latents"]))
        return {"loss": loss + metrics["synthesized/loss"], **metrics}

    def _update(self, audio: tf.Tensor, latents: tf.Tensor | None = None):
        variables = self._inverter.trainable_variables
        with tf.GradientTape() as tape:
            predicted = self._inverter(audio, training=not self._freeze_batch_norm)
            terms = self._terms(audio, latents, predicted)
            # Each replica's share of the whole batch's mean, so that the replicas' sum is the mean.
            terms = [tf.reduce_sum(term) / self._batch_size for term in terms]
            scaled = self._optimizer.scale_loss(terms[0])
        self._optimizer.apply(tape.gradient(scaled, variables), variables)
        return terms

    def _terms(self, audio, latents, predicted) -> list[tf.Tensor]:
        """Returns the loss and its unweighted terms (`_TERMS`), each [batch]; 0 for those not computed."""
        weights, zero = self._objective, tf.zeros(tf.shape(predicted)[:1])
        perceptual = posterior = mel = latent = waveform = zero
        listens = weights.perceptual_weight or weights.posterior_weight
        if weights.of_real or (weights.waveform_weight and latents is not None):
            reconstructed = self._generator(predicted)
        if listens:
            (*features, logits), (*answer, given) = (
                self._classifier.features(x, self._layers) for x in (audio, reconstructed)
            )
            perceptual = losses.perceptual_loss(features, answer)
            posterior = losses.posterior_divergence(logits, given, weights.posterior_temperature)
        if weights.mel_weight:
            mel = losses.mel_error(audio, reconstructed, self._inverter.sample_rate)
        if latents is not None:
            latent = losses.latent_mse(latents, predicted)
            if weights.waveform_weight:
                waveform = losses.waveform_error(audio, reconstructed)
        loss = (
            weights.perceptual_weight * perceptual
            + weights.posterior_weight * posterior
            + weights.mel_weight * mel
            + weights.latent_weight * latent
            + weights.waveform_weight * waveform
        )
        return [loss, perceptual, posterior, mel, latent, waveform]

    @tf.function(reduce_retracing=True)
    def evaluate(self, audio: tf.Tensor, latents: tf.Tensor | None = None):
        """In inference mode: the predicted latents, and the loss and its terms, each [batch]."""
        predicted = self._inverter(audio, training=False)
        return predicted, *self._terms(audio, latents, predicted)


def train_inverter(
    run: loop.Run,
    inverter: Inverter,
    generator: Generator,
    classifier: Classifier,
    train_clips: ClipList | None,
    valid_clips: ClipList | None,
    *,
    objective: Objective | None = None,
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
      objective: weights of the losses; the paper's by default.
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
    objective = objective or Objective()
    if train_clips is not None and not objective.of_real:
        raise errors.InvalidArgumentError(
            "perceptual_weight, posterior_weight, mel_weight: all 0, which leaves nothing to learn from real "
            "clips; raise one, or give --synthesized_only"
        )
    if not (objective.of_real or objective.latent_weight or objective.waveform_weight):
        raise errors.InvalidArgumentError("latent_weight and all others: 0, which leaves nothing to learn")
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
        inverter, generator, classifier, optimizer, objective, batch_size, strategy, freeze_batch_norm
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
            terms = [
                trainer.evaluate(audio)[1 : 1 + _OF_REAL]
                for audio, _ in real(clip_dataset(valid_clips, **prepare))
            ]
            metrics |= _named("real", (float(np.mean(np.concatenate(term))) for term in zip(*terms)))
        results = []
        synthesized = tf.data.Dataset.from_tensor_slices(validation_latents).batch(batch_size)
        for latents in run.bar("validating")(synthesized):
            results.append(trainer.evaluate(generator(latents), latents))
        predicted, *terms = (np.concatenate(result) for result in zip(*results))
        correlation = np.corrcoef(validation_latents.numpy().ravel(), predicted.ravel())[0, 1]
        metrics |= _named("synthesized", (float(np.mean(term)) for term in terms))
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


def _named(kind: str, terms: Iterable) -> dict:
    return {f"{kind}/{name}": term for name, term in zip(_TERMS, terms)}


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
