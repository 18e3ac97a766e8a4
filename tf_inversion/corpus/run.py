"""Inverts a folder of clips shard by shard, in a process or a cluster, and goes on where it was stopped."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tf_inversion import errors, models, paths
from tf_inversion.audio.layouts import ClipFolder
from tf_inversion.corpus import cluster, inverting, shards, store
from tf_inversion.corpus.settings import CorpusSettings
from tf_inversion.inversion.methods import plan
from tf_inversion.inversion.settings import InversionSettings

if TYPE_CHECKING:
    from distributed import Client


@dataclasses.dataclass(frozen=True)
class Corpus:
    """A folder of clips on its way to a data set; see `prepare`.

    Attributes:
      folder: the clips.
      shard_size: of them in a shard.
      job: what the shards have in common.
      finished: number of each shard that is there already -> its clips that failed.
    """

    folder: ClipFolder
    shard_size: int
    job: inverting.Job
    finished: dict[int, int]

    @property
    def sizes(self) -> list[int]:
        """The number of clips in each shard."""
        return _sizes(len(self.folder.clips), self.shard_size)

    def run(self, client: Client | None) -> Iterator[cluster.Outcome]:
        """Yields of each shard that was not there its `Shard` with how many of its clips failed, or an error.

        Raises:
          ClusterError: if the scheduler is lost.
          OSError: if the disk is full, on which every other shard would fail too.
        """
        to_do = (
            shard for shard in shards.cut(self.folder, self.shard_size) if shard.number not in self.finished
        )
        for outcome in cluster.run(client, inverting.invert_shard, to_do, self.job):
            if outcome.error and paths.disk_full(outcome.error):
                raise outcome.error
            yield outcome
        # Of writers that were killed; a shard that is being written at this moment is there already.
        for folder in Path(self.job.output_dir).rglob(".unfinished-*"):
            shutil.rmtree(folder, ignore_errors=True)


def prepare(
    folder: ClipFolder,
    output_dir: str | os.PathLike,
    model_settings: models.ModelSettings,
    inversion: InversionSettings,
    corpus: CorpusSettings,
    *,
    peak: float | None = None,
    threads: int = 1,
    in_process: bool = True,
) -> Corpus:
    """Looks at the models and at what there is of the data set.

    Args:
      folder: of clips, from `read_folder`.
      output_dir: of the data set.
      model_settings, inversion, corpus: which models, how to invert and what to write.
      peak: scale each clip to this level; 0 leaves it; None: as the inverter was trained.
      threads: cores that TensorFlow takes for a shard.
      in_process: whether shards are inverted by this process, which else leaves the GPUs to others.

    Raises:
      InvalidArgumentError: if the settings do not go together, or the folder holds shards of others.
      ModelFileError: if a model can't be loaded.
    """
    method = plan(inversion)
    if method.init == "file":
        raise errors.InvalidArgumentError("init: file; a corpus takes starts of no file")
    output = Path(output_dir).absolute()
    if Path(folder.root).resolve() in (output.resolve(), *output.resolve().parents):
        raise errors.InvalidArgumentError(
            f"output_dir: {output_dir} lies in the clips' folder, {folder.root}"
        )
    inverting.use_cores(threads, None if in_process else -1)
    refined = method.refine != "none"
    needs: tuple[str, ...] = ("inverter",) if method.needs_inverter else ()
    wants = (*(() if needs else ("inverter",)), *(("classifier",) if refined else ()))
    chosen = inverting.absolute(model_settings)
    bundle = models.ModelBundle.load(chosen, needs=needs, wants=wants)
    if refined:
        bundle = bundle.for_classes(folder.clips.label_names)
    needs = tuple(name for name in ("inverter", "classifier") if getattr(bundle, name) is not None)
    if peak is None:
        peak = bundle.inverter.peak if bundle.inverter else 0.0
    record = {
        **inversion.shaping(),
        **corpus.shaping(),
        "peak": peak,
        "clips": _fingerprint(folder),
        **inverting.fingerprints(bundle),
        **inverting.versions(),
    }
    finished = store.finished(output, _sizes(len(folder.clips), corpus.shard_size), record)
    job = inverting.Job(
        output_dir=str(output),
        models=chosen,
        needs=needs,
        inversion=inversion,
        peak=peak,
        metrics=corpus.metrics,
        reconstructions=corpus.reconstructions,
        threads=threads,
        record=json.dumps(record),
    )
    return Corpus(folder, corpus.shard_size, job, finished)


def _sizes(num: int, size: int) -> list[int]:
    return [min(size, num - start) for start in range(0, num, size)]


def _fingerprint(folder: ClipFolder) -> str:
    from tf_inversion.training.fingerprints import fingerprint

    return fingerprint(folder.clips)
