"""Trains probes that tell digit and speaker from a latent vector alone, and looks for its neighbours.

  train_latent_probe                                 # of drawn latents: of the classes of their clips
  train_latent_probe --data_dir=data/fsdd            # and of recordings: their labels and speakers
  train_latent_probe --data_dir=data/fsdd --method=hybrid --num_clips=500
  train_latent_probe --data_dir=data/fsdd --latents=out/inversion/latents.npz
  train_latent_probe --latents=out/corpus            # of a whole corpus, by invert_dataset

Prints accuracy and retrieval of clips held out, beside chance. Writes OUTPUT_DIR/latent_probe.npz, in
which edit_latents finds its directions, and the table as latent_probe.md. The probes:

  digit, speaker             of drawn latents, by what evaluation classifier and inverter hear in their clips
  clip_digit, clip_speaker   of the latents that --method recovers from recordings

The speaker is known from file names like FSDD's, 3_george_12.wav; the held-out recordings are the test
split. With --latents, those of invert_audio, only the recordings that it has are looked at; a data set of
invert_dataset brings labels, speakers and splits itself, and whoever speaks is told of its clips only.
"""

from __future__ import annotations

from pathlib import Path

from absl import flags

from tf_inversion import errors
from tf_inversion.applications.settings import ProbeSettings
from tf_inversion.inversion.methods import plan
from tf_inversion.inversion.settings import InversionSettings
from tf_inversion.models import ModelBundle, ModelSettings
from tf_inversion.scripts import command, common_flags, settings_flags

FLAGS = flags.FlagValues()

settings_flags.define(ModelSettings, FLAGS)
settings_flags.define(InversionSettings, FLAGS, without=("error_bars", "init_file"))
settings_flags.define(ProbeSettings, FLAGS)
common_flags.define(FLAGS, "data_dir", "output_dir", "peak", output_dir="runs/latent_probe")


def main(arguments: list[str]) -> None:
    command.refuse_arguments(arguments)
    folder = common_flags.output_dir(FLAGS)
    settings = settings_flags.read(ProbeSettings, FLAGS)
    inversion = settings_flags.read(InversionSettings, FLAGS)

    from tf_inversion.corpus import store

    stored = settings.latents and store.is_data_set(settings.latents)
    if settings.latents and not stored and not FLAGS.data_dir:
        raise errors.InvalidArgumentError("--latents: give --data_dir too, the recordings that they are of")

    from tf_inversion import paths
    from tf_inversion.applications import probe, probe_training

    models = ModelBundle.load(
        settings_flags.read(ModelSettings, FLAGS),
        needs=("inverter", "judge"),
        wants=("classifier",) if plan(inversion).refine != "none" else (),
    )
    batches = {"batch_size": FLAGS.batch_size, "progress": common_flags.progress(FLAGS, "listening")}
    clips, labels, recorded = None, {}, {}
    if stored:
        recorded = probe_training.recorded_sets(*probe_training.stored_recordings(settings.latents))
    elif FLAGS.data_dir:
        clips, *train = _recordings("train", models, settings, inversion)
        _, *test = _recordings("test", models, settings, inversion)
        labels, recorded = train[1], probe_training.recorded_sets(train, test)
    speakers = labels.get("speaker") if "clip_speaker" in recorded else None
    labelers = probe_training.make_labelers(models, clips, speakers, **batches)
    drawn = probe_training.drawn_sets(
        models.generator,
        labelers,
        num=settings.num_clips,
        confidence=settings.confidence,
        seed=FLAGS.seed,
        **batches,
    )
    progress = common_flags.progress(FLAGS, "training")
    probes, rows = probe_training.train_probes({**drawn, **recorded}, progress)
    table = probe_training.to_markdown(rows)
    provenance = common_flags.provenance(models, seed=FLAGS.seed)
    lines = "".join(f"- {name}: {value}\n" for name, value in provenance.items())
    with paths.together(), paths.writing(folder / "latent_probe.md") as unfinished:
        probe.save_probes(folder / "latent_probe.npz", probes)
        unfinished.write_text(
            f"# Probes of latent vectors\n\n{table}\n\n## How they were made\n\n{lines}", encoding="utf-8"
        )
    print(f"{table}\n\nwritten: {folder / 'latent_probe.npz'}, {folder / 'latent_probe.md'}")


def _recordings(split: str, models: ModelBundle, settings: ProbeSettings, inversion: InversionSettings):
    """Returns the clips of a split, their latents [n, latent_dim], and their labels [n] by name."""
    from tf_inversion.applications.probe_training import labels_of
    from tf_inversion.audio.layouts import find_clips
    from tf_inversion.inversion.invert import invert
    from tf_inversion.latents import load_latents

    found = find_clips(FLAGS.data_dir, split)
    if settings.latents:
        latents, names = load_latents(settings.latents)
        row = {name: i for i, name in enumerate(names)}
        found = found.pick(i for i, path in enumerate(found.paths) if Path(path).stem in row)
        if len({Path(path).stem for path in found.paths}) < len(found):
            raise errors.DatasetError(
                f"{FLAGS.data_dir}: clips of one name; --latents can't tell which is whose"
            )
        if not len(found):
            raise errors.DatasetError(
                f"{settings.latents}: of no clip in the {split} split of {FLAGS.data_dir}"
            )
    clips = common_flags.read_clips(
        FLAGS, found, models, settings.num_clips, FLAGS.seed, label_names=found.label_names
    )
    if settings.latents:
        latents = latents[[row[Path(path).stem] for path in clips.paths]]
    else:
        progress = common_flags.progress(FLAGS, f"inverting, {split}")
        latents = invert(clips.audio, models, inversion, progress=progress).latents
    return clips, latents, labels_of(clips, found)


run = command.runner(main, __doc__, FLAGS)
