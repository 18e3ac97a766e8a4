"""Draws the curves of a training, running or done, from its history.csv.

  plot_training runs/inverter
  plot_training --output_dir=out/curves runs/wavegan

FOLDER is a training's --output_dir. Writes OUTPUT_DIR/training.png and training.svg, by default into FOLDER:
each metric over the epochs, its validation beside it, and a dotted line where the best model was kept.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from tf_inversion import errors, paths
from tf_inversion.scripts import command, common_flags
from tf_inversion.training.history import read_history

FLAGS = flags.FlagValues()

common_flags.define(FLAGS, "output_dir")


def main(arguments: list[str]) -> None:
    if len(arguments) != 1:
        raise errors.InvalidArgumentError("give one folder of a training, such as runs/inverter")
    run_folder = Path(arguments[0])
    history = read_history(run_folder / "history.csv")
    if FLAGS.output_dir is None:
        FLAGS.output_dir = str(run_folder)
    folder = common_flags.output_dir(FLAGS)

    import numpy as np

    from tf_inversion.evaluation import figures

    columns = {name: np.array([row[name] for row in history]) for name in history[0]}
    figure = figures.training_curves(columns, f"{run_folder}: {len(history)} epochs")
    with paths.together():
        for suffix in ("png", "svg"):
            figures.save(figure, folder / f"training.{suffix}")
    print(f"written: {folder / 'training.png'}, {folder / 'training.svg'}")


run = command.runner(main, __doc__, FLAGS)
