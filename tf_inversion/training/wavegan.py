"""Trains a WaveGAN (Donahue, McAuley, Puckette: Adversarial Audio Synthesis, ICLR 2019)."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from tf_inversion import errors, losses
from tf_inversion.audio.clips import ClipList, check_clips, clip_dataset
from tf_inversion.evaluation import samples
from tf_inversion.generators import checkpoint, official
from tf_inversion.generators.loading import load_generator
from tf_inversion.generators.wavegan import WaveGAN
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.discriminator import Discriminator
from tf_inversion.training import loop
from tf_inversion.training.augmentation import Augmentation
from tf_inversion.training.inverter import latents_of_step

_ILLUSTRATED = 8


@dataclasses.dataclass(frozen=True)
class AdversarialLoss:
    """How generator and discriminator play against each other.

    Attributes:
      name: "wgan_gp" (Gulrajani et al. 2017: scores far apart, the gradient
        between real and synthesized clips held at length 1) or "ns_r1"
        (non-saturating, the gradient at real clips held small: Mescheder et
        al. 2018; for some steps only, as in StyleGAN 2).
      penalty: weight of the gradient penalty.
      penalty_every: it counts in every so many updates, as much more.
      critic_steps: updates of the discriminator for each of the generator.
      learning_rate, beta_1, beta_2: of Adam, for both.
      average: of the old weights in the generator's running average.
      tone_weight: weight of `losses.checkerboard_loss` in the generator's loss.
    """

    name: str
    penalty: float
    penalty_every: int
    critic_steps: int
    learning_rate: float
    beta_1: float
    beta_2: float
    average: float = 0.998
    tone_weight: float = 0.0


# "wgan_gp" has the official values; "ns_r1" learns more in an hour.
LOSSES = {
    "wgan_gp": AdversarialLoss("wgan_gp", 10.0, 1, 5, 1e-4, 0.5, 0.9),
    "ns_r1": AdversarialLoss("ns_r1", 0.1, 8, 1, 3e-4, 0.0, 0.99, tone_weight=1.0),
}


class WaveGANTrainer:
    """The training step: updates of the discriminator, then one of the generator.

    Args:
      generator: its network is trained.
      discriminator: the opponent.
      loss: rules of the game.
      augmentation: changes real and synthesized clips alike before they are judged.
      seed: of latents and augmentation.
    """

    def __init__(
        self,
        generator: WaveGAN,
        discriminator: Discriminator,
        loss: AdversarialLoss,
        augmentation: Augmentation,
        seed: int,
    ):
        self.network = generator.network
        self.network.trainable = True
        self.discriminator = discriminator
        self.average = WaveGAN(generator.config, sample_rate=generator.sample_rate, name="generator")
        self.average.network.set_weights(self.network.get_weights())
        self._loss, self._augmentation = loss, augmentation
        self._seed = seed % 2**30  # so that seeds made of it and of the step are int32
        self.optimizers = {
            name: keras.optimizers.Adam(loss.learning_rate, loss.beta_1, loss.beta_2)
            for name in ("generator", "discriminator")
        }
        self.optimizers["generator"].build(self.network.trainable_variables)
        self.optimizers["discriminator"].build(discriminator.trainable_variables)

    def train_step(self, batch: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Takes (real clips [critic_steps * batch_size, num_samples], the step)."""
        audio, step = batch
        return self._step(audio, step, penalised=int(step) % self._loss.penalty_every == 0)

    @tf.function
    def _step(self, audio, step, penalised: bool) -> dict[str, tf.Tensor]:
        step = tf.cast(step, tf.int32)
        self.discriminator.seed_phases(tf.stack([self._seed - 1, step]))
        for k, real in enumerate(tf.split(audio, self._loss.critic_steps)):
            of_critic, penalty = self._update_discriminator(real, step, k, penalised)
        of_generator, tones = self._update_generator(len(real), step)
        for average, weight in zip(self.average.network.weights, self.network.weights):
            average.assign_add((1 - self._loss.average) * (weight - average))
        return {
            "loss": of_critic + of_generator,
            "discriminator/loss": of_critic,
            "discriminator/penalty": penalty,
            "generator/loss": of_generator,
            "generator/tones": tones,
        }

    def _update_discriminator(self, real, step, k: int, penalised: bool):
        critic = self.discriminator
        synthesized = self.network(self._latents(len(real), step, k), training=True)[..., 0]
        real, synthesized = self._views(real, step, 2 * k), self._views(synthesized, step, 2 * k + 1)
        penalty = tf.constant(0.0)
        with tf.GradientTape() as tape:
            on_real, on_synthesized = critic.scores(real), critic.scores(synthesized)
            if self._loss.name == "wgan_gp":
                loss = on_synthesized - on_real
            else:
                loss = tf.nn.softplus(on_synthesized) + tf.nn.softplus(-on_real)
            loss = total = tf.reduce_mean(tf.reduce_sum(loss, axis=1))
            if penalised:
                penalty = self._loss.penalty_every * self._penalty(real, synthesized, tf.stack([step, k]))
                total += self._loss.penalty * penalty
        variables = critic.trainable_variables
        self.optimizers["discriminator"].apply(tape.gradient(total, variables), variables)
        return loss, penalty

    def _penalty(self, real: list[tf.Tensor], synthesized: list[tf.Tensor], seed) -> tf.Tensor:
        """Of the gradient of each critic's score by what the critic looks at."""
        views = real
        if self._loss.name == "wgan_gp":
            share = tf.random.stateless_uniform([len(real[0])], seed)
            views = [
                a + tf.reshape(share, [-1] + [1] * (a.shape.rank - 1)) * (b - a)
                for a, b in zip(real, synthesized)
            ]
        with tf.GradientTape() as tape:
            tape.watch(views)
            scores = self.discriminator.scores(views)
        total = 0.0
        for gradient in tape.gradient(scores, views):
            square = tf.reduce_sum(gradient**2, axis=range(1, gradient.shape.rank))
            if self._loss.name == "wgan_gp":
                total += tf.reduce_mean((tf.sqrt(square + 1e-12) - 1) ** 2)
            else:
                total += tf.reduce_mean(square) / 2
        return total

    def _update_generator(self, batch_size: int, step) -> tuple[tf.Tensor, tf.Tensor]:
        variables = self.network.trainable_variables
        tones = tf.constant(0.0)
        with tf.GradientTape() as tape:
            latents = self._latents(batch_size, step, self._loss.critic_steps)
            audio = self.network(latents, training=True)[..., 0]
            scores = self.discriminator.scores(self._views(audio, step, 2 * self._loss.critic_steps))
            loss = -scores if self._loss.name == "wgan_gp" else tf.nn.softplus(-scores)
            loss = total = tf.reduce_mean(tf.reduce_sum(loss, axis=1))
            if self._loss.tone_weight:
                tones = losses.checkerboard_loss(audio)
                total += self._loss.tone_weight * tones
        self.optimizers["generator"].apply(tape.gradient(total, variables), variables)
        return loss, tones

    def _latents(self, batch_size: int, step, k: int) -> tf.Tensor:
        seed = self._seed + step * (self._loss.critic_steps + 1) + k
        return latents_of_step(batch_size, self.average.latent_dim, self._seed, seed)

    def _views(self, audio, step, k: int) -> list[tf.Tensor]:
        seed = tf.stack([self._seed + k, step])
        return self.discriminator.views(self._augmentation(audio, seed, self.average.sample_rate))


def save_keras(generator: WaveGAN, path: Path, step: int) -> None:
    """Writes <path>.keras, for `load_generator`."""
    loop.save_model(generator.to_model(), path, step)


def train_wavegan(
    run: loop.Run,
    generator: WaveGAN,
    discriminator: Discriminator,
    judge: Classifier,
    train_clips: ClipList,
    valid_clips: ClipList,
    *,
    save: Callable[[WaveGAN, Path, int], None] = save_keras,
    loss: AdversarialLoss = LOSSES["ns_r1"],
    augmentation: Augmentation | None = None,
    batch_size: int = 32,
    num_judged: int = 1000,
    peak: float = 0.0,
    seed: int = 0,
) -> loop.Metrics:
    """Trains a generator on clips and keeps the average of its weights that the judge finds nearest to them.

    Args:
      run: where and how long; an epoch ends with a judgement.
      generator: with its initial weights, which are trained on; of one channel.
      discriminator: for its configuration.
      judge: a classifier that the training does not see; it may hear the beginning of a clip only.
      train_clips: what to imitate.
      valid_clips: what the judge compares with, two at the least.
      save: writes a generator's running average (generator, path without suffix, step).
      loss: rules of the game.
      augmentation: changes to real and synthesized clips alike; none by default.
      batch_size: clips per update.
      num_judged: synthesized clips per judgement, 20 at the least.
      peak: scale each real clip to this peak level; 0 leaves it.
      seed: of latents, the clips' order and the augmentation.

    Returns:
      The metrics of the best epoch, see `sample_metrics`; "loss" is the Fréchet distance.

    Raises:
      InvalidArgumentError: if the generator has more channels, or the judge does not fit.
      DatasetError: if too few clips can be read.
      TrainingError: see `loop.fit`.
    """
    _check_fit(generator, judge)
    shape = {"num_samples": generator.num_samples, "sample_rate": generator.sample_rate}
    train_clips, valid_clips = (
        check_clips(clips, **shape, least=least, progress=run.bar("checking clips"))
        for clips, least in ((train_clips, 1), (valid_clips, 2))
    )
    trainer = WaveGANTrainer(generator, discriminator, loss, augmentation or Augmentation(), seed)
    average = trainer.average
    valid = clip_dataset(valid_clips, batch_size=64, peak=peak, **shape)
    reference, _ = samples.embed(judge, (audio for audio, _ in valid))
    latents = latents_of_step(num_judged, generator.latent_dim, seed, -1)

    def batches(start: int):
        clips = clip_dataset(
            train_clips,
            batch_size=batch_size * loss.critic_steps,
            peak=peak,
            shuffle_seed=seed,
            start=start,
            repeat=True,
            **shape,
        )
        audio = clips.map(lambda audio, _: tf.ensure_shape(audio, [batch_size * loss.critic_steps, None]))
        return tf.data.Dataset.zip((audio, tf.data.Dataset.counter(start)))

    def validate() -> loop.Metrics:
        parts = tf.data.Dataset.from_tensor_slices(latents).batch(64)
        heard = samples.embed(judge, (average(part) for part in run.bar("listening")(parts)))
        metrics = samples.sample_metrics(*heard, reference)
        return {"loss": metrics["frechet_distance"], **metrics}

    def illustrate() -> None:
        audio = average(latents[:_ILLUSTRATED])
        tf.summary.audio("synthesized", audio[..., tf.newaxis], average.sample_rate, max_outputs=_ILLUSTRATED)

    return loop.fit(
        run,
        model=average,
        optimizer=trainer.optimizers["generator"],
        more={
            "network": trainer.network,
            "discriminator": discriminator,
            "discriminator_optimizer": trainer.optimizers["discriminator"],
        },
        batches=batches,
        train_step=trainer.train_step,
        validate=validate,
        illustrate=illustrate,
        clips_per_step=batch_size,
        save=save,
    )


def _check_fit(generator: WaveGAN, judge: Classifier) -> None:
    if generator.num_channels != 1:
        raise errors.InvalidArgumentError(
            f"the generator makes {generator.num_channels} channels; training is for one"
        )
    samples.check_judge(judge, generator)


def start_from(path: str | os.PathLike, generator: WaveGAN, discriminator: Discriminator) -> None:
    """Sets weights to those of a trained WaveGAN, and those of critics if its checkpoint holds them.

    Args:
      path: as for `load_generator`.
      generator, discriminator: get the weights.

    Raises:
      ModelFileError: if it can't be read, or is of another variant or size.
    """
    start = load_generator(path)
    if not isinstance(start, WaveGAN):
        raise errors.ModelFileError(f"{path}: is no WaveGAN")
    for name, value in dataclasses.asdict(generator.config).items():
        if (other := getattr(start.config, name)) != value:
            raise errors.ModelFileError(f"{path}: has {name} {other}, but {value} is to be trained")
    generator.network.set_weights(start.network.get_weights())
    if prefix := checkpoint.find_checkpoint(path):
        names = checkpoint.read_shapes(prefix)
        for scope, network in discriminator.networks.items():
            if any(name.startswith(f"{scope}/") for name in names):
                official.read_network(prefix, network, scope)
