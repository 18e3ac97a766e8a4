"""One training at a time in a folder."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from tf_inversion import errors, paths

_Function = TypeVar("_Function", bound=Callable)
_log = logging.getLogger(__name__)


def alone_in_folder(train: _Function) -> _Function:
    """Makes a function of a run raise a TrainingError if another holds the run's folder, and else hold it.

    The system lets go of the folder however the process ends.
    """

    @functools.wraps(train)
    def alone(run, *args, **kwargs):
        folder = Path(run.output_dir)
        with paths.making(folder), _locked(folder):
            return train(run, *args, **kwargs)

    return alone  # type: ignore[return-value]


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise errors.TrainingError(
            f"{folder}: another training runs in this folder; choose another output_dir, or wait for it"
        ) from error
    except OSError as error:  # a file system that knows no locks
        _log.debug("%s: can't be locked (%s)", folder, error)
    try:
        yield
    finally:
        os.close(descriptor)
