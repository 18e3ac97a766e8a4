"""How a corpus is cut into shards, and where they are inverted. Needs neither TensorFlow nor Dask."""

from __future__ import annotations

import dataclasses

from tf_inversion import errors
from tf_inversion.settings import Settings, setting

#: What may be measured of a reconstruction: the measured columns of `evaluation.columns`.
METRICS = ("mse", "nmse_db", "ssim", "ssim_magnitude", "log_mel_l1", "rms_ratio")


@dataclasses.dataclass(frozen=True)
class CorpusSettings(Settings):
    """What is written of a corpus, see `run`."""

    shard_size: int = setting(
        256, "Clips in a shard, which one worker inverts and one file holds: what a kill may cost.", lower=1
    )
    metrics: tuple[str, ...] = setting(
        ("nmse_db", "log_mel_l1"),
        f"What is measured of the reconstructions, of {', '.join(METRICS)}.",
        choices=METRICS,
    )
    reconstructions: bool = setting(
        False, "Write _reconstructions/<path of the clip>.flac too, of 16 bits; what is louder is clipped."
    )


@dataclasses.dataclass(frozen=True)
class ClusterSettings(Settings):
    """Where the work is done, see `cluster`: in this process, by processes of this machine, or by Dask's.

    Results do not depend on it, but for the last bits: those by the kind of the processor and the number of
    threads.
    """

    workers: int | None = setting(
        None,
        "Worker processes, or jobs of SLURM; 0: none, this process works. Default: one for each GPU of this "
        "machine, else for each --threads_per_worker of its cores; one job of SLURM.",
        lower=0,
        shapes_result=False,
    )
    threads_per_worker: int = setting(1, "Cores that a worker takes.", lower=1, shapes_result=False)
    scheduler: str | None = setting(
        None,
        "Address of a Dask scheduler, such as tcp://host:8786, the workers of which do the work.",
        shapes_result=False,
    )
    slurm: bool = setting(
        False, "Submit --workers jobs to SLURM, by dask-jobqueue and its jobqueue.yaml.", shapes_result=False
    )
    slurm_queue: str | None = setting(None, "Partition for the jobs.", shapes_result=False)
    slurm_account: str | None = setting(None, "Account for the jobs.", shapes_result=False)
    slurm_memory: str = setting("4GB", "Memory of a job.", shapes_result=False)
    slurm_time: str = setting("04:00:00", "Wall time of a job; another follows it.", shapes_result=False)
    slurm_options: tuple[str, ...] = setting(
        (), "Further options of sbatch, such as --gres=gpu:1.", shapes_result=False
    )

    def __post_init__(self):
        super().__post_init__()
        if self.scheduler and self.slurm:
            raise errors.InvalidArgumentError("scheduler, slurm: give one of them")
        if self.scheduler and self.workers is not None:
            raise errors.InvalidArgumentError("workers: the scheduler has its own; leave it out")
        if self.slurm and self.workers == 0:
            raise errors.InvalidArgumentError("workers: 0; give SLURM 1 job at least")
