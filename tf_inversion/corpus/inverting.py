"""What a worker does with a shard. TensorFlow starts when the first one comes: a scheduler never needs it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import json
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tf_inversion import errors, paths
from tf_inversion.corpus import store
from tf_inversion.corpus.shards import Shard
from tf_inversion.inversion.settings import InversionSettings
from tf_inversion.models import ModelBundle, ModelSettings

if TYPE_CHECKING:
    from tf_inversion.audio.clips import LoadedClips
    from tf_inversion.inversion.result import InversionResult

_MODELS = ("generator", "inverter", "classifier")
_lock = threading.Lock()  # a worker may have several threads, and TensorFlow takes its cores by itself


@dataclasses.dataclass(frozen=True)
class Job:
    """What all shards of a run have in common.

    Attributes:
      output_dir: where they are written, an absolute path.
      models: which, by absolute paths.
      needs: those of them that are loaded beside the generator, see `ModelBundle.load`.
      inversion: how clips are inverted.
      peak: that clips are scaled to; 0 leaves them.
      metrics: columns that are measured.
      reconstructions: whether they are written.
      threads: cores of a worker.
      record: fingerprints of the models, versions and, for the files, settings, in JSON.
    """

    models: ModelSettings
    needs: tuple[str, ...]
    inversion: InversionSettings
    record: str
    output_dir: str = ""
    peak: float = 0.0
    metrics: tuple[str, ...] = ()
    reconstructions: bool = False
    threads: int = 1


def invert_shard(shard: Shard, job: Job) -> int:
    """Inverts the clips of a shard and writes its file; returns how many of them failed.

    Raises:
      ClusterError: if the worker's models or versions are others than the record's.
    """
    with alone():
        from tf_inversion.audio.clips import load_clips
        from tf_inversion.inversion.invert import invert

        models = models_of(job)
        rate = models.generator.sample_rate
        clips = load_clips(shard.paths, models.generator.num_samples, rate, job.peak)
        result = invert(clips.audio, models, job.inversion)
        columns = _columns(shard, clips, result, rate, job)
        with paths.together():
            if job.reconstructions:
                _write_reconstructions(shard, clips, result, rate, job)
            store.write(store.path_of(job.output_dir, shard.number), columns, json.loads(job.record))
    return sum(status != "ok" for status in columns["status"])


def use_cores(threads: int, gpu: int | None = None) -> None:
    """Has TensorFlow take so many cores, and one of the GPUs (None: all; -1: none); if it runs, too late."""
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        gpus = tf.config.list_physical_devices("GPU")
        if gpu is not None and gpus:
            tf.config.set_visible_devices([] if gpu < 0 else gpus[gpu % len(gpus)], "GPU")


def absolute(chosen: ModelSettings) -> ModelSettings:
    """Returns the settings with paths that hold in any working directory; a class stays as it is."""
    found = {name: getattr(chosen, name) for name in ("generator", "inverter", "classifier")}
    return dataclasses.replace(
        chosen,
        **{
            name: os.path.abspath(path)
            for name, path in found.items()
            if path and (":" not in path or os.path.exists(path))
        },
    )


def versions() -> dict[str, str]:
    """Returns the versions that results depend on."""
    import tensorflow as tf

    from tf_inversion import __version__

    return {"version": __version__, "tensorflow": tf.__version__}


def fingerprints(models: ModelBundle) -> dict[str, str]:
    """Returns by what a generator, inverter and classifier are told from others; "none" for those missing."""
    from tf_inversion.training.fingerprints import fingerprint

    found = {}
    for name in _MODELS:
        model = getattr(models, name)
        weights = fingerprint(model)
        found[name] = weights if model is None else f"{type(model).__name__}, {weights}"
        if weights.startswith("0 "):  # a class of the user's own, which Keras knows no weights of
            found[name] += f", {models.sources[name]}"
    return found


@functools.lru_cache(maxsize=2)  # loaded once and, with what was compiled for them, kept
def models_of(job: Job) -> ModelBundle:
    """Returns the models of a job, if they are what its record says.

    Raises:
      ClusterError: if they, or the versions here, are others.
    """
    use_cores(job.threads, _gpu())
    models = ModelBundle.load(job.models, needs=job.needs, wants=())
    wanted = json.loads(job.record)
    for name, mine in {**versions(), **fingerprints(models)}.items():
        if mine != wanted[name]:
            raise errors.ClusterError(f"{name}: a worker has {mine}, but here is {wanted[name]}")
    return models


def _gpu() -> int | None:
    """Which of the machine's GPUs a worker of this machine takes: `LocalCluster` numbers its workers."""
    from distributed import get_worker

    try:
        name = get_worker().name
    except ValueError:  # in no worker
        return None
    return name if isinstance(name, int) else None


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Lets a process do one thing at a time, and the library not warn of each shard of what the rows tell."""
    log = logging.getLogger("tf_inversion")
    with _lock:
        level = log.level  # which another thread has put back by now
        log.setLevel(logging.ERROR)
        try:
            yield
        finally:
            log.setLevel(level)


def _columns(
    shard: Shard, clips: LoadedClips, result: InversionResult, sample_rate: int, job: Job
) -> dict[str, Any]:
    """Returns the columns of a shard's file; see `store`."""
    from tf_inversion.evaluation.evaluation import clip_metrics

    row_of = {path: row for row, path in enumerate(shard.paths)}
    rows = np.array([row_of[path] for path in clips.paths], int)
    known = _known(result)

    def spread(values: np.ndarray) -> np.ndarray:
        """From the clips that were read to all of the shard."""
        filled = np.zeros((len(shard), *values.shape[1:]), values.dtype)
        filled[rows] = values
        return filled

    status, search = np.full((2, len(shard)), None, object)
    for path, reason in clips.report.unreadable.items():
        status[row_of[path]] = reason.removeprefix(f"{path}: ")
    status[rows] = np.where(known, "ok", result.status)
    search[rows[known]] = result.status[known]
    measured = {name: np.zeros(len(known), np.float32) for name in job.metrics}
    if known.any():
        batches: dict[str, Any] = {"only": job.metrics, "batch_size": job.inversion.batch_size}
        for name, values in clip_metrics(
            clips.audio[known], result.audio[known], sample_rate, **batches
        ).items():
            measured[name][known] = values
    return {
        "path": [os.fsencode(name).decode(errors="backslashreplace") for name in shard.names],
        "label": shard.labels or [None] * len(shard),
        "speaker": shard.speakers or [None] * len(shard),
        "split": shard.splits,
        "status": list(status),
        "latents": spread(result.latents),
        **({} if result.latent_std is None else {"latent_std": spread(result.latent_std)}),
        **{name: spread(values) for name, values in measured.items()},
        "search": list(search),
        "objective": spread(result.objective),
        "iterations": spread(result.iterations),
        "evaluations": spread(result.evaluations),
        **{name: spread(values) for name, values in (result.adjustments or {}).items()},
    }


def _known(result: InversionResult) -> np.ndarray:
    """Which clips have an answer."""
    return np.isfinite(result.latents).all(1) & np.isfinite(result.audio).all(1)


def _write_reconstructions(
    shard: Shard, clips: LoadedClips, result: InversionResult, sample_rate: int, job: Job
) -> None:
    import soundfile

    name_of = dict(zip(shard.paths, shard.names))
    for path, audio, known in zip(clips.paths, result.audio, _known(result)):
        if known:
            target = Path(job.output_dir, "_reconstructions", f"{name_of[path]}.flac")
            contents = io.BytesIO()  # of a full disk libsndfile says no more than that there was an error
            soundfile.write(contents, audio, sample_rate, subtype="PCM_16", format="FLAC")
            with paths.writing(target) as unfinished:
                unfinished.write_bytes(contents.getvalue())
