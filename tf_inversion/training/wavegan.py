"""Trains a WaveGAN (Donahue, McAuley, Puckette: Adversarial Audio Synthesis, ICLR 2019)."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from collections.abc import Callable, Sequence
from typing import Any

from tf_inversion import errors
from tf_inversion.audio.clips import ClipList, check_clips
from tf_inversion.evaluation import samples
from tf_inversion.generators import checkpoint, official
from tf_inversion.generators.loading import load_generator
from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.discriminator import Discriminator, JointDiscriminator
from tf_inversion.training import loop
from tf_inversion.training.adversarial import adversarial_loss
from tf_inversion.training.bigan import BiGANTraining, new_encoder
from tf_inversion.training.run import Metrics, Run, loop_bar
from tf_inversion.training.settings import RunSettings, WaveGANTrainingSettings
from tf_inversion.training.wavegan_training import WaveGANTraining


def train_wavegan(
    train_clips: ClipList,
    valid_clips: ClipList,
    judge: Classifier,
    settings: WaveGANTrainingSettings | None = None,
    run: RunSettings | None = None,
    *,
    progress: Callable[..., Any] | None = None,
) -> Metrics:
    """Trains a generator on clips and keeps the average of its weights that the judge finds nearest to them.

    With `settings.encoder` an encoder is trained in parallel, see `bigan`. Initial weights are drawn with
    Keras' global seed (`keras.utils.set_random_seed`).

    Args:
      train_clips: what to imitate; their labels are used if `label_weight` is not 0.
      valid_clips: what the judge compares with, two at the least.
      judge: a classifier that the training does not see; it may hear the beginning of a clip only.
      settings: what is trained, and how.
      run: where and how long; an epoch ends with a validation.
      progress: see `Run`.

    Returns:
      The metrics of the best epoch, see `sample_metrics`; "loss" is the Fréchet distance.

    Raises:
      InvalidArgumentError: if the judge does not fit, or `repeat` can't be read.
      DatasetError: if too few clips can be read.
      TrainingError: if the training has collapsed, see `CollapseDetector`; and see `loop.fit`.
    """
    settings = settings or WaveGANTrainingSettings()
    run = run or RunSettings("runs/wavegan", epochs=200, steps_per_epoch=500)
    train_clips = train_clips.repeat(_repeats(settings.repeat))
    loss = adversarial_loss(settings)
    labels = tuple(train_clips.label_names) if loss.label_weight else ()
    if settings.conditional and len(labels) < 2:
        raise errors.InvalidArgumentError(
            "conditional: needs clips of two classes or more, and a label_weight above 0"
        )
    networks = generator, discriminator = new_networks(settings, labels)
    samples.check_judge(judge, generator)
    if settings.start_from:
        start_from(settings.start_from, generator, discriminator)
    check = functools.partial(
        check_clips,
        num_samples=generator.num_samples,
        sample_rate=generator.sample_rate,
        num_channels=generator.num_channels,
        progress=loop_bar(progress, "checking clips"),
    )
    clips = check(train_clips, least=1), check(valid_clips, least=2)
    inputs = {
        "train_clips": clips[0],
        "valid_clips": clips[1],
        "judge": judge,
        "initial_weights": generator if settings.start_from else None,
    }
    its_run = Run.of(run, settings, inputs, progress)
    if settings.encoder:
        encoder = new_encoder(generator, settings)
        return loop.fit(its_run, BiGANTraining(encoder, networks, loss, judge, clips, settings))
    return loop.fit(its_run, WaveGANTraining(networks, loss, judge, clips, settings))


def new_networks(
    settings: WaveGANTrainingSettings, labels: tuple[str, ...] = ()
) -> tuple[WaveGAN, Discriminator]:
    """Returns a generator and its critics, with a head for these classes, with initial weights."""
    config = WaveGANConfig(
        dim=settings.width,
        kernel_len=settings.kernel_len,
        num_channels=settings.num_channels,
        latent_dim=settings.latent_dim,
        slice_len=int(settings.slice_len),
        batchnorm=settings.batchnorm,
        upsample=settings.upsample,
        post_filter_len=settings.post_filter_len,
        labels=labels if settings.conditional else (),
    )
    kind = JointDiscriminator if settings.encoder else Discriminator
    return WaveGAN(config, sample_rate=settings.sample_rate), kind(
        config,
        sample_rate=settings.sample_rate,
        phase_shuffle=settings.phase_shuffle,
        mel_width=settings.mel_width,
        waveform_width=settings.waveform_width,
        num_labels=len(labels),
    )


def _repeats(items: Sequence[str]) -> dict[str, int]:
    """Returns how often to show clips of each class."""
    repeats = {}
    for item in items:
        label, _, times = item.rpartition(":")
        if not label or label in repeats or not re.fullmatch("[1-9][0-9]{0,2}", times):
            raise errors.InvalidArgumentError(
                f"repeat: {item}: give each class once, as class:times, up to 999 times; as in zero:3"
            )
        repeats[label] = int(times)
    return repeats


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
