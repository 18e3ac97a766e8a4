"""Edits clips in latent space: to another clip, along a probe's direction, or to more of a property.

  edit_latents                                       # the bundled clips, towards "three"
  edit_latents one.wav --to=seven.wav --steps=9
  edit_latents clips/ --direction=digit:7 --strength=0,1,2,4
  edit_latents clips/ --more=pitch,duration --strength=-1,0,1    # lower and shorter, higher and longer
  edit_latents clips/ --more=word:seven --strength=1,2
  edit_latents clips/ --voice_of=other.wav          # the same words in another voice
  edit_latents --more=pitch --evaluate=64            # how much of that works, on random latents
  edit_latents out/inversion/latents.npz --direction=speaker:george --strength=-3,3
  edit_latents out/corpus --clips=seven/0_jackson_3.wav --direction=digit:1
  edit_latents generated.wav --method=least_squares --direction=digit:0

PATHs are audio files, folders and globs, which --method inverts first, latents.npz of invert_audio or
generate_audio, and data sets of invert_dataset. Latents stay in range: a component that would leave [-1, 1]
stops at the border. --more follows the gradient of a score, step by step, and keeps the class that the
classifier hears; --voice_of keeps the class alone, and takes the nearest voice of random clips. Writes
OUTPUT_DIR/<clip>.wav, their latents.npz and, unless --noreport, report.html to hear and see them, and prints
their class by the evaluation classifier; with --evaluate only evaluation.md. Clips of an earlier run in
OUTPUT_DIR are removed, unless they were given.
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
flags.DEFINE_bool("report", True, "Write report.html.", flag_values=FLAGS)

_MAX_NAME = 100  # characters of a clip's name in that of a file


def main(arguments: list[str]) -> int:
    folder = common_flags.output_dir(FLAGS)
    settings = settings_flags.read(EditSettings, FLAGS)
    inversion = settings_flags.read(InversionSettings, FLAGS)
    if settings.evaluate and arguments:
        raise errors.InvalidArgumentError("--evaluate: give no clips; it draws latents")

    import numpy as np

    from tf_inversion import paths
    from tf_inversion.applications.edit_page import hear, write_page
    from tf_inversion.audio.files import write_audio
    from tf_inversion.evaluation.tables import layout
    from tf_inversion.latents import remove_earlier, save_latents, synthesize

    steered = settings.more or settings.voice_of
    models = ModelBundle.load(
        settings_flags.read(ModelSettings, FLAGS),
        needs=("judge",) if settings.evaluate else ("inverter", "judge"),
        wants=("classifier",) if steered or plan(inversion).refine != "none" else (),
    )
    if settings.evaluate:
        return _evaluate(folder, settings, models)
    edit, generator = _editor(settings, models), models.generator
    clips, originals, unreadable = _latents(
        arguments or [str(paths.bundled("speech"))], models, inversion, settings.clips
    )
    if not clips:
        if not unreadable:
            raise errors.InvalidArgumentError("no clips: what was given holds none")
        return 1
    ends = _latents([settings.to], models, inversion)[0] if settings.to else {}
    if settings.to and len(ends) != 1:
        raise errors.InvalidArgumentError(f"--to={settings.to}: {len(ends)} clips; give a readable one")
    edits = edit(clips, ends)
    latents = {name: z for of_clip in edits.values() for name, z in of_clip.items()}
    options = {"batch_size": FLAGS.batch_size, "progress": common_flags.progress(FLAGS, "synthesizing")}
    made = synthesize(generator, np.stack([*clips.values(), *latents.values()]), **options)
    reconstructions, audio = dict(zip(clips, made)), dict(zip(latents, made))
    page, lines = {}, [["clip", "predicted", "probability"]]
    for clip, of_clip in edits.items():
        versions = {"original": originals[clip]} if clip in originals else {}
        versions["reconstruction"] = reconstructions[clip]
        versions |= {name.removeprefix(f"{clip}_"): audio[name] for name in of_clip}
        page[clip] = hear(models.judge, versions)
        shown = zip(of_clip, page[clip][-len(of_clip) :])
        lines += [[name, version.label, f"{version.probability:.2f}"] for name, version in shown]
    with paths.together():
        for name in latents:
            write_audio(folder / f"{name}.wav", audio[name], generator.sample_rate)
        remove_earlier(folder / "latents.npz", folder, [*latents, *clips, *ends])
        save_latents(folder / "latents.npz", np.stack([*latents.values()]), [*latents])
        if FLAGS.report:
            provenance = common_flags.provenance(models, seed=FLAGS.seed)
            write_page(folder / "report.html", page, generator.sample_rate, provenance)
        else:
            paths.remove(folder / "report.html")
    print(layout(lines))
    print(f"{folder}: {len(latents)} clips, latents.npz{' and report.html' * FLAGS.report}")
    return 1 if unreadable else 0


def _editor(settings: EditSettings, models: ModelBundle):
    """Returns the function from the latents of clips, and of the one to go to, to their edits."""
    import numpy as np

    from tf_inversion.applications import editing, probe, steering, voices
    from tf_inversion.applications.explorer import load_clip

    generator, strengths = models.generator, settings.strengths
    if settings.to:
        return lambda clips, ends: editing.interpolations(
            clips, *ends.items(), settings.steps, generator.prior
        )
    moving = {"batch_size": FLAGS.batch_size, "progress": common_flags.progress(FLAGS, "moving")}
    if settings.voice_of:
        other, _ = load_clip(settings.voice_of, generator)

        def voice(clips, _):
            start = np.stack([*clips.values()])
            found = voices.in_voice_of(other.audio, start, models, seed=FLAGS.seed, **moving)
            edit = f"voice_of_{other.name[:_MAX_NAME]}"
            return {clip: {f"{clip}_{edit}": z} for clip, z in zip(clips, found)}

        return voice
    if settings.more:
        for name in settings.more:
            steering.find_assessor(name, models.classifier)  # before anything is inverted

        def more(clips, _):
            start, edits = np.stack([*clips.values()]), {clip: {} for clip in clips}
            for name in settings.more:
                moved = steering.steer_more(models, name, start, strengths, **moving)
                for clip, of_clip in editing.named(clips, name, strengths, moved).items():
                    edits[clip] |= of_clip
            return edits

        return more
    name = settings.direction or "digit:3"
    direction = editing.find_direction(probe.load_probes(settings.probe), name)
    if len(direction) != generator.latent_dim:
        raise errors.InvalidArgumentError(
            f"--probe: made for {len(direction)} latents, but the generator has {generator.latent_dim}"
        )
    return lambda clips, _: editing.moves(clips, (name, direction), strengths, generator.prior)


def _evaluate(folder: Path, settings: EditSettings, models: ModelBundle) -> int:
    """Measures --more on random latents."""
    from tf_inversion import paths
    from tf_inversion.applications import steering

    for name in settings.more:
        steering.find_assessor(name, models.classifier)
    rows = steering.evaluate_steering(
        models,
        settings.more,
        [strength for strength in settings.strengths if strength],
        num=settings.evaluate,
        seed=FLAGS.seed,
        batch_size=FLAGS.batch_size,
        progress=common_flags.progress(FLAGS, "steering"),
    )
    table = steering.to_markdown(rows)
    with paths.writing(folder / "evaluation.md") as unfinished:
        unfinished.write_text(f"{table}\n", encoding="utf-8")
    print(f"{table}\n\nwritten: {folder / 'evaluation.md'}")
    return 0


def _latents(
    patterns: list[str], models: ModelBundle, inversion: InversionSettings, of_data_sets: Sequence[str] = ()
):
    """Returns latents [latent_dim] and recordings by name, and whether a file was unreadable."""
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
        return latents, {}, False
    clips = common_flags.given_clips(FLAGS, audio, models.generator)
    known = [*latents]
    if clips.names:
        progress = common_flags.progress(FLAGS, "inverting")
        add(clips.names, invert(clips.audio, models, inversion, progress=progress).latents)
    recordings = dict(zip([name for name in latents if name not in known], clips.audio))
    return latents, recordings, bool(clips.report.unreadable)


run = command.runner(main, __doc__, FLAGS)
