"""What the training commands share: flags, and what is printed before and after."""

from __future__ import annotations

from pathlib import Path

from absl import flags

from tf_inversion.scripts import common_flags, settings_flags
from tf_inversion.training.settings import RunSettings, TrainingSettings


def define(flag_values: flags.FlagValues, cls: type[TrainingSettings], **of_run: object) -> None:
    """Defines the flags of a training: of its settings, its run (with these defaults) and its data."""
    common_flags.define(flag_values, "data_dir", data_dir="data/fsdd")
    settings_flags.define(RunSettings, flag_values, **of_run)
    settings_flags.define(cls, flag_values)


def read_run(flag_values: flags.FlagValues) -> RunSettings:
    """Returns the run that the flags describe, refusing early what can't be a folder to write to."""
    common_flags.output_dir(flag_values)
    return settings_flags.read(RunSettings, flag_values)


def find_clips(flag_values: flags.FlagValues, *splits: str):
    """Returns the clips of these splits of --data_dir, after telling how many of which class each has."""
    from tf_inversion.audio.layouts import read_folder

    folder = read_folder(flag_values.data_dir)
    if not flag_values.quiet:
        print("\n".join(folder.summary()))
    return [folder.split(split) for split in splits]


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
