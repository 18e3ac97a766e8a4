"""Measures inversions once: per clip, for every table, file, page and figure.

A method stands between the clips themselves (`reference`), `silence` and the
generator's answer to the zero vector (`zero_latent`): what does not beat the
last two has recovered nothing.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from tf_inversion.batching import in_batches
from tf_inversion.evaluation import columns, metrics
from tf_inversion.evaluation.clip_sets import ClipSet
from tf_inversion.generators.base import Generator
from tf_inversion.inversion.invert import without_warnings
from tf_inversion.inversion.result import InversionResult
from tf_inversion.models import ModelBundle

_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Clips, what each method made of them, and all that was measured: the source of everything shown.

    Attributes:
      clips: what was inverted.
      results: method -> inversion of the clips.
      per_clip: method -> what is known of each clip; before the methods stand the baselines, if there are.
      label_names: classes of the evaluation classifier; () if there was none.
    """

    clips: ClipSet
    results: Mapping[str, InversionResult]
    per_clip: Mapping[str, dict[str, np.ndarray]]
    label_names: tuple[str, ...] = ()

    def confusion(self, method: str) -> np.ndarray | None:
        """Counts labelled clips by label and prediction of the reconstruction, see `metrics.confusion`."""
        table = self.per_clip[method]
        if self.clips.labels is None or not self.label_names:
            return None
        return metrics.confusion(table["label"], table["predicted_label_of_reconstruction"], self.label_names)

    def summary(self) -> dict[str, dict[str, float | int | list | None]]:
        """Returns of each method the number of clips, every aggregate, and the confusion, as JSON has it."""
        summary = {}
        for method, table in self.per_clip.items():
            counts = self.confusion(method)
            summary[method] = {
                "num_clips": len(self.clips.audio),
                **columns.aggregates(table),
                "confusion": None if counts is None else counts.tolist(),
            }
        return summary


def clip_metrics(
    clips: np.ndarray,
    reconstructions: np.ndarray,
    sample_rate: int,
    *,
    only: Collection[str] | None = None,
    batch_size: int = 64,
    progress: Callable[[Iterable], Iterable] = iter,
) -> dict[str, np.ndarray]:
    """Compares reconstructions with their clips, batch by batch.

    Args:
      clips: float32 [n, num_samples] in [-1, 1], finite.
      reconstructions: the same for what was made of them.
      sample_rate: in hertz.
      only: keys of the columns that are wanted; None for all.
      batch_size: bounds the memory; the values do not depend on it.
      progress: wraps the loop over batches; tqdm for a bar.

    Returns:
      float64 [n] under the key of each column of `columns.COLUMNS` that is measured.
    """

    wanted = [c for c in columns.COLUMNS if c.measure and (only is None or c.key in only)]

    def measure(*batch):
        return {c.key: c.measure(*batch, sample_rate) for c in wanted}

    values = in_batches(measure, clips, reconstructions, batch_size=batch_size, progress=progress)
    return {key: value.astype(np.float64) for key, value in values.items()}


def evaluate(
    clips: ClipSet,
    models: ModelBundle,
    methods: Mapping[str, Callable[..., InversionResult]],
    *,
    batch_size: int = 64,
    progress: Callable[[Iterable], Iterable] = iter,
) -> Evaluation:
    """Inverts clips by each of the methods and measures the results beside the baselines.

    A reconstruction that is not finite counts as silence, and is warned of.

    Args:
      clips: what is inverted.
      models: with an evaluation classifier.
      methods: name -> like `invert`, audio [n, num_samples] to its inversion. Each runs for an iteration on
        a few clips, to be compiled, before it is timed.
      batch_size, progress: see `measure`.
    """
    results, seconds = {}, {}
    for name, run in methods.items():
        with without_warnings():  # that a single iteration was not enough
            for count in (2, 3):  # traces for any number
                run(clips.audio[:count], max_iterations=1)
        began = time.perf_counter()
        results[name] = _finite(name, run(clips.audio))
        seconds[name] = (time.perf_counter() - began) / len(clips.audio)
    batches: dict[str, Any] = {"batch_size": batch_size, "progress": progress}
    evaluation = measure(clips, results, models, baselines=True, **batches)
    for name, value in seconds.items():
        evaluation.per_clip[name]["wall_seconds"] = np.full(len(clips.audio), value)
    return evaluation


def _finite(name: str, result: InversionResult) -> InversionResult:
    bad = ~np.isfinite(result.audio).reshape(len(result.audio), -1).all(1)
    if not bad.any():
        return result
    _logger.warning("%s: %d reconstructions are not finite and count as silence", name, np.sum(bad))
    audio, latents = result.audio.copy(), result.latents.copy()
    audio[bad] = latents[bad] = 0
    return dataclasses.replace(result, audio=audio, latents=latents)


def measure(
    clips: ClipSet,
    results: Mapping[str, InversionResult],
    models: ModelBundle,
    *,
    baselines: bool = False,
    batch_size: int = 64,
    progress: Callable[[Iterable], Iterable] = iter,
) -> Evaluation:
    """Measures inversions of clips.

    Args:
      clips: what was inverted.
      results: method -> inversion of the clips.
      models: the generator, and an evaluation classifier, if there is one. Clips of a class that it does not
        know are not judged.
      baselines: measure `reference`, `silence` and `zero_latent` as well.
      batch_size: clips at once; bounds the memory.
      progress: wraps loops over batches.
    """
    batches: dict[str, Any] = {"batch_size": batch_size, "progress": progress}
    generator, judge = models.generator, models.judge
    posterior = functools.partial(_posterior, clips, judge, batches)
    given = {
        "name": clips.names,
        "path": clips.paths,
        "label": None if clips.labels is None or judge is None else _class_names(judge)[clips.labels],
        "true_latents": clips.latents,
        "predicted_label": posterior(clips.audio)[1],
    }
    per_clip = {}
    answers: list[Any] = [(name, result.audio, result.latents) for name, result in results.items()]
    if baselines and generator:
        answers = [*_baselines(clips, generator), *answers]
    for name, audio, latents in answers:
        probabilities, predicted = posterior(audio)
        table = {
            **given,
            **clip_metrics(clips.audio, audio, clips.sample_rate, **batches),
            **_latent_errors(clips.latents, latents, generator, batches),
            "probabilities": probabilities,
            "predicted_label_of_reconstruction": predicted,
            **(_search_columns(results[name]) if name in results else {}),
        }
        per_clip[name] = {key: np.asarray(value) for key, value in table.items() if value is not None}
    return Evaluation(clips, results, per_clip, () if judge is None else tuple(judge.label_names))


def _baselines(clips: ClipSet, generator: Generator) -> Iterator[tuple[str, np.ndarray, np.ndarray | None]]:
    """Yields what each baseline makes of the clips: its name, audio and latents."""
    shape = clips.audio.shape
    yield "reference", clips.audio, clips.latents
    yield "silence", np.broadcast_to(np.float32(0), shape), None
    zeros = np.zeros((len(clips.audio), generator.latent_dim), np.float32)
    yield "zero_latent", np.broadcast_to(generator(zeros[:1]).numpy(), shape), zeros


def _class_names(judge: keras.Model) -> np.ndarray:
    """Returns the classes and "", which -1 picks."""
    return np.array([*judge.label_names, ""])


def _posterior(clips: ClipSet, judge: keras.Model | None, batches: Mapping, audio: np.ndarray):
    """Returns p(class | audio) [n, classes] and the likeliest class [n]; NaN and "" where that is unknown."""
    if judge is None:
        return None, None
    probabilities = metrics.judge_probabilities(judge, audio, **batches)
    if clips.labels is not None:
        probabilities[clips.labels < 0] = np.nan
    known = np.isfinite(probabilities).all(1)
    return probabilities, _class_names(judge)[np.where(known, probabilities.argmax(1), -1)]


def _latent_errors(truth, latents, generator: Generator, batches: Mapping) -> dict[str, np.ndarray]:
    if truth is None or latents is None:
        return {}
    return {
        "latents": latents,
        "latent_mae": np.abs(truth - latents).mean(1),
        "latent_jacobian_db": metrics.jacobian_weighted_error_db(generator, truth, latents, **batches),
    }


def _search_columns(result: InversionResult) -> dict[str, np.ndarray | list[str] | None]:
    """Returns how the search for the latents went."""
    return {
        "objective": result.objective,
        "status": result.status,
        "iterations": result.iterations,
        "evaluations": result.evaluations,
        "seconds": result.clip_seconds,
        **(result.adjustments or {}),
        "condition": result.condition,
        "latent_std": None if result.latent_std is None else result.latent_std.mean(1),
    }
