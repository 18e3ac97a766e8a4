"""Trains the classifier whose activations are the perceptual loss, and the evaluation classifier."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.audio.clips import ClipList, check_clips, clip_dataset
from tf_inversion.networks.classifier import Classifier
from tf_inversion.training import loop
from tf_inversion.training.augmentation import Augmentation
from tf_inversion.training.run import Metrics, Run, learning_rate, loop_bar
from tf_inversion.training.settings import ClassifierTrainingSettings, RunSettings


def train_classifier(
    train_clips: ClipList,
    valid_clips: ClipList,
    settings: ClassifierTrainingSettings | None = None,
    run: RunSettings | None = None,
    *,
    progress: Callable[..., Any] | None = None,
) -> Metrics:
    """Trains a classifier on labelled clips by cross-entropy.

    Its initial weights are drawn with Keras' global seed (`keras.utils.set_random_seed`).

    Args:
      train_clips, valid_clips: labelled clips of the same classes.
      settings: what is trained, and how.
      run: where and how long.
      progress: see `Run`.

    Returns:
      The validation metrics of the best epoch: "loss" and "accuracy".

    Raises:
      DatasetError: if the clips have no labels or a single class, or none of a list can be read.
      InvalidArgumentError: if the clips are less than a batch.
      TrainingError: see `loop.fit`.
    """
    settings = settings or ClassifierTrainingSettings()
    run = run or RunSettings("runs/classifier")
    if train_clips.labels is None or valid_clips.labels is None or len(train_clips.label_names) < 2:
        raise errors.DatasetError(
            "a classifier needs clips of two classes at the least; lay them out in a folder for each class"
        )
    check = functools.partial(
        check_clips,
        num_samples=settings.num_samples,
        sample_rate=settings.sample_rate,
        least=1,
        progress=loop_bar(progress, "checking clips"),
    )
    train_clips, valid_clips = check(train_clips), check(valid_clips)
    inputs = {"train_clips": train_clips, "valid_clips": valid_clips}
    its_run = Run.of(run, settings, inputs, progress)
    return loop.fit(its_run, ClassifierTraining(settings, train_clips, valid_clips, its_run.num_steps))


class ClassifierTraining(loop.Training):
    """A step is an update by the cross-entropy of a batch.

    Args:
      settings: what is trained, and how.
      train_clips, valid_clips: from `check_clips`.
      num_steps: after which a learning rate along a cosine is 0.
    """

    def __init__(
        self,
        settings: ClassifierTrainingSettings,
        train_clips: ClipList,
        valid_clips: ClipList,
        num_steps: int,
    ):
        self.model = self._classifier = Classifier(
            train_clips.label_names,
            architecture=settings.architecture,
            width=settings.width,
            spectrogram=settings.spectrogram,
            dropout=settings.dropout,
            num_samples=settings.num_samples,
            sample_rate=settings.sample_rate,
            peak=settings.peak,
            name=settings.name,
        )
        self.optimizer = keras.optimizers.Adam(learning_rate(settings, num_steps))
        self.optimizer.build(self.model.trainable_variables)
        self.clips_per_step = settings.batch_size
        self._train_clips, self._valid_clips, self._seed = train_clips, valid_clips, settings.seed
        self._augmentation = Augmentation(settings.gain_db, settings.shift_seconds, settings.noise_db)
        self._clip_dataset = functools.partial(
            clip_dataset,
            batch_size=settings.batch_size,
            peak=settings.peak,
            num_samples=settings.num_samples,
            sample_rate=settings.sample_rate,
        )
        self._cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def batches(self, start: int) -> tf.data.Dataset:
        clips = self._clip_dataset(self._train_clips, shuffle_seed=self._seed, start=start, repeat=True)
        return tf.data.Dataset.zip((clips, tf.data.Dataset.counter(start, dtype=tf.int32)))

    @tf.function
    def train_step(self, batch) -> dict[str, tf.Tensor]:
        (audio, labels), step = batch
        audio = self._augmentation(audio, tf.stack([self._seed, step]), self._classifier.sample_rate)
        variables = self._classifier.trainable_variables
        with tf.GradientTape() as tape:
            logits = self._classifier(audio, training=True)
            loss = self._cross_entropy(labels, logits)
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return {"loss": loss, "accuracy": _accuracy(labels, logits)}

    @tf.function
    def _predict(self, audio: tf.Tensor) -> tf.Tensor:
        return self._classifier(audio, training=False)

    def validate(self, bar) -> Metrics:
        num_batches = math.ceil(len(self._valid_clips) / self.clips_per_step)
        valid = bar("validating", num_batches)(self._clip_dataset(self._valid_clips))
        pairs = [(labels, self._predict(audio)) for audio, labels in valid]
        labels, logits = (np.concatenate(parts) for parts in zip(*pairs))
        return {
            "loss": float(self._cross_entropy(labels, logits)),
            "accuracy": float(_accuracy(labels, logits)),
        }


def _accuracy(labels, logits) -> tf.Tensor:
    return tf.reduce_mean(tf.cast(tf.equal(labels, tf.argmax(logits, axis=-1)), tf.float32))
