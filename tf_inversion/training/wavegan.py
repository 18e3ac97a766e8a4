"""Trains a WaveGAN (Donahue, McAuley, Puckette: Adversarial Audio Synthesis, ICLR 2019)."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from tf_inversion import errors
from tf_inversion.audio import mel
from tf_inversion.audio.clips import ClipList, check_clips, clip_dataset
from tf_inversion.evaluation import samples
from tf_inversion.generators import checkpoint, official
from tf_inversion.generators.loading import load_generator
from tf_inversion.generators.wavegan import WaveGAN
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.discriminator import Discriminator
from tf_inversion.training import fingerprints, loop
from tf_inversion.training.adversarial import LOSSES, AdversarialLoss, WaveGANTrainer
from tf_inversion.training.augmentation import Augmentation
from tf_inversion.training.collapse import CollapseDetector

_ILLUSTRATED = 8


@dataclasses.dataclass(frozen=True)
class WaveGANSettings:
    """How a WaveGAN is trained.

    Attributes:
      loss: how generator and critics play against each other.
      augmentation: changes to real and synthesized clips alike; none by default.
      batch_size: clips per update.
      peak: scale each real clip to this peak level; 0 leaves it.
      num_judged: synthesized clips per judgement, 20 at the least.
      patience: the training ends after so many steps in a row that show it lost.
      seed: of latents, the clips' order and the augmentation.
    """

    loss: AdversarialLoss = LOSSES["ns_r1"]
    augmentation: Augmentation = dataclasses.field(default_factory=Augmentation)
    batch_size: int = 32
    peak: float = 0.0
    num_judged: int = 1000
    patience: int = 250
    seed: int = 0


def save_keras(generator: WaveGAN, path: Path, step: int) -> None:
    """Writes <path>.keras, for `load_generator`."""
    loop.save_model(generator.to_model(), path)


def train_wavegan(
    run: loop.Run,
    generator: WaveGAN,
    discriminator: Discriminator,
    judge: Classifier,
    train_clips: ClipList,
    valid_clips: ClipList,
    settings: WaveGANSettings | None = None,
    save: Callable[[WaveGAN, Path, int], None] = save_keras,
) -> loop.Metrics:
    """Trains a generator on clips and keeps the average of its weights that the judge finds nearest to them.

    Args:
      run: where and how long; an epoch ends with a judgement.
      generator: with its initial weights, which are trained on; of one channel.
      discriminator: for its configuration.
      judge: a classifier that the training does not see; it may hear the beginning of a clip only.
      train_clips: what to imitate; their labels are used if the discriminator has a head for them.
      valid_clips: what the judge compares with, two at the least.
      settings: the defaults if not given.
      save: writes a generator's running average (generator, path without suffix, step).

    Returns:
      The metrics of the best epoch, see `sample_metrics`; "loss" is the Fréchet distance.

    Raises:
      InvalidArgumentError: if the generator has more channels, or the judge does not fit.
      DatasetError: if too few clips can be read.
      TrainingError: if the training has collapsed, see `CollapseDetector`; and see `loop.fit`.
    """
    settings = settings or WaveGANSettings()
    loss, seed = settings.loss, settings.seed
    _check_fit(generator, judge)
    if discriminator.labels and train_clips.labels is None:
        raise errors.InvalidArgumentError("discriminator: has a head for labels, but the clips have none")
    shape = {"num_samples": generator.num_samples, "sample_rate": generator.sample_rate}
    train_clips, valid_clips = (
        check_clips(clips, **shape, least=least, progress=run.bar("checking clips"))
        for clips, least in ((train_clips, 1), (valid_clips, 2))
    )
    inputs = {
        "train_clips": fingerprints.of_clips(train_clips),
        "valid_clips": fingerprints.of_clips(valid_clips),
        "judge": fingerprints.of_weights(judge),
    }
    run = dataclasses.replace(run, settings={**run.settings, **inputs})
    trainer = WaveGANTrainer(generator, discriminator, loss, settings.augmentation, seed)
    return loop.fit(run, WaveGANTraining(trainer, judge, (train_clips, valid_clips), settings, save))


class WaveGANTraining(loop.Training):
    """A step of the game; the running average of the generator is validated and saved.

    Args:
      trainer: the game.
      judge: hears how near samples are to the validation clips.
      clips: for training and for validation, from `check_clips`.
      settings: how it is trained.
      save: see `train_wavegan`.
    """

    def __init__(
        self,
        trainer: WaveGANTrainer,
        judge: Classifier,
        clips: tuple[ClipList, ClipList],
        settings: WaveGANSettings,
        save: Callable[[WaveGAN, Path, int], None],
    ):
        self.model = average = trainer.average
        self.optimizer = trainer.optimizers["generator"]
        self.clips_per_step = settings.batch_size
        self.tracked = {
            "network": trainer.network,
            "discriminator": trainer.discriminator,
            "discriminator_optimizer": trainer.optimizers["discriminator"],
        }
        self._trainer, self._judge, self._settings, self._save = trainer, judge, settings, save
        self._train_clips, valid_clips = clips
        self._prepare = {
            "peak": settings.peak,
            "num_samples": average.num_samples,
            "sample_rate": average.sample_rate,
        }
        valid = clip_dataset(valid_clips, batch_size=64, **self._prepare)
        self._reference, posteriors = samples.embed(judge, (audio for audio, _ in valid))
        self._detector = CollapseDetector(posteriors, settings.patience)
        self._latents = average.prior.draw(
            [settings.num_judged, average.latent_dim], tf.stack([settings.seed, -1])
        )

    def batches(self, start: int) -> tf.data.Dataset:
        clips = clip_dataset(
            self._train_clips,
            batch_size=self._settings.batch_size * self._settings.loss.critic_steps,
            shuffle_seed=self._settings.seed,
            start=start,
            repeat=True,
            drop_remainder=True,  # never one, but so the shape is known
            **self._prepare,
        )
        steps = tf.data.Dataset.counter(start)
        return tf.data.Dataset.zip((clips, steps)).map(lambda clip, step: (*clip, step))

    def train_step(self, batch) -> dict[str, float]:
        metrics = {name: float(value) for name, value in self._trainer.train_step(batch).items()}
        self._detector.check_step(metrics, int(batch[-1]))
        return metrics

    def validate(self, bar) -> loop.Metrics:
        parts = tf.data.Dataset.from_tensor_slices(self._latents).batch(64)
        heard = samples.embed(self._judge, (self.model(part) for part in bar("listening")(parts)))
        metrics = samples.sample_metrics(*heard, self._reference)
        self._detector.check_samples(metrics)
        return {"loss": metrics["frechet_distance"], **metrics}

    def illustrate(self) -> None:
        audio, rate = self.model(self._latents[:_ILLUSTRATED]), self.model.sample_rate
        tf.summary.audio("synthesized", audio[..., tf.newaxis], rate, max_outputs=_ILLUSTRATED)
        images = 1 + mel.log_mel(audio, rate) / 3  # 0 for silence, 1 for full scale
        images = tf.transpose(images, [0, 2, 1])[:, ::-1, :, tf.newaxis]
        tf.summary.image("synthesized/log_mel", images, max_outputs=_ILLUSTRATED)

    def save(self, path: Path, step: int) -> None:
        self._save(self.model, path, step)


def _check_fit(generator: WaveGAN, judge: Classifier) -> None:
    if generator.num_channels != 1:
        raise errors.InvalidArgumentError(
            f"the generator makes {generator.num_channels} channels; training is for one"
        )
    samples.check_judge(judge, generator)


def start_from(path: str | os.PathLike, generator: WaveGAN, discriminator: Discriminator) -> None:
    """Sets weights to those of a trained WaveGAN, and those of critics if its checkpoint holds them.

    The head for labels keeps its initial weights if the checkpoint's tells another number of classes.

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
        shapes = checkpoint.read_shapes(prefix)
        for scope, network in discriminator.networks.items():
            of_other_classes = shapes.get(f"{scope}/output/dense/bias") != network.outputs[0].shape[1:]
            if scope == "D_labels" and of_other_classes:
                continue
            if any(name.startswith(f"{scope}/") for name in shapes):
                official.read_network(prefix, network, scope)
