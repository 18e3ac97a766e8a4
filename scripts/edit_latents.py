"""Edits clips in latent space: from one clip to another, or along the direction of a probe.

  edit_latents                                       # the bundled clips, towards "three"
  edit_latents one.wav --to=seven.wav --steps=9
  edit_latents clips/ --direction=digit:7 --strength=0,1,2,4
  edit_latents out/inversion/latents.npz --direction=speaker:george --strength=-3,3
  edit_latents out/corpus --clips=seven/0_jackson_3.wav --direction=digit:1
  edit_latents generated.wav --method=least_squares --direction=digit:0

PATHs are audio files, folders and globs, which --method inverts first, latents.npz of invert_audio or
generate_audio, and data sets of invert_dataset. Latents stay in range: a component that would leave [-1, 1]
stops at the border. Writes OUTPUT_DIR/<clip>.wav and their latents.npz, and prints their class by the
evaluation classifier. Clips of an earlier run in OUTPUT_DIR are removed, unless they were given.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from tf_inversion import errors
from tf_inversion.applications.settings import EditSettings
from tf_inversion.inversion.methods import plan
from tf_inversion.inversion.settings import InversionSettings
from tf_inversion.models import ModelBundle, ModelSettings
from tf_inversion.scripts import command, common_flags, settings_flags

FLAGS = flags.FlagValues()

settings_flags.define(ModelSettings, FLAGS)
settings_flags.define(InversionSettings, FLAGS, without=("error_bars", "init_file"), method="hybrid")
settings_flags.define(EditSettings, FLAGS)
common_flags.define(FLAGS, "output_dir", "peak", output_dir="out/edits")

_MAX_NAME = 100  # characters of a clip's name in that of a file


def main(arguments: list[str]) -> int:
    folder = common_flags.output_dir(FLAGS)
    settings = settings_flags.read(EditSettings, FLAGS)
    inversion = settings_flags.read(InversionSettings, FLAGS)

    import numpy as np

    from tf_inversion import paths
    from tf_inversion.applications import editing, probe
    from tf_inversion.audio.files import write_audio
    from tf_inversion.evaluation.metrics import judge_probabilities
    from tf_inversion.evaluation.tables import layout
    from tf_inversion.latents import remove_earlier, save_latents, synthesize

    models = ModelBundle.load(
        settings_flags.read(ModelSettings, FLAGS),
        needs=("inverter", "judge"),
        wants=("classifier",) if plan(inversion).refine != "none" else (),
    )
    generator, ends = models.generator, {}
    if not settings.to:
        name = settings.direction or "digit:3"
        direction = editing.find_direction(probe.load_probes(settings.probe), name)
        if len(direction) != generator.latent_dim:
            raise errors.InvalidArgumentError(
                f"--probe: made for {len(direction)} latents, but the generator has {generator.latent_dim}"
            )
    given = arguments or [str(paths.bundled("speech"))]
    clips, unreadable = _latents(given, models, inversion, settings.clips)
    if not clips:
        if not unreadable:
            raise errors.InvalidArgumentError("no clips: what was given holds none")
        return 1
    if settings.to:
        ends, _ = _latents([settings.to], models, inversion)
        if len(ends) != 1:
            raise errors.InvalidArgumentError(f"--to={settings.to}: {len(ends)} clips; give a readable one")
        edits = editing.interpolations(clips, *ends.items(), settings.steps, generator.prior)
    else:
        edits = editing.moves(clips, (name, direction), settings.strengths, generator.prior)
    lines, latents = [["clip", "predicted", "probability"]], np.stack([*edits.values()])
    progress = common_flags.progress(FLAGS, "synthesizing")
    made = synthesize(generator, latents, batch_size=FLAGS.batch_size, progress=progress)
    with paths.together():
        for name, audio in zip(edits, made):
            write_audio(folder / f"{name}.wav", audio, generator.sample_rate)
            (probabilities,) = judge_probabilities(models.judge, audio[None])
            label = probabilities.argmax()
            lines.append([name, models.judge.label_names[label], f"{probabilities[label]:.2f}"])
        remove_earlier(folder / "latents.npz", folder, [*edits, *clips, *ends])
        save_latents(folder / "latents.npz", latents, [*edits])
    print(layout(lines))
    print(f"{folder}: {len(edits)} clips and latents.npz")
    return 1 if unreadable else 0


def _latents(
    patterns: list[str], models: ModelBundle, inversion: InversionSettings, of_data_sets: Sequence[str] = ()
):
    """Returns the latents [latent_dim] of clips by name, and whether a file was unreadable."""
    from tf_inversion.audio.clips import unused_name
    from tf_inversion.audio.folders import audio_files
    from tf_inversion.corpus import store
    from tf_inversion.inversion.invert import invert
    from tf_inversion.latents import load_latents

    stored = [pattern for pattern in patterns if store.is_data_set(pattern)]
    found = audio_files(pattern for pattern in patterns if pattern not in stored)
    latents, taken = {}, set()
    dim = models.generator.latent_dim

    def add(names, rows):
        latents.update((unused_name(name[:_MAX_NAME], taken), row) for name, row in zip(names, rows))

    for path in (*stored, *found):
        if path in stored or path.endswith(".npz"):
            rows, names = load_latents(path, of_data_sets or None)
            if rows.shape[1] != dim:
                raise errors.InvalidArgumentError(
                    f"{path}: latents of {rows.shape[1]}, but the generator has {dim}"
                )
            # Whatever they are called.
            add((Path(name).stem if path in stored else Path(name).name for name in names), rows)
    audio = [path for path in found if not path.endswith(".npz")]
    if not audio:
        return latents, False
    clips = common_flags.given_clips(FLAGS, audio, models.generator)
    if clips.names:
        progress = common_flags.progress(FLAGS, "inverting")
        add(clips.names, invert(clips.audio, models, inversion, progress=progress).latents)
    return latents, bool(clips.report.unreadable)


run = command.runner(main, __doc__, FLAGS)
