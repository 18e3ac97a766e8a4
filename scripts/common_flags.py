"""What several commands share: flags, the folder to write to, clips to read, progress and provenance."""

from __future__ import annotations

import dataclasses
import functools
import os
import shlex
import sys
from pathlib import Path

from absl import flags

from tf_inversion import errors
from tf_inversion.models import ModelBundle
from tf_inversion.scripts import settings_flags
from tf_inversion.settings import Settings, setting


@dataclasses.dataclass(frozen=True)
class CommonSettings(Settings):
    """Settings of several commands; each names those that it wants in `define`."""

    data_dir: str | None = setting(
        None, "Folder of clips: SC09, Speech Commands, FSDD, a folder per class, or plain files."
    )
    output_dir: str | None = setting(None, "Folder to write to, made if absent.", shapes_result=False)
    peak: float | None = setting(
        None,
        "Scale each clip to this peak level; 0 leaves the level as it is. Default: for the clips of a data "
        "set what the inverter was trained with, for single files 0.",
        lower=0.0,
        upper=1.0,
    )
    seed: int = setting(0, "Seed of everything random: same seed, same result.", lower=0, upper=2**32 - 1)
    batch_size: int = setting(64, "Clips per batch.", lower=1)


def define(flag_values: flags.FlagValues, *names: str, **defaults: object) -> None:
    """Defines shared flags for a command, so that --help lists none that it does not read.

    Args:
      flag_values: the command's flags.
      *names: of fields of `CommonSettings`.
      **defaults: those of the command, where they are others.
    """
    settings_flags.define(CommonSettings, flag_values, only=names, **defaults)


def output_dir(flag_values: flags.FlagValues) -> Path:
    """Returns --output_dir, refusing early what can't be a folder to write to."""
    if not flag_values.output_dir:
        raise errors.InvalidArgumentError("--output_dir: is empty; name a folder")
    folder = Path(flag_values.output_dir)
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise errors.InvalidArgumentError(f"--output_dir={folder}: {existing} is no folder to write to")
    return folder


def provenance(models: ModelBundle, **more: object) -> dict[str, str]:
    """Returns what is needed to run the command again: its line, the versions, the models, and more."""
    import keras
    import tensorflow as tf

    from tf_inversion import __version__

    return {
        # The name of a file need not be text.
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]).encode(errors="replace").decode(),
        "versions": f"tf-inversion {__version__}, TensorFlow {tf.__version__}, Keras {keras.__version__}",
        **models.sources,
        **{name: str(value) for name, value in more.items()},
    }


def progress(flag_values: flags.FlagValues, text: str | None = None, **options):
    """Returns tqdm with these options, for loops that tell how far they are unless --quiet.

    On a terminal it is a bar, by default gone at its end; elsewhere lines.
    """
    from tqdm import tqdm

    from tf_inversion.scripts.lines import Lines

    bar = tqdm if sys.stderr.isatty() else Lines
    return functools.partial(bar, **{"desc": text, "leave": False, "disable": flag_values.quiet, **options})


def given_clips(
    flag_values: flags.FlagValues, patterns: list[str], generator, *, exclude=(), all_slices: bool = False
):
    """Reads the clips of files, folders and globs, but not in folders to `exclude`; else the bundled ones."""
    from tf_inversion import paths
    from tf_inversion.audio.clips import load_clips
    from tf_inversion.audio.folders import audio_files

    return load_clips(
        audio_files(patterns or [str(paths.bundled("speech"))], exclude),
        generator.num_samples,
        generator.sample_rate,
        flag_values.peak or 0.0,
        all_slices,
        progress(flag_values, "reading"),
        generator.num_channels,
    )


def recordings(flag_values: flags.FlagValues, split: str, models: ModelBundle, num: int):
    """Reads at most `num` clips of a split of --data_dir, at the level of the inverter's training."""
    from tf_inversion.audio.layouts import find_clips

    found = find_clips(flag_values.data_dir, split)
    return read_clips(flag_values, found, models, num, flag_values.seed)


def read_clips(
    flag_values: flags.FlagValues, found, models: ModelBundle, num: int, seed: int, label_names=None
):
    """Reads at most `num` of the clips that were found, at the level of the inverter's training.

    Labels refer to `label_names`, those of the evaluation classifier if none are given.
    """
    from tf_inversion.evaluation.clip_sets import real_clips

    return real_clips(
        found,
        models.generator,
        label_names if label_names is not None else models.judge.label_names if models.judge else (),
        num=num,
        seed=seed,
        peak=peak(flag_values, models),
        progress=progress(flag_values, "reading"),
    )


def peak(flag_values: flags.FlagValues, models: ModelBundle) -> float:
    """Returns the level that clips of a data set are scaled to."""
    if flag_values.peak is not None:
        return flag_values.peak
    return models.inverter.peak if models.inverter else 0.0


def synthesized(flag_values: flags.FlagValues, generator, num: int, seed: int):
    """Makes `num` clips of latents drawn with `seed`."""
    from tf_inversion.evaluation.clip_sets import synthesized_clips

    bar = progress(flag_values, "synthesizing")
    return synthesized_clips(generator, num, seed, batch_size=flag_values.batch_size, progress=bar)
