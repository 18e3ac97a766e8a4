"""Checkpoints of a run: whole or absent, the two newest kept, in a folder of any name."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from tf_inversion import errors, paths
from tf_inversion.generators.checkpoint import first_line

_KEPT = 2
_log = logging.getLogger(__name__)


def numbers(folder: str | os.PathLike) -> list[int]:
    """Returns the numbers of the checkpoints in a folder, the oldest first."""
    found = (re.fullmatch(r"ckpt-(\d+)\.index", path.name) for path in Path(folder).glob("ckpt-*.index"))
    return sorted(int(match[1]) for match in found if match)


@contextlib.contextmanager
def one_line(folder: Path) -> Iterator[None]:
    """Makes one line of what TensorFlow raises when it can't write to a folder."""
    try:
        yield
    except tf.errors.OpError as error:
        full = paths.disk_full(error)
        reason = full.strerror if full else re.sub(r"\{\{.*?\}\} ", "", first_line(error))
        raise errors.TrainingError(f"{folder}: can't be written to ({reason})") from error


class Checkpoints:
    """The checkpoints of what `tf.train.Checkpoint` tracks.

    `tf.train.CheckpointManager` neither reads nor deletes in a folder whose name has wildcards in it, and
    leaves behind what it wrote before the disk was full.

    Args:
      folder: where they are.
      **state: what they hold.
    """

    def __init__(self, folder: Path, **state: Any):
        self._folder = folder
        self._state = tf.train.Checkpoint(**state)

    def save(self) -> None:
        """Writes the next checkpoint, and deletes all but the newest.

        Raises:
          TrainingError: if it can't be written, of which nothing remains.
        """
        before = numbers(self._folder)
        number = before[-1] + 1 if before else 1
        with paths.making(self._folder):
            try:
                with one_line(self._folder):
                    self._state.write(str(self._folder / f"ckpt-{number}"))
            except BaseException:
                self._delete(number)
                raise
        for number in before[: 1 - _KEPT]:
            self._delete(number)

    def restore(self) -> bool:
        """Restores the newest checkpoint that is whole; returns whether there is any.

        Raises:
          TrainingError: if none of them is whole.
        """
        found = numbers(self._folder)
        for number in reversed(found):
            try:
                with paths.without_wildcards(self._folder / f"ckpt-{number}") as prefix:
                    self._state.read(str(prefix)).assert_consumed()
                return True
            except (tf.errors.OpError, AssertionError, IndexError, ValueError) as error:
                older = [n for n in found if n < number]
                then = f"going on from ckpt-{older[-1]}, the one before" if older else "it is the oldest"
                _log.warning("%s/ckpt-%d: damaged (%s); %s", self._folder, number, first_line(error), then)
        if found:
            raise errors.TrainingError(f"{self._folder}: no checkpoint is whole; start over without resume")
        return False

    def _delete(self, number: int) -> None:
        """Deletes a checkpoint, whole or not; first what makes it one."""
        for path in sorted(self._folder.glob(f"ckpt-{number}[._]*"), key=lambda p: p.suffix != ".index"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
