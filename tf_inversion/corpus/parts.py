"""Inverts clips that are in memory by the workers of a cluster, as `invert` does by this process."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from tf_inversion import errors
from tf_inversion.corpus import cluster, inverting
from tf_inversion.inversion.settings import InversionSettings
from tf_inversion.models import ModelBundle, ModelSettings

if TYPE_CHECKING:
    from distributed import Client

    from tf_inversion.inversion.result import InversionResult

_PART = 64  # clips that a worker takes at a time


def job_of(models: ModelBundle, chosen: ModelSettings, inversion: InversionSettings) -> inverting.Job:
    """Returns the job of inverting by a bundle, which was loaded by these settings."""
    return inverting.Job(
        inverting.absolute(chosen),
        tuple(name for name in ("inverter", "classifier") if getattr(models, name) is not None),
        inversion,
        json.dumps({**inverting.fingerprints(models), **inverting.versions()}),
    )


def invert_on(
    client: Client,
    audio: np.ndarray,
    job: inverting.Job,
    *,
    progress: Callable[[Iterable], Iterable] = iter,
    **overrides: Any,
) -> InversionResult:
    """Inverts clips float32 [n, num_samples] in parts, each by a worker; see `invert`.

    Args:
      client: of the cluster.
      audio: the clips.
      job: models and settings; nothing is written.
      progress: wraps an iteration over the parts.
      **overrides: fields of the job's `InversionSettings`.

    Raises:
      ClusterError: if a part fails three times, or the scheduler is lost.
    """
    settings = dataclasses.replace(job.inversion, **overrides)
    job = dataclasses.replace(job, inversion=InversionSettings())  # by which workers keep the models
    starts = range(0, len(audio), _PART)
    parts = ((start, audio[start : start + _PART]) for start in starts)
    outcomes = cluster.run(client, invert_part, parts, job, settings)
    done: dict[int, InversionResult] = {}
    for _, outcome in zip(progress(starts), outcomes, strict=True):
        if outcome.error is not None:
            raise errors.ClusterError(f"clips from {outcome.item[0]} on: {outcome.error}") from outcome.error
        done[outcome.item[0]] = outcome.value
    return _joined([done[start] for start in starts])


def invert_part(
    part: tuple[int, np.ndarray], job: inverting.Job, settings: InversionSettings
) -> InversionResult:
    """What a worker does with some of the clips."""
    from tf_inversion.inversion.invert import invert

    with inverting.alone():
        return invert(part[1], inverting.models_of(job), settings)


def _joined(results: list[InversionResult]) -> InversionResult:
    def join(values: list[Any]) -> Any:
        if values[0] is None:
            return None
        if isinstance(values[0], dict):
            return {name: np.concatenate([value[name] for value in values]) for name in values[0]}
        if isinstance(values[0], list):
            return list(itertools.chain(*values))
        return np.concatenate(values)

    names = [field.name for field in dataclasses.fields(results[0])]
    return dataclasses.replace(
        results[0], **{name: join([getattr(result, name) for result in results]) for name in names}
    )
