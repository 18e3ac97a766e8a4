"""Moves latents so that an assessor's score rises and the class stays, and measures how far that works.

GANalyze (Goetschalckx et al. 2019) learns one direction for all clips. Here each clip has its own path, along
the gradient of the score at every point of it, as in WarpedGANSpace (Tzelepis et al. 2021): where G bends
much, a direction that helps one clip changes the word of another. Of a step against the class, which a
classifier hears, the part along that class's gradient is taken out (Yu et al. 2020), and while the class is
less likely than at the start, the step goes there too.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.applications.assessors import ASSESSORS, Assessor, log_odds, mono
from tf_inversion.batching import in_batches
from tf_inversion.evaluation import tables
from tf_inversion.evaluation.metrics import judge_probabilities
from tf_inversion.generators.base import Generator
from tf_inversion.inversion.compiled import for_any_number, kept
from tf_inversion.latents import synthesize
from tf_inversion.models import ModelBundle

_STEP = 0.05  # of the path
_WORD = "word"  # word:NAME, the score that a class has
_COLUMNS = {
    "more": ("more", "{}"),
    "strength": ("strength", "{:+g}"),
    "before": ("before", "{:.2f}"),
    "change": ("change", "{:+.3f}"),
    "standard_error": ("s.e.", "{:.3f}"),
    "unit": ("unit", "{}"),
    "up": ("went up", "{:.0%}"),
    "kept": ("word kept", "{:.0%}"),
    "called": ("called so", "{:.0%}"),
}
LEGEND = """\
Over random latents: mean score before, its mean change with standard error, share of the clips whose score
rose, share that the evaluation classifier puts in the same class as before, and for word:NAME the share that
it calls NAME, whose log-odds are the score. Strength: length of the path in z."""


def find_assessor(name: str, classifier: keras.Model | None) -> Assessor:
    """Returns an assessor of `ASSESSORS`, or for "word:NAME" a classifier's log-odds of class NAME.

    Raises:
      InvalidArgumentError: if there is none of this name.
    """
    kind, _, label = name.partition(":")
    if name in ASSESSORS:
        return ASSESSORS[name]
    if kind != _WORD or classifier is None:
        raise errors.InvalidArgumentError(
            f"more: {name!r}; choose from {', '.join(ASSESSORS)}, and word:NAME with a classifier"
        )
    if label not in classifier.label_names:
        raise errors.InvalidArgumentError(
            f"more: {label!r} is none of the classifier's {', '.join(classifier.label_names)}"
        )
    index = list(classifier.label_names).index(label)
    return Assessor("nats", lambda audio, _: log_odds(classifier(audio, training=False), index))


def steer(
    latents: np.ndarray,
    score: Callable[[tf.Tensor, int], tf.Tensor],
    strengths: Sequence[float],
    generator: Generator,
    keep: keras.Model | None = None,
    *,
    batch_size: int = 64,
    progress: Callable[[Iterable], Iterable] = iter,
) -> np.ndarray:
    """Moves latents along paths on which a score rises, or falls for a strength below 0.

    Args:
      latents: where from, float32 [n, latent_dim].
      score: audio [b, num_samples], the mean of its channels, and the sample rate in Hz -> [b],
        differentiable.
      strengths: lengths of the path, each an edit.
      generator: z -> audio; latents stay in its prior's range.
      keep: a classifier whose likeliest class of each clip is to stay; None for none.
      batch_size: clips at once.
      progress: wraps the loop over the steps.

    Returns:
      float32 [n, len(strengths), latent_dim].
    """
    latents = generator.prior.project(np.asarray(latents, np.float32))
    take = kept(generator, _step, score, keep)

    def listen(z):
        logits = keep(generator(z), training=False) if keep else tf.zeros([len(z), 2])
        label = tf.argmax(logits, -1)
        return label, log_odds(logits, label)

    heard = in_batches(listen, latents, batch_size=batch_size)
    reached = {0.0: latents}
    for start, end in progress(_path(strengths)):
        step = np.full(len(latents), end - start, np.float32)
        reached[end] = in_batches(take, reached[start], step, *heard, batch_size=batch_size)
    return np.stack([reached[float(strength)] for strength in strengths], 1)


def _path(strengths: Sequence[float]) -> list[tuple[float, float]]:
    """Returns start and end of each step, from 0 to the strengths above it, and from 0 to those below."""
    steps: list[tuple[float, float]] = []
    for sign in (1.0, -1.0):
        start = 0.0
        for end in sorted(abs(strength) for strength in strengths if sign * strength > 0):
            ends = (sign * np.linspace(start, end, math.ceil((end - start) / _STEP) + 1)).tolist()
            steps += itertools.pairwise(ends)
            start = end
    return steps


def _step(generator: Generator, score: Callable, keep: keras.Model | None) -> Callable:
    """Returns the function from latents, lengths of a step, classes and their log-odds to latents."""

    def step(z, length, label, odds):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(z)
            audio = generator(z)
            value = score(mono(audio), generator.sample_rate)
            heard = log_odds(keep(audio, training=False), label) if keep else odds
        along = _unit(tape.gradient(value, z)) * tf.sign(length)[:, tf.newaxis]
        if keep:
            to_class = _unit(tape.gradient(heard, z))
            along -= tf.minimum(tf.reduce_sum(along * to_class, 1, keepdims=True), 0) * to_class
            along = _unit(along + tf.where(heard < odds, 1.0, 0.0)[:, tf.newaxis] * to_class)
        return generator.prior.project(z + tf.abs(length)[:, tf.newaxis] * along)

    return for_any_number(step)


def _unit(vectors: tf.Tensor) -> tf.Tensor:
    return vectors / (tf.norm(vectors, axis=1, keepdims=True) + 1e-9)


def steer_more(models: ModelBundle, name: str, latents: np.ndarray, strengths: Sequence[float], **options):
    """As `steer`, by the name of an assessor; the classifier's class stays, but for word:NAME.

    Args:
      models: with a classifier, or the class is not looked at.
      name: see `find_assessor`.
      latents, strengths, **options: see `steer`.
    """
    score = find_assessor(name, models.classifier).score
    keep = None if name.startswith(f"{_WORD}:") else models.classifier
    return steer(latents, score, strengths, models.generator, keep, **options)


def evaluate_steering(
    models: ModelBundle,
    names: Sequence[str],
    strengths: Sequence[float],
    *,
    num: int,
    seed: int,
    batch_size: int = 64,
    progress: Callable[[Iterable], Iterable] = iter,
) -> list[dict[str, Any]]:
    """Measures `steer_more` on random latents.

    Args:
      models: the classifier leads, the evaluation classifier `judge` tells the class, and scores word:NAME.
      names: of assessors.
      strengths: lengths of the paths.
      num, seed: random latents to draw.
      batch_size, progress: see `steer`.

    Returns:
      A row for each name and strength, see `LEGEND`: more, strength, before, change, standard_error, unit,
      up, kept, called (None but for word:NAME).
    """
    generator, (judge,) = models.generator, models.require("judge")
    start = generator.draw_latents(num, seed)

    def hear(assessor, latents):
        audio = np.stack([*synthesize(generator, latents, batch_size=batch_size)])
        values = in_batches(
            lambda x: assessor.report(mono(x), generator.sample_rate), audio, batch_size=batch_size
        )
        return values, judge_probabilities(judge, audio, batch_size=batch_size).argmax(1)

    rows = []
    for name in names:
        assessor, wanted = find_assessor(name, judge), name.partition(":")[2]
        before, label = hear(assessor, start)
        edits = steer_more(models, name, start, strengths, batch_size=batch_size, progress=progress)
        for strength, latents in zip(strengths, edits.swapaxes(0, 1)):
            after, now = hear(assessor, latents)
            change = after - before
            called = np.mean(np.array(judge.label_names)[now] == wanted) if wanted else None
            numbers = {"before": before.mean(), "change": change.mean()}
            numbers |= {"standard_error": change.std(ddof=1) / len(change) ** 0.5, "up": np.mean(change > 0)}
            numbers |= {"kept": np.mean(now == label), "called": called}
            numbers = {key: None if value is None else float(value) for key, value in numbers.items()}
            rows.append({"more": name, "strength": strength, "unit": assessor.unit, **numbers})
    return rows


def to_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Lays out the rows of `evaluate_steering` as a Markdown table with its legend."""
    return f"{tables.markdown(rows, _COLUMNS)}\n\n{LEGEND}"
