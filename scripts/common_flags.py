"""Flags that several commands share, each defined once.

A command names those it wants: `common_flags.define("generator", "seed")`, so
that --help lists no flag that the command does not read.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
import shlex
import sys
from pathlib import Path

from absl import flags

from tf_inversion import errors
from tf_inversion.inversion.settings import InversionSettings
from tf_inversion.models import ModelBundle, ModelSettings
from tf_inversion.scripts import settings_flags
from tf_inversion.settings import Settings, setting

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class CommonSettings(Settings):
    """What several commands are told; each names those that it wants in `define`."""

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
    quiet: bool = setting(False, "Tell nothing of the progress.", shapes_result=False)


#: The fields of `InversionSettings` that are flags of commands which invert without much ado.
INVERSION = ("init", "starts", "refine", "max_iterations", "objective", "tolerance", "backend", "adjust")
_SHAPE = ("num_samples", "sample_rate")


def define(flag_values: flags.FlagValues | str, *names: str, **defaults: object) -> None:
    """Defines shared flags for a command: fields of `CommonSettings`.

    Args:
      flag_values: the command's flags; absl's global ones if left out.
      *names: of the flags.
      **defaults: those of the command, where they are others.
    """
    if isinstance(flag_values, str):
        flag_values, names = flags.FLAGS, (flag_values, *names)
    for cls in (CommonSettings, ModelSettings):
        others = [field.name for field in dataclasses.fields(cls) if field.name not in names]
        if "generator" in names and "latent_prior" in others:
            others.remove("latent_prior")
        settings_flags.define(cls, flag_values, without=tuple(others), **defaults)
    # Seed and batch size are among the common settings.
    others = [field.name for field in dataclasses.fields(InversionSettings) if field.name not in names]
    settings_flags.define(InversionSettings, flag_values, without=(*others, "seed", "batch_size"), **defaults)


def load_generator():
    """Loads the generator that the flags name."""
    from tf_inversion.generators.loading import load_generator

    return load_generator(
        flags.FLAGS.generator,
        original_graph=flags.FLAGS.original_graph,
        latent_tensor=flags.FLAGS.latent_tensor,
        audio_tensor=flags.FLAGS.audio_tensor,
        latent_prior=flags.FLAGS.latent_prior,
    )


def load_inverter(generator, optional: bool = False):
    """Loads the inverter that the flags name, and refuses one that does not fit the generator.

    If `optional`, it is None where the flags name a generator and no inverter for it.
    """
    from tf_inversion.networks.loading import load_inverter

    if generator.num_channels != 1:
        raise errors.InvalidArgumentError(
            f"--generator: makes {generator.num_channels} channels; inversion is for generators of one"
        )
    if optional and flags.FLAGS.generator and not flags.FLAGS.inverter:
        return None
    inverter = load_inverter(flags.FLAGS.inverter)
    hint = ", or invert without, by --method=least_squares or --init=screened"
    _fitting("inverter", inverter, generator, properties=("latent_dim", *_SHAPE), hint=hint)
    if flags.FLAGS.generator and not flags.FLAGS.inverter:
        _log.warning(
            "the embedded inverter was trained for the embedded generator, not for %s; "
            "train one by train_inverter and give it as --inverter",
            flags.FLAGS.generator,
        )
    return inverter


def load_judge(generator, optional: bool = False):
    """Loads the judge that the flags name, and refuses one that does not fit the generator.

    If `optional`, it is None where the flags name none and the embedded one does not fit.
    """
    from tf_inversion import paths
    from tf_inversion.networks.loading import load_classifier

    judge = load_classifier(flags.FLAGS.judge or paths.embedded("judge.keras"))
    return _fitting("judge", judge, generator, optional)


def load_classifier(generator, optional: bool = False):
    """Loads the classifier that the flags name, and refuses one that gives no features for a loss.

    If `optional`, it is None where the flags name none and the embedded one does not fit.
    """
    from tf_inversion.networks.loading import load_classifier

    classifier = _fitting("classifier", load_classifier(flags.FLAGS.classifier), generator, optional)
    if classifier is not None and not hasattr(classifier, "features"):
        raise errors.InvalidArgumentError(
            "--classifier: the official score model can only judge; give one that train_classifier wrote"
        )
    return classifier


def _fitting(flag: str, model, generator, optional: bool = False, properties=_SHAPE, hint: str = ""):
    """Returns the model if it fits the generator; None if it is embedded and `optional`; or refuses it."""
    for name in properties:
        mine, wanted = getattr(model, name), getattr(generator, name)
        if mine != wanted:
            if optional and not flags.FLAGS[flag].value:
                return None
            whose = "" if flags.FLAGS[flag].value else "the embedded one is "
            raise errors.InvalidArgumentError(
                f"--{flag}: {whose}made for {name} {mine}, but the generator has {wanted}; "
                f"give one trained for it{hint}"
            )
    return model


def inversion_options() -> dict:
    """Returns the flags in INVERSION as keyword arguments of `invert`."""
    return {name: flags.FLAGS[name].value for name in INVERSION}


def check_methods(names: list[str]) -> tuple[bool, bool]:
    """Refuses early what `invert` would refuse; returns whether one refines, and whether one must encode."""
    from tf_inversion.inversion.methods import plan

    plans = [plan(InversionSettings(method=name, **inversion_options())) for name in names]
    return any(x.refine != "none" for x in plans), any(x.needs_inverter for x in plans)


def output_dir(flag_values: flags.FlagValues = flags.FLAGS) -> Path:
    """Returns --output_dir, refusing early what can't be a folder to write to."""
    if not flag_values.output_dir:
        raise errors.InvalidArgumentError("--output_dir: is empty; name a folder")
    folder = Path(flag_values.output_dir)
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise errors.InvalidArgumentError(f"--output_dir={folder}: {existing} is no folder to write to")
    return folder


def provenance(models: ModelBundle | None = None, **more: object) -> dict[str, str]:
    """Returns what is needed to run the command again: its line, the versions, the models, and more."""
    import keras
    import tensorflow as tf

    from tf_inversion import __version__

    if models is None:
        names = ("generator", "inverter", "classifier", "judge")
        sources = {name: flags.FLAGS[name].value or "embedded" for name in names}
        sources["seed"] = str(flags.FLAGS.seed)
    else:
        sources = models.sources
    return {
        # The name of a file need not be text.
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]).encode(errors="replace").decode(),
        "versions": f"tf-inversion {__version__}, TensorFlow {tf.__version__}, Keras {keras.__version__}",
        **sources,
        **{name: str(value) for name, value in more.items()},
    }


def absent(**models) -> dict[str, str]:
    """Returns what `provenance` says of those models that are None."""
    return {name: "none" for name, model in models.items() if model is None}


def progress(flag_values: flags.FlagValues | str | None = None, text: str | None = None, **options):
    """Returns tqdm with these options, for loops that tell how far they are unless --quiet.

    On a terminal it is a bar, by default gone at its end; elsewhere lines.
    """
    from tqdm import tqdm

    from tf_inversion.scripts.lines import Lines

    if not isinstance(flag_values, flags.FlagValues):
        flag_values, text = flags.FLAGS, flag_values
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
        audio_files(patterns or [str(paths.embedded("speech"))], exclude),
        generator.num_samples,
        generator.sample_rate,
        flag_values.peak or 0.0,
        all_slices,
        progress(flag_values, "reading"),
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
