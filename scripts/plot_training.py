"""Draws the curves of a training, running or done, from its history.csv.

  plot_training runs/inverter
  plot_training --output_dir=out/curves runs/wavegan

FOLDER is a training's --output_dir. Writes OUTPUT_DIR/training.png and training.svg, by default into FOLDER:
each metric over the epochs, its validation beside it, and a dotted line where the best model was kept.
"""

from __future__ import annotations

import csv
from pathlib import Path

from absl import flags

from tf_inversion import errors
from tf_inversion.scripts import command, common_flags

FLAGS = flags.FLAGS

common_flags.define("output_dir")


def main(arguments: list[str]) -> None:
    if len(arguments) != 1:
        raise errors.InvalidArgumentError("give one folder of a training, such as runs/inverter")
    run_folder = Path(arguments[0])
    if FLAGS["output_dir"].value is None:
        FLAGS["output_dir"].value = str(run_folder)
    history = _read(run_folder / "history.csv")
    folder = common_flags.output_dir()

    import numpy as np

    from tf_inversion.evaluation import figures

    columns = {name: np.array([row[name] for row in history]) for name in history[0]}
    figure = figures.training_curves(columns, f"{run_folder}: {len(history)} epochs")
    for suffix in ("png", "svg"):
        figures.save(figure, folder / f"training.{suffix}")
    print(f"written: {folder / 'training.png'}, {folder / 'training.svg'}")


def _read(path: Path) -> list[dict[str, float]]:
    """Returns a row for each epoch."""
    if not path.is_file():
        raise errors.InvalidArgumentError(f"{path}: not there; give the --output_dir of a training")
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
        if not rows or "epoch" not in rows[0] or not rows[0].keys() - {"epoch", "seconds"}:
            raise ValueError
    except (ValueError, TypeError, csv.Error) as error:
        raise errors.InvalidArgumentError(f"{path}: not the history of a training") from error
    return rows


run = command.runner(main, __doc__)
