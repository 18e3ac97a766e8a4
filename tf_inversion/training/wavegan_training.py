"""The training of a WaveGAN: its batches, its steps, its validation."""

from __future__ import annotations

import functools
from pathlib import Path

import tensorflow as tf

from tf_inversion.audio import mel
from tf_inversion.audio.clips import ClipList, clip_dataset
from tf_inversion.evaluation import samples
from tf_inversion.generators.base import channels_last
from tf_inversion.generators.official_graph import save_official
from tf_inversion.generators.wavegan import WaveGAN
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.discriminator import Discriminator
from tf_inversion.training import loop
from tf_inversion.training.adversarial import AdversarialLoss, WaveGANTrainer
from tf_inversion.training.augmentation import Augmentation
from tf_inversion.training.collapse import CollapseDetector
from tf_inversion.training.run import Metrics
from tf_inversion.training.settings import WaveGANTrainingSettings

_ILLUSTRATED = 8


class WaveGANTraining(loop.Training):
    """A step of the game; the moving average of the generator's weights is validated and saved.

    Args:
      networks: see `new_networks`.
      loss: rules of the game.
      judge: hears how near samples are to the validation clips.
      clips: for training and for validation, from `check_clips`.
      settings: how it is trained.
    """

    name = "generator"

    def __init__(
        self,
        networks: tuple[WaveGAN, Discriminator],
        loss: AdversarialLoss,
        judge: Classifier,
        clips: tuple[ClipList, ClipList],
        settings: WaveGANTrainingSettings,
    ):
        self.model, self._discriminator = generator, discriminator = networks
        augmentation = Augmentation(settings.gain_db, settings.shift_seconds)
        trainer = self._new_trainer(generator, discriminator, loss, augmentation, settings.seed)
        self.optimizer, self.average = trainer.optimizers["generator"], trainer.average
        self.clips_per_step = settings.batch_size
        self.tracked = {
            "discriminator": discriminator,
            "discriminator_optimizer": trainer.optimizers["discriminator"],
        }
        self._trainer, self._judge, self._settings = trainer, judge, settings
        self._clips_per_batch = settings.batch_size * loss.critic_steps
        self._train_clips, valid_clips = clips
        self._clip_dataset = functools.partial(
            clip_dataset,
            peak=settings.peak,
            num_samples=generator.num_samples,
            sample_rate=generator.sample_rate,
        )
        self._valid = self._clip_dataset(valid_clips, batch_size=64)
        self._reference, posteriors = samples.embed(judge, (audio for audio, _ in self._valid))
        self._detector = CollapseDetector(posteriors, settings.patience)
        latents = generator.prior.draw(
            [settings.num_judged, generator.latent_dim], tf.stack([settings.seed, -1])
        )
        self._judged: tuple[tf.Tensor, ...] = (latents,)  # what validation gives to the generator
        if generator.condition:
            vectors = generator.condition.sample(settings.num_judged, settings.seed)
            self._judged = latents, tf.constant(vectors)

    def _new_trainer(self, *arguments) -> WaveGANTrainer:
        return WaveGANTrainer(*arguments)

    def batches(self, start: int) -> tf.data.Dataset:
        clips = self._clip_dataset(
            self._train_clips,
            batch_size=self._clips_per_batch,
            shuffle_seed=self._settings.seed,
            start=start,
            repeat=True,
        )
        steps = tf.data.Dataset.counter(start)
        return tf.data.Dataset.zip((clips, steps)).map(lambda clip, step: (*clip, step))

    def train_step(self, batch) -> dict[str, float]:
        metrics = {name: float(value) for name, value in self._trainer.train_step(batch).items()}
        self._detector.check_step(metrics, int(batch[-1]))
        return metrics

    def validate(self, bar) -> Metrics:
        parts = tf.data.Dataset.from_tensor_slices(self._judged).batch(64)
        heard = samples.embed(self._judge, (self.model(*part) for part in bar("listening")(parts)))
        metrics = samples.sample_metrics(*heard, self._reference)
        self._detector.check_samples(metrics)
        return {"loss": metrics["frechet_distance"], **metrics}

    def illustrate(self) -> None:
        first = (values[:_ILLUSTRATED] for values in self._judged)
        audio, rate = self.model(*first), self.model.sample_rate
        tf.summary.audio("synthesized", channels_last(audio), rate, max_outputs=_ILLUSTRATED)
        audio = audio if audio.shape.rank == 2 else tf.reduce_mean(audio, 1)
        images = 1 + mel.log_mel(audio, rate) / 3  # 0 for silence, 1 for full scale
        images = tf.transpose(images, [0, 2, 1])[:, ::-1, :, tf.newaxis]
        tf.summary.image("synthesized/log_mel", images, max_outputs=_ILLUSTRATED)

    def save(self, path: Path, step: int) -> None:
        if self._settings.format == "keras":
            loop.save_model(self.model.to_model(), path)
        else:
            save_official(self.model, path, step, opponents=self._discriminator.networks)
