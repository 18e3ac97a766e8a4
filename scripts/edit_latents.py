"""Edits clips in latent space: from one clip to another, or along the direction of a probe.

  edit_latents                                       # the bundled clips, towards "three"
  edit_latents one.wav --to=seven.wav --steps=9
  edit_latents clips/ --direction=digit:7 --strength=0,1,2,4
  edit_latents out/inversion/latents.npz --direction=speaker:george --strength=-3,3
  edit_latents generated.wav --method=least_squares --direction=digit:0

PATHs are audio files, folders and globs, which --method inverts first, and latents.npz of invert_audio or
generate_audio. Latents stay within [-1, 1]: a component that would leave stops at the border. Writes
OUTPUT_DIR/<clip>.wav and their latents.npz, and tells what the judge hears. Clips of an earlier run in
OUTPUT_DIR are removed, unless they were given.
"""

from __future__ import annotations

import re
from pathlib import Path

from absl import flags

from tf_inversion import errors
from tf_inversion.scripts import command, common_flags

FLAGS = flags.FLAGS

common_flags.define(
    "generator", "original_graph", "latent_tensor", "audio_tensor", "inverter", "classifier", "judge"
)
common_flags.define("output_dir", "peak", "seed", "batch_size", "quiet")
common_flags.define(*common_flags.INVERSION)
FLAGS.set_default("output_dir", "out/edits")
flags.DEFINE_string("method", "hybrid", "How clips are inverted: a method of invert_audio.")
flags.DEFINE_string("to", None, "Interpolate to this clip: an audio file, or latents.npz of one clip.")
flags.DEFINE_integer("steps", 5, "With --to: clips from one to the other, both included.", 2)
flags.DEFINE_string("direction", "digit:3", "Without --to: a probe and the label to move towards.")
flags.DEFINE_list(
    "strength", ["0", "2", "4"], "How far to move, each a clip. Latents themselves are about 5.8 long."
)
flags.DEFINE_string("probe", None, "Probes of train_latent_probe. Default: the embedded ones.")

_MOST = 1000  # as a strength, far beyond the border
_LONGEST_NAME = 100  # of a clip in the name of a file


def main(arguments: list[str]) -> int:
    folder = common_flags.output_dir()
    strengths = _strengths()
    if FLAGS.to and FLAGS["direction"].present:
        raise errors.InvalidArgumentError("--to, --direction: give one of them")

    import numpy as np

    from tf_inversion import paths
    from tf_inversion.applications import editing, probe
    from tf_inversion.audio.files import write_audio
    from tf_inversion.evaluation.metrics import judge_probabilities
    from tf_inversion.evaluation.tables import layout
    from tf_inversion.latents import remove_earlier, save_latents, synthesize

    generator = common_flags.load_generator()
    if not FLAGS.to:
        direction = editing.find_direction(probe.load_probes(FLAGS.probe), FLAGS.direction)
        if len(direction) != generator.latent_dim:
            raise errors.InvalidArgumentError(
                f"--probe: made for {len(direction)} latents, but the generator has {generator.latent_dim}"
            )
    judge = common_flags.load_judge(generator)
    invert = _inversion(generator)
    clips, unreadable = _latents(arguments or [str(paths.embedded("speech"))], generator, invert)
    if not clips:
        if not unreadable:
            raise errors.InvalidArgumentError("no clips: what was given holds none")
        return 1
    ends = {}
    if FLAGS.to:
        ends, _ = _latents([FLAGS.to], generator, invert)
        if len(ends) != 1:
            raise errors.InvalidArgumentError(f"--to={FLAGS.to}: {len(ends)} clips; give a readable one")
        ((end_name, end),) = ends.items()
    edits, way = {}, re.sub(r"\W", "_", FLAGS.direction)
    for name, start in clips.items():
        if FLAGS.to:
            for step, z in enumerate(editing.interpolate(start, end, FLAGS.steps)):
                edits[f"{name}_to_{end_name}_{step:02d}"] = z
        else:
            for strength, z in zip(strengths, editing.move(start, direction, strengths)):
                edits[f"{name}_{way}_{strength:+g}"] = z
    lines = [["clip", "the judge hears", "probability"]]
    latents = np.stack([*edits.values()])
    progress = common_flags.progress("listening")
    made = synthesize(generator, latents, batch_size=FLAGS.batch_size, progress=progress)
    for name, audio in zip(edits, made):
        write_audio(folder / f"{name}.wav", audio, generator.sample_rate)
        (probabilities,) = judge_probabilities(judge, audio[None])
        word = probabilities.argmax()
        lines.append([name, judge.label_names[word], f"{probabilities[word]:.2f}"])
    remove_earlier(folder / "latents.npz", folder, [*edits, *clips, *ends])
    save_latents(folder / "latents.npz", latents, [*edits])
    print(layout(lines))
    print(f"{folder}: {len(edits)} clips and latents.npz")
    return 1 if unreadable else 0


def _strengths() -> list[float]:
    try:
        strengths = [float(text) for text in FLAGS.strength]
    except ValueError:
        strengths = []
    shown = {f"{strength:+g}" for strength in strengths}
    if (
        not strengths
        or not all(abs(strength) <= _MOST for strength in strengths)
        or len(shown) < len(strengths)
    ):
        raise errors.InvalidArgumentError(
            f"--strength={','.join(FLAGS.strength)}: give different numbers up to {_MOST}, with commas "
            "between them"
        )
    return strengths


def _inversion(generator):
    """Returns the function from clips [n, num_samples] to latents [n, latent_dim] by --method."""
    from tf_inversion.inversion.invert import invert
    from tf_inversion.models import ModelBundle

    refines, _ = common_flags.check_methods([FLAGS.method])
    inverter = common_flags.load_inverter(generator)
    classifier = common_flags.load_classifier(generator) if refines else None
    return lambda audio: (
        invert(
            audio,
            ModelBundle(generator, inverter, classifier),
            FLAGS.method,
            batch_size=FLAGS.batch_size,
            seed=FLAGS.seed,
            progress=common_flags.progress("inverting"),
            **common_flags.inversion_options(),
        ).latents
    )


def _latents(patterns: list[str], generator, invert):
    """Returns the latents [latent_dim] of clips by name, and whether a file was unreadable."""
    from tf_inversion.audio.clips import load_clips, unused_name
    from tf_inversion.audio.folders import audio_files
    from tf_inversion.latents import load_latents

    found, latents, taken = audio_files(patterns), {}, set()

    def add(names, rows):
        latents.update((unused_name(name[:_LONGEST_NAME], taken), row) for name, row in zip(names, rows))

    for path in found:
        if path.endswith(".npz"):
            rows, names = load_latents(path)
            if rows.shape[1] != generator.latent_dim:
                raise errors.InvalidArgumentError(
                    f"{path}: latents of {rows.shape[1]}, but the generator has {generator.latent_dim}"
                )
            add((Path(name).name for name in names), rows)  # whatever they are called
    audio = [path for path in found if not path.endswith(".npz")]
    if not audio:
        return latents, False
    clips = load_clips(
        audio,
        generator.num_samples,
        generator.sample_rate,
        FLAGS.peak or 0.0,
        progress=common_flags.progress("reading"),
    )
    if clips.names:
        add(clips.names, invert(clips.audio))
    return latents, bool(clips.report.unreadable)


run = command.runner(main, __doc__)
