"""Inversion of conditional generators: the class or code that made a clip is recovered with the latents."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from tf_inversion import errors
from tf_inversion.audio.mel import log_mel_l1
from tf_inversion.batching import in_batches
from tf_inversion.generators.base import Generator
from tf_inversion.generators.conditional import Conditioned
from tf_inversion.inversion.compiled import kept
from tf_inversion.inversion.result import InversionResult
from tf_inversion.models import ModelBundle

_MOST = 64  # classes or codes that are tried


def for_each_class(
    invert: Callable[[ModelBundle], InversionResult], clips: np.ndarray, models: ModelBundle, batch_size: int
) -> InversionResult:
    """Inverts clips as made of each class in turn and returns of each clip the nearest reconstruction.

    Near is what has a small mean absolute difference of log-mel spectrograms or, of features, of these.

    Args:
      invert: the clips' inversion by the models that it is given.
      clips: float32 [n, ..., num_samples].
      models: with a conditional generator.
      batch_size: bounds the memory.

    Raises:
      InvalidArgumentError: if there are more than 64 classes or codes.
    """
    generator, condition = models.generator, models.generator.condition
    assert condition is not None
    if condition.count > _MOST:
        raise errors.InvalidArgumentError(
            f"label: {condition.count} codes are too many to try; give the one that made the clips"
        )
    results, distances = [], []
    for name in condition.names:
        fixed = kept(generator, _conditioned, name)
        results.append(invert(dataclasses.replace(models, generator=fixed)))
        distances.append(_distances(generator, clips, results[-1].audio, batch_size))
    best = np.argmin(np.nan_to_num(distances, nan=np.inf), axis=0)
    return _merge(results, best, condition.names)


def _conditioned(generator: Generator, label: str) -> Conditioned:
    assert generator.condition is not None
    return Conditioned(generator, generator.condition.vector(label))


def _distances(generator: Generator, clips: np.ndarray, made: np.ndarray, batch_size: int) -> np.ndarray:
    if generator.feature_shape:
        return np.abs(clips - made).mean(1)
    return in_batches(
        lambda x, y: log_mel_l1(x, y, generator.sample_rate), clips, made, batch_size=batch_size
    )


def _merge(results: list[InversionResult], best: np.ndarray, names: tuple[str, ...]) -> InversionResult:
    """Returns of each clip the result of the class that `best` [n] picks; what all took is added up."""

    def picked(values):
        if values[0] is None:
            return None
        if isinstance(values[0], dict):
            return {key: picked([value[key] for value in values]) for key in values[0]}
        rows = [values[k][i] for i, k in enumerate(best)]
        return (
            rows if isinstance(values[0], list) else np.array(rows, values[0].dtype).reshape(values[0].shape)
        )

    names_of_fields = [field.name for field in dataclasses.fields(InversionResult)]
    fields = {name: [getattr(result, name) for result in results] for name in names_of_fields}
    added = {name: np.sum(fields[name], 0) for name in ("evaluations", "clip_seconds")}
    chosen = {name: picked(values) for name, values in fields.items()}
    return InversionResult(**{**chosen, **added, "condition": [names[k] for k in best]})
