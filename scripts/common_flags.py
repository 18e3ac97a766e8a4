"""Flags that several commands share, each defined once.

A command names those it wants: `common_flags.define("generator", "seed")`, so
that --help lists no flag that the command does not read.
"""

from __future__ import annotations

import functools
import logging
import os
import shlex
import sys
from pathlib import Path

from absl import flags

from tf_inversion import errors

_log = logging.getLogger(__name__)

_DEFINITIONS = {
    "data_dir": lambda: flags.DEFINE_string(
        "data_dir", None, "Folder of clips: SC09, Speech Commands, FSDD, a folder per class, or plain files."
    ),
    "output_dir": lambda: flags.DEFINE_string("output_dir", None, "Folder to write to, made if absent."),
    "generator": lambda: flags.DEFINE_string(
        "generator",
        None,
        "The GAN: a WaveGAN checkpoint (folder or prefix), a .keras file or a SavedModel from z to audio, "
        "or 'module:Class'. Default: the embedded one.",
    ),
    "original_graph": lambda: flags.DEFINE_bool(
        "original_graph", False, "Run the checkpoint's own graph (infer.meta) instead of the Keras port."
    ),
    "latent_tensor": lambda: flags.DEFINE_string(
        "latent_tensor", "z:0", "With --original_graph: the tensor that takes the latents."
    ),
    "audio_tensor": lambda: flags.DEFINE_string(
        "audio_tensor", "G_z:0", "With --original_graph: the tensor that gives the audio."
    ),
    "latent_prior": lambda: flags.DEFINE_enum(
        "latent_prior",
        None,
        ["uniform", "normal"],
        "What the GAN draws its latents from. Default: as its file says, else uniform in [-1, 1].",
    ),
    "inverter": lambda: flags.DEFINE_string(
        "inverter", None, "A trained inverter. Default: the embedded one."
    ),
    "classifier": lambda: flags.DEFINE_string(
        "classifier", None, "The classifier of the perceptual loss. Default: the embedded one."
    ),
    "judge": lambda: flags.DEFINE_string(
        "judge",
        None,
        "A classifier that no loss has seen, for accuracy and inception score; the official WaveGAN score "
        "model loads too. Default: the embedded one.",
    ),
    "peak": lambda: flags.DEFINE_float(
        "peak",
        None,
        "Scale each clip to this peak level; 0 leaves the level as it is. Default: for the clips of a data "
        "set what the inverter was trained with, for single files 0.",
        lower_bound=0.0,
        upper_bound=1.0,
    ),
    "seed": lambda: flags.DEFINE_integer(
        "seed",
        0,
        "Seed of everything random: same seed, same result.",
        lower_bound=0,
        upper_bound=2**32 - 1,
    ),
    "batch_size": lambda: flags.DEFINE_integer("batch_size", 64, "Clips per batch.", lower_bound=1),
    "init": lambda: flags.DEFINE_enum(
        "init",
        None,
        ["encoder", "random", "screened", "zero", *(["file"] if "init_file" in flags.FLAGS else [])],
        "Where to start. Default: the method's.",
    ),
    "init_file": lambda: flags.DEFINE_string(
        "init_file", None, "With --init=file: latents.npz of an earlier run, a row for each clip."
    ),
    "starts": lambda: flags.DEFINE_integer(
        "starts", None, "Starts for each clip, the best answer is kept. Default: the method's."
    ),
    "refine": lambda: flags.DEFINE_enum(
        "refine", None, ["none", "lbfgs", "adam", "gauss_newton"], "How to refine. Default: the method's."
    ),
    "max_iterations": lambda: flags.DEFINE_integer(
        "max_iterations", None, "Iterations of the refinement, for each start. Default: the method's."
    ),
    "objective": lambda: flags.DEFINE_string(
        "objective",
        None,
        "What to minimise: auto, paper, authors, synthesized, phase_free, real; pieces, as in "
        "'waveform+0.1*prior'; stages, as in 'log_mel:40,synthesized'. Default: the method's.",
    ),
    "tolerance": lambda: flags.DEFINE_float(
        "tolerance",
        None,
        "Share of its objective that a clip must gain to go on. Default: the refinement's.",
        lower_bound=0.0,
    ),
    "backend": lambda: flags.DEFINE_enum(
        "backend",
        "batched",
        ["batched", "tfp", "scipy"],
        "L-BFGS in batches, by TensorFlow Probability, or by SciPy as in the paper, one clip at a time.",
    ),
    "adjust": lambda: flags.DEFINE_list(
        "adjust", [], "What is recovered with the latents, since a recording may change it: gain, shift."
    ),
    "quiet": lambda: flags.DEFINE_bool("quiet", False, "Tell nothing of the progress."),
}


#: The methods, for the help of flags that take them.
METHODS = (
    "encoder, gradient, hybrid, encoder_gauss_newton, least_squares; paper, authors: as hybrid, with "
    "their objective from one start."
)
#: How a clip is inverted: keyword arguments of `invert` that are flags of the same name. With --init_file
#: defined before them, --init may be "file".
INVERSION = ("init", "starts", "refine", "max_iterations", "objective", "tolerance", "backend", "adjust")
_PARTS = INVERSION[:5]  # of a method
_SHAPE = ("num_samples", "sample_rate")


def define(*names: str) -> None:
    """Defines the shared flags of these names for the calling command."""
    for name in names:
        _DEFINITIONS[name]()
        if name == "audio_tensor":
            _DEFINITIONS["latent_prior"]()


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
    from tf_inversion.generators.adjusted import UNITS
    from tf_inversion.inversion.methods import check_choice, choose

    for name in flags.FLAGS.adjust:
        check_choice("adjust", name, UNITS)
    parts = {name: flags.FLAGS[name].value for name in _PARTS}
    chosen = [choose(name, **parts) for name in names]
    return any(x.refine != "none" for x in chosen), any(x.needs_inverter for x in chosen)


def output_dir() -> Path:
    """Returns --output_dir, refusing early what can't be a folder to write to."""
    if not flags.FLAGS.output_dir:
        raise errors.InvalidArgumentError("--output_dir: is empty; name a folder")
    folder = Path(flags.FLAGS.output_dir)
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise errors.InvalidArgumentError(f"--output_dir={folder}: {existing} is no folder to write to")
    return folder


def provenance(**more: object) -> dict[str, str]:
    """Returns what is needed to run the command again: its line, the versions, the models, the seed."""
    import keras
    import tensorflow as tf

    from tf_inversion import __version__

    models = ("generator", "inverter", "classifier", "judge")
    return {
        # The name of a file need not be text.
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]).encode(errors="replace").decode(),
        "versions": f"tf-inversion {__version__}, TensorFlow {tf.__version__}, Keras {keras.__version__}",
        **{name: flags.FLAGS[name].value or "embedded" for name in models},
        "seed": str(flags.FLAGS.seed),
        **{name: str(value) for name, value in more.items()},
    }


def absent(**models) -> dict[str, str]:
    """Returns what `provenance` says of those models that are None."""
    return {name: "none" for name, model in models.items() if model is None}


def progress(text: str | None = None, **options):
    """Returns tqdm with these options, for loops that tell how far they are unless --quiet.

    On a terminal it is a bar, by default gone at its end; elsewhere lines.
    """
    from tqdm import tqdm

    from tf_inversion.scripts.lines import Lines

    bar = tqdm if sys.stderr.isatty() else Lines
    return functools.partial(bar, **{"desc": text, "leave": False, "disable": flags.FLAGS.quiet, **options})
