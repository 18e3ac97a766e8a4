"""What the training commands share: flags, and what is told at the end."""

from __future__ import annotations

import sys
from pathlib import Path

from absl import flags

from tf_inversion.scripts import common_flags, settings_flags
from tf_inversion.training.settings import RunSettings, TrainingSettings

FLAGS = flags.FLAGS

# These say where and for how long, not what comes out: a run may be resumed with others. Data and models are
# compared by what they hold, not by their paths.
_FREE = {"output_dir", "epochs", "resume", "checkpoint_minutes", "quiet", "data_dir", "judge", "start_from"}


def define_settings(
    flag_values: flags.FlagValues, cls: type[TrainingSettings], output_dir: str, epochs: int
) -> None:
    """Defines the flags of a training: of its settings, its run and its data."""
    common_flags.define(flag_values, "data_dir", "quiet", data_dir="data/fsdd")
    settings_flags.define(RunSettings, flag_values, output_dir=output_dir, epochs=epochs)
    settings_flags.define(cls, flag_values)


def define(
    epochs: int,
    output_dir: str,
    learning_rate: float | None = 1e-3,
    steps_per_epoch: int | None = None,
    width: str = "Channels of the network's first stage.",
) -> None:
    """Defines the flags of a training, with the defaults and the help that differ between trainings."""
    common_flags.define("data_dir", "output_dir", "seed", "batch_size", "quiet")
    flags.FLAGS.set_default("data_dir", "data/fsdd")
    flags.FLAGS.set_default("output_dir", output_dir)
    flags.DEFINE_integer(
        "epochs", epochs, "Passes over the training clips, or over --steps_per_epoch steps.", lower_bound=1
    )
    flags.DEFINE_integer(
        "steps_per_epoch",
        steps_per_epoch,
        "Steps between two validations."
        + ("" if steps_per_epoch else " Default: as many as the training clips fill batches."),
        lower_bound=1,
    )
    flags.DEFINE_float("learning_rate", learning_rate, "Adam's learning rate.", lower_bound=0.0)
    flags.DEFINE_float("peak", 0.0, "Scale each clip to this peak level; 0 leaves it.", 0.0, 1.0)
    flags.DEFINE_integer("width", 64, width, lower_bound=1)
    flags.DEFINE_bool("resume", True, "Go on where an earlier run of the same flags was stopped.")
    flags.DEFINE_float("checkpoint_minutes", 5.0, "A kill loses at most this much work.", lower_bound=0.0)


def define_augmentation(gain_db: float, shift_seconds: float) -> None:
    """Defines the flags of changes to the training clips."""
    flags.DEFINE_float("gain_db", gain_db, "Augmentation: the level changes by up to this much.", 0.0)
    flags.DEFINE_float("shift_seconds", shift_seconds, "Augmentation: starts up to this much later.", 0.0)


def find_clips(flag_values: flags.FlagValues, *splits: str):
    """Returns the clips of these splits of --data_dir, after telling how many of which class each has."""
    from tf_inversion.audio.layouts import read_folder

    folder = read_folder(flag_values.data_dir)
    if not flag_values.quiet:
        print("\n".join(folder.summary()))
    return [folder.split(split) for split in splits]


def make_run(num_clips: int, cosine: bool):
    """Returns the `Run` of the flags.

    Args:
      num_clips: real clips to train on, 0 for none.
      cosine: whether the learning rate falls along a cosine, so that `epochs` shapes the result.
    """
    from tf_inversion import errors
    from tf_inversion.training.run import Run

    steps = FLAGS.steps_per_epoch or num_clips // FLAGS.batch_size
    if steps < 1:
        raise errors.InvalidArgumentError(
            f"--batch_size={FLAGS.batch_size} is more than the {num_clips} training clips; "
            "make it smaller or give --steps_per_epoch"
        )
    free = _FREE - {"epochs"} if cosine else _FREE
    own = FLAGS.key_flags_by_module_dict()[sys.argv[0]]
    return Run(
        output_dir=common_flags.output_dir(),
        epochs=FLAGS.epochs,
        steps_per_epoch=steps,
        settings={flag.name: flag.value for flag in own if flag.name not in free},
        resume=FLAGS.resume,
        checkpoint_minutes=FLAGS.checkpoint_minutes,
        progress=common_flags.progress(leave=True),
    )


def report(run: RunSettings, model_name: str, metrics: dict[str, float], suffix: str = ".keras") -> None:
    """Prints the best epoch and where the weights are."""
    terms = ", ".join(
        f"{name.removeprefix('validation/')} {value:.4f}"
        for name, value in metrics.items()
        if name.startswith("validation/")
    )
    print(f"best epoch {metrics['epoch']} of {run.epochs}, validation: {terms}")
    print(f"weights: {Path(run.output_dir) / model_name}{suffix} (best), {model_name}_last{suffix}")
    print(f"curves: tensorboard --logdir={Path(run.output_dir) / 'logs'}")
