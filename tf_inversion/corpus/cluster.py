"""Where functions run: in this process, in processes of this machine, by Dask's scheduler, by SLURM."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from tf_inversion import errors
from tf_inversion.corpus.settings import ClusterSettings

if TYPE_CHECKING:
    from distributed import Client

Item = TypeVar("Item")
ATTEMPTS = 3
_PATIENCE = 4  # seconds for a scheduler to answer
_AHEAD = 4  # items that a worker has before it: what the scheduler holds does not grow with their number
_log = logging.getLogger(__name__)


class Outcome(NamedTuple):
    """What came of an item: a value, or what went wrong at the last attempt."""

    item: Any
    value: Any = None
    error: BaseException | None = None


@contextlib.contextmanager
def connect(settings: ClusterSettings, log_dir: str | os.PathLike) -> Iterator[Client | None]:
    """Yields a client of the cluster that settings ask for, started if need be and stopped at the end.

    Args:
      settings: which cluster; without workers there is none, and None is yielded.
      log_dir: where jobs of SLURM write what they say.

    Raises:
      ClusterError: if no scheduler answers, SLURM or dask-jobqueue is missing, or a worker is of another
        version.
    """
    if settings.workers == 0:
        yield None
        return
    with contextlib.ExitStack() as stack:
        if settings.scheduler:
            client = stack.enter_context(_client(settings.scheduler))
        else:
            cluster = _slurm(settings, log_dir) if settings.slurm else _local(settings)
            client = stack.enter_context(_client(stack.enter_context(cluster)))
        _refuse_other_versions(client)
        if not client.nthreads() and not settings.slurm:
            _log.warning("%s: has no workers yet; the work waits for them", settings.scheduler)
        yield client


def run(
    client: Client | None, function: Callable[..., Any], items: Iterable[Item], *arguments: Any
) -> Iterator[Outcome]:
    """Yields what becomes of function(item, *arguments), each as it is done.

    An item is tried three times; a worker that dies is not the item's fault until it has happened thrice.

    Args:
      client: see `connect`.
      function: of a module that the workers have, too.
      items: as many as one likes: a few for each worker are taken at a time.
      *arguments: further arguments, the same for all items.

    Raises:
      ClusterError: if the scheduler is lost.
    """
    if client is None:
        for item in items:
            yield _attempt(function, item, *arguments)
        return
    from distributed import as_completed

    waiting = iter(items)
    at_work: dict[str, Any] = {}
    done = as_completed([], loop=client.loop)

    def submit():
        room = _AHEAD * max(1, len(client.nthreads())) - len(at_work)
        for item in itertools.islice(waiting, max(0, room)):
            future = client.submit(function, item, *arguments, pure=False, retries=ATTEMPTS - 1)
            at_work[future.key] = item
            done.add(future)

    submit()
    for future in done:
        if future.status == "cancelled":  # by a client that has lost its scheduler
            raise errors.ClusterError(
                f"scheduler: {client.scheduler.address} is gone; start again, and what is done stays done"
            )
        failed = future.status == "error"
        item = at_work.pop(future.key)
        yield Outcome(item, error=future.exception()) if failed else Outcome(item, future.result())
        future.release()
        submit()


def _attempt(function: Callable[..., Any], *arguments: Any) -> Outcome:
    for _ in range(ATTEMPTS):
        try:
            return Outcome(arguments[0], function(*arguments))
        except Exception as error:
            last = error
    return Outcome(arguments[0], error=last)


def _client(cluster: Any) -> Client:
    from distributed import Client

    try:
        return Client(cluster, timeout=_PATIENCE)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise errors.ClusterError(f"scheduler: no Dask scheduler answers at {cluster} ({reason})") from error


def _local(settings: ClusterSettings) -> Any:
    """Starts processes of this machine; they end with this one, however it ends."""
    from dask.system import CPU_COUNT
    from distributed import LocalCluster

    workers = settings.workers or _gpus() or max(1, CPU_COUNT // settings.threads_per_worker)
    return LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.ERROR,
    )


def _gpus() -> int:
    import tensorflow as tf

    return len(tf.config.list_physical_devices("GPU"))


def _slurm(settings: ClusterSettings, log_dir: str | os.PathLike) -> Any:
    try:
        from dask_jobqueue import SLURMCluster
    except ModuleNotFoundError as error:
        raise errors.ClusterError(
            f"slurm: {error.name} is not installed; pip install 'tf-inversion[cluster]'"
        ) from error
    if not shutil.which("sbatch"):
        raise errors.ClusterError("slurm: there is no sbatch on this machine")
    cluster = SLURMCluster(
        queue=settings.slurm_queue,
        account=settings.slurm_account,
        cores=1,  # a shard at a time
        processes=1,
        job_cpu=settings.threads_per_worker,
        memory=settings.slurm_memory,
        walltime=settings.slurm_time,
        job_extra_directives=list(settings.slurm_options),
        job_script_prologue=["unset TMPDIR"],  # this command's own
        python=sys.executable,
        log_directory=os.fspath(Path(log_dir).absolute()),
        scheduler_options={"dashboard_address": ":0"},
        silence_logs=logging.ERROR,
    )
    # By adaptation, so that another job follows one that is cancelled or comes to the end of its time.
    jobs = settings.workers or 1
    cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs)
    return cluster


def _refuse_other_versions(client: Client) -> None:
    """Looks at the workers that there are; those that join later tell by themselves."""
    told: Any = client.get_versions(packages=["tf_inversion"])
    here = _versions(told["client"])
    for address, worker in told["workers"].items():
        for name, theirs in _versions(worker).items():
            if theirs != here[name]:
                raise errors.ClusterError(
                    f"scheduler: its worker {address} has {name} {theirs}, but here is {here[name]}; install "
                    "the same"
                )


def _versions(told: Mapping[str, Any]) -> dict[str, str]:
    python = ".".join(str(told["host"]["python"]).split(".")[:2])
    return {"Python": python, "tf_inversion": told["packages"].get("tf_inversion") or "none"}
