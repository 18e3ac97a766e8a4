"""Trains the spoken-digit classifier, whose activations are the perceptual loss, and the judge."""

from __future__ import annotations

import math

import keras
import numpy as np
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.audio.clips import ClipList, check_clips, clip_dataset
from tf_inversion.networks.classifier import Classifier
from tf_inversion.training import loop
from tf_inversion.training.augmentation import Augmentation


def train_classifier(
    run: loop.Run,
    classifier: Classifier,
    train_clips: ClipList,
    valid_clips: ClipList,
    *,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    augmentation: Augmentation | None = None,
    seed: int = 0,
) -> loop.Metrics:
    """Trains a classifier on labelled clips by cross-entropy, the rate falling along a cosine.

    Args:
      run: where and how long.
      classifier: its `num_samples`, `sample_rate` and `peak` say how clips are prepared.
      train_clips, valid_clips: labelled clips with the classifier's label names.
      augmentation: changes to the training clips; none by default.
      seed: of the clips' order and the augmentation.

    Returns:
      The validation metrics of the best epoch: "loss" and "accuracy".

    Raises:
      DatasetError: if the clips have no labels, or none of a list can be read.
      TrainingError: see `loop.fit`.
    """
    if train_clips.labels is None or valid_clips.labels is None:
        raise errors.DatasetError("a classifier needs labelled clips; none of the known layouts was found")
    shape = {"num_samples": classifier.num_samples, "sample_rate": classifier.sample_rate}
    train_clips, valid_clips = (
        check_clips(clips, **shape, least=1, progress=run.bar("checking clips"))
        for clips in (train_clips, valid_clips)
    )
    num_valid_batches = math.ceil(len(valid_clips) / batch_size)
    prepare = {"batch_size": batch_size, "peak": classifier.peak, **shape}
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, run.epochs * run.steps_per_epoch)
    optimizer = keras.optimizers.Adam(schedule)
    optimizer.build(classifier.trainable_variables)
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @tf.function
    def train_step(batch):
        (audio, labels), step = batch
        if augmentation:
            audio = augmentation(audio, tf.stack([seed, step]), classifier.sample_rate)
        with tf.GradientTape() as tape:
            logits = classifier(audio, training=True)
            loss = cross_entropy(labels, logits)
        gradients = tape.gradient(loss, classifier.trainable_variables)
        optimizer.apply(gradients, classifier.trainable_variables)
        return {"loss": loss, "accuracy": _accuracy(labels, logits)}

    @tf.function
    def predict(audio):
        return classifier(audio, training=False)

    def batches(start: int):
        clips = clip_dataset(
            train_clips, **prepare, shuffle_seed=seed, start=start, repeat=True, drop_remainder=True
        )
        return tf.data.Dataset.zip((clips, tf.data.Dataset.counter(start, dtype=tf.int32)))

    def validate() -> loop.Metrics:
        valid = run.bar("validating", num_valid_batches)(clip_dataset(valid_clips, **prepare))
        pairs = [(labels, predict(audio)) for audio, labels in valid]
        labels = np.concatenate([labels for labels, _ in pairs])
        logits = np.concatenate([logits for _, logits in pairs])
        return {
            "loss": float(cross_entropy(labels, logits)),
            "accuracy": float(_accuracy(labels, logits)),
        }

    return loop.fit(
        run,
        model=classifier,
        optimizer=optimizer,
        batches=batches,
        train_step=train_step,
        validate=validate,
        clips_per_step=batch_size,
    )


def _accuracy(labels, logits) -> tf.Tensor:
    return tf.reduce_mean(tf.cast(tf.equal(labels, tf.argmax(logits, axis=-1)), tf.float32))
