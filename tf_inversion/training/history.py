"""history.csv: the metrics of a training, a row an epoch. Needs no TensorFlow."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from tf_inversion import errors, paths


def read_history(path: Path) -> list[dict[str, float]]:
    """Returns the metrics of each epoch by name.

    Raises:
      InvalidArgumentError: if there is no such file, or it is not the history of a training.
    """
    if not path.is_file():
        raise errors.InvalidArgumentError(f"{path}: not there; give the folder of a training")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
        if not rows or "epoch" not in rows[0] or not rows[0].keys() - {"epoch", "seconds"}:
            raise ValueError
    except (ValueError, TypeError, csv.Error) as error:
        raise errors.InvalidArgumentError(f"{path}: damaged, or not the history of a training") from error
    return rows


class History:
    """The history of a run, rewritten whole with every row so that a kill never tears it.

    Args:
      path: of the file.
      first_epoch: with which the run goes on; later rows, of a run before, do not count.

    Raises:
      TrainingError: if the file is damaged.
    """

    def __init__(self, path: Path, first_epoch: int):
        self._path = path
        self._rows: list[dict[str, Any]] = []
        if path.exists():
            try:
                rows = read_history(path)
            except errors.InvalidArgumentError as error:
                raise errors.TrainingError(f"{error}; delete it, or start over without resume") from error
            self._rows = [{**row, "epoch": int(row["epoch"])} for row in rows if row["epoch"] < first_epoch]

    @property
    def last_epoch(self) -> int:
        """The number of the last epoch; 0 if there is none."""
        return self._rows[-1]["epoch"] if self._rows else 0

    def append(self, row: dict[str, Any]) -> None:
        """Adds the metrics of an epoch; those that only other epochs have are not a number."""
        self._rows.append(row)
        names = {name: None for row in self._rows for name in row}
        with paths.writing(self._path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(names), restval="nan")
            writer.writeheader()
            writer.writerows(self._rows)

    def best(self) -> dict[str, Any]:
        """Returns the row of the least validation loss."""
        if not self._rows:
            raise errors.TrainingError(
                f"{self._path}: the finished run's history is gone; start over without resume"
            )
        return min(self._rows, key=lambda row: row["validation/loss"])
