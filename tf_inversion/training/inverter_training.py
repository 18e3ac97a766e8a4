"""The training of an inverter: its losses, its batches, its steps, its validation."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_inversion import losses
from tf_inversion.audio.clips import ClipList, clip_dataset
from tf_inversion.batching import in_batches
from tf_inversion.models import ModelBundle
from tf_inversion.networks.inverter import Inverter
from tf_inversion.training import distribution, illustrations, loop
from tf_inversion.training.augmentation import Augmentation
from tf_inversion.training.ema import MovingAverage
from tf_inversion.training.run import Metrics, learning_rate
from tf_inversion.training.settings import InverterTrainingSettings

_VALIDATION_LATENTS = 256
_ILLUSTRATED = 4


class InverterTraining(loop.Training):
    """A step is an update by a real batch, then one by a synthesized batch.

    Loss terms that are `synthesized_only` are of the synthesized batch alone. With
    `settings.freeze_batch_norm` the inverter's batch norm uses the moving statistics that it has, and leaves
    them: it trains as it will answer. Real and synthesized batches differ in theirs.

    Args:
      inverter: the model to train.
      models: frozen; made, like the inverter, in the strategy's scope.
      settings: the weights of the losses, the batch size, the optimizer.
      clips: for training and for validation, from `check_clips`; None for no real clips.
      num_steps: after which a learning rate along a cosine is 0.
      strategy: where the steps run; default: one device.
    """

    def __init__(
        self,
        inverter: Inverter,
        models: ModelBundle,
        settings: InverterTrainingSettings,
        clips: tuple[ClipList | None, ClipList | None],
        num_steps: int,
        strategy: tf.distribute.Strategy | None = None,
    ):
        self.model = self._inverter = inverter
        self._generator, self._settings = models.generator, settings
        self._train_clips, self._valid_clips = clips
        self.clips_per_step = settings.batch_size * (1 if self._train_clips is None else 2)
        self._objectives = _objectives(models, settings)
        self._strategy = strategy or tf.distribute.get_strategy()
        with self._strategy.scope():
            self.optimizer = self._new_optimizer(num_steps * self.clips_per_step // settings.batch_size)
            if settings.average_weights is not None:
                self.average = MovingAverage(inverter.trainable_variables, settings.average_weights)
        self._distributed_step = distribution.distributed(self._strategy, self._step)
        self._augmentation = Augmentation(settings.gain_db, settings.shift_seconds, speed=settings.speed)
        self._clip_dataset = functools.partial(
            clip_dataset,
            batch_size=settings.batch_size,
            peak=inverter.peak,
            num_samples=inverter.num_samples,
            sample_rate=inverter.sample_rate,
        )
        self._validation_latents = self._latents(_VALIDATION_LATENTS, -1)

    def _new_optimizer(self, num_updates: int) -> keras.Optimizer:
        optimizer = keras.optimizers.Adam(learning_rate(self._settings, num_updates))
        if self._settings.mixed_precision:
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(self._inverter.trainable_variables)
        return optimizer

    def batches(self, start: int) -> tf.distribute.DistributedDataset:
        steps, seed = tf.data.Dataset.counter(start), self._settings.seed

        def synthesized(step):
            return {"latents": self._latents(self._settings.batch_size, step)}

        def both(clip, step):
            audio = self._augmentation(clip[0], tf.stack([seed, step]), self._inverter.sample_rate)
            return {"audio": audio, **synthesized(step)}

        if self._train_clips is None:
            dataset = steps.map(synthesized)
        else:
            clips = self._clip_dataset(self._train_clips, shuffle_seed=seed, start=start, repeat=True)
            dataset = tf.data.Dataset.zip((clips, steps)).map(both)
        return self._strategy.experimental_distribute_dataset(dataset.prefetch(2))

    def _latents(self, count: int, step: int | tf.Tensor) -> tf.Tensor:
        """Draws latents [count, latent_dim], the same for the same seed and step."""
        seed = tf.stack([self._settings.seed, step])
        return self._generator.prior.draw([count, self._generator.latent_dim], seed)

    def train_step(self, batch: Any) -> Mapping[str, tf.Tensor]:
        return self._distributed_step(batch)

    def _step(self, batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Updates on batch["audio"], real clips, if there are any, then on batch["latents"]."""
        metrics: dict[str, tf.Tensor] = {}
        loss = 0.0
        if "audio" in batch:
            metrics |= _named("real", self._update(batch["audio"]))
            loss += metrics["real/loss"]
        metrics |= _named("synthesized", self._update(self._generator(batch["latents"]), batch["latents"]))
        return {"loss": loss + metrics["synthesized/loss"], **metrics}

    def _update(self, audio: tf.Tensor, latents: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        variables = self._inverter.trainable_variables
        with tf.GradientTape() as tape:
            predicted = self._inverter(audio, training=not self._settings.freeze_batch_norm)
            terms = self._terms(audio, latents, predicted)
            # Each replica's share of the whole batch's mean, so that the replicas' sum is the mean.
            terms = {name: tf.reduce_sum(term) / self._settings.batch_size for name, term in terms.items()}
            scaled = self.optimizer.scale_loss(terms["loss"])
        self.optimizer.apply(tape.gradient(scaled, variables), variables)
        if self.average:
            self.average.update()
        return terms

    def _terms(self, audio, latents, predicted) -> dict[str, tf.Tensor]:
        """Returns "loss" and its unweighted terms, each [batch]; latents are None for real clips."""
        objective = self._objectives["real" if latents is None else "synthesized"]
        terms = objective.terms(predicted, objective.targets(audio, latents))
        return {"loss": objective.weighted_sum(terms), **terms}

    @tf.function(reduce_retracing=True)
    def evaluate(
        self, audio: tf.Tensor, latents: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """In inference mode: the predicted latents, and by name the loss and its terms, each [batch]."""
        predicted = self._inverter(audio, training=False)
        return predicted, self._terms(audio, latents, predicted)

    def validate(self, bar) -> Metrics:
        metrics: Metrics = {}
        batch_size = self._settings.batch_size
        if self._valid_clips is not None:
            real = bar("validating", math.ceil(len(self._valid_clips) / batch_size))
            dataset = self._clip_dataset(self._valid_clips)
            metrics |= _named("real", _means([self.evaluate(audio)[1] for audio, _ in real(dataset)]))
        predicted, terms = in_batches(
            lambda z: self.evaluate(self._generator(z), z),
            self._validation_latents,
            batch_size=batch_size,
            progress=bar("validating"),
        )
        metrics |= _named("synthesized", _means([terms]))
        pair = np.ravel(self._validation_latents), np.ravel(predicted)
        metrics["synthesized/latent_correlation"] = float(np.corrcoef(*pair)[0, 1])
        return {"loss": metrics.get("real/loss", 0.0) + metrics["synthesized/loss"], **metrics}

    def illustrate(self) -> None:
        self._show_reconstructions("synthesized", self._generator(self._validation_latents[:_ILLUSTRATED]))
        if self._valid_clips is not None:
            audio, _ = next(iter(self._clip_dataset(self._valid_clips)))
            self._show_reconstructions("real", audio[:_ILLUSTRATED])

    def _show_reconstructions(self, kind: str, audio: tf.Tensor) -> None:
        reconstructed = self._generator(self._inverter(audio, training=False))
        illustrations.reconstructions(kind, audio, reconstructed, self._inverter.sample_rate)


def _objectives(models: ModelBundle, settings: InverterTrainingSettings) -> dict[str, losses.Objective]:
    """Returns what to minimise for "synthesized" and, if anything, for "real" clips."""
    temperature = settings.posterior_temperature
    weights = settings.weights()
    if "posterior_kl" in weights:  # its gradient at a temperature T is 1 / T^2 as large
        weights["posterior_kl"] *= temperature**2
    of_real = {
        name: weight for name, weight in weights.items() if not losses.LOSS_TERMS[name].synthesized_only
    }
    found = {"synthesized": losses.Objective(weights, models.generator, models.classifier, temperature)}
    if of_real:
        found["real"] = losses.Objective(of_real, models.generator, models.classifier, temperature)
    return found


def _named(kind: str, terms: Mapping) -> dict:
    return {f"{kind}/{name}": term for name, term in terms.items()}


def _means(batches: list[Mapping[str, np.ndarray]]) -> Metrics:
    """Returns the mean of each term over all clips of batches."""
    return {name: float(np.mean(np.concatenate([batch[name] for batch in batches]))) for name in batches[0]}
