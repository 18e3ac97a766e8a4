"""Tells how good a generator's samples are, beside real clips.

  evaluate_generator --data_dir=data/fsdd            # the pretrained generator
  evaluate_generator --generator=runs/wavegan/generator --data_dir=drums/ --judge=runs/drums/judge.keras
  evaluate_generator --data_dir=data/fsdd --recover=100    # has it memorised its training clips?

An evaluation classifier, which the generator's training has not seen, gives the inception score, the
Frechet distance to the real clips, and the share of each class. --recover inverts
training, test and synthesized clips by the generator alone, half a second each:
one that has learnt more recovers all of them better, one that has memorised its
training clips recovers these better than test clips. Writes OUTPUT_DIR/samples.md,
samples.json, samples.png, spectra.png and, with --recover, recovery.png.
"""

from __future__ import annotations

import json

from absl import flags

from tf_inversion import errors
from tf_inversion.models import ModelBundle, ModelSettings
from tf_inversion.scripts import command, common_flags, settings_flags

FLAGS = flags.FlagValues()

settings_flags.define(ModelSettings, FLAGS, without=("inverter", "classifier"))
common_flags.define(
    FLAGS,
    *("data_dir", "output_dir", "peak", "seed", "batch_size"),
    data_dir="data/fsdd",
    output_dir="out/generator",
    peak=0.9,
)
FLAGS["peak"].help = "Scale each real clip to this peak level, as for the generator's training; 0: not."
flags.DEFINE_enum(
    "split", "test", ["train", "valid", "test", "all"], "Which part of --data_dir.", flag_values=FLAGS
)
flags.DEFINE_integer("num_clips", 1000, "Synthesized clips.", lower_bound=20, flag_values=FLAGS)
flags.DEFINE_integer(
    "recover", 0, "Training, test and synthesized clips each to invert.", lower_bound=0, flag_values=FLAGS
)

_SHOWN = 32  # synthesized clips in samples.png


def main(arguments: list[str]) -> None:
    command.refuse_arguments(arguments)
    folder = common_flags.output_dir(FLAGS)

    from tf_inversion import paths
    from tf_inversion.audio.layouts import find_clips
    from tf_inversion.evaluation import clip_sets, figures, recovery, samples
    from tf_inversion.evaluation.tables import layout
    from tf_inversion.networks.loading import load_classifier

    found = find_clips(FLAGS.data_dir, FLAGS.split)
    settings = settings_flags.read(ModelSettings, FLAGS)
    generator = ModelBundle.load(settings, needs=(), wants=()).generator
    judge = load_classifier(settings.judge or paths.bundled("judge.keras"))
    samples.check_judge(judge, generator)
    reading = {"peak": FLAGS.peak, "progress": common_flags.progress(FLAGS, "reading")}

    def read(clips, num):
        return clip_sets.real_clips(clips, generator, (), num=num, seed=FLAGS.seed, **reading)

    real = read(found, len(found))
    if len(real.audio) < 2:
        raise errors.DatasetError(f"{FLAGS.data_dir}: one readable clip to compare with; two are needed")
    made = common_flags.synthesized(FLAGS, generator, FLAGS.num_clips, FLAGS.seed)
    clips, rate = {"synthesized": made.audio, "real": real.audio}, generator.sample_rate
    measuring = {"batch_size": FLAGS.batch_size, "progress": common_flags.progress(FLAGS, "measuring")}
    evaluation = samples.evaluate_samples(clips, rate, judge, **measuring)
    table, results, drawn = layout(samples.cells(evaluation)), dict(evaluation), {}
    if FLAGS.recover:
        splits = {split: find_clips(FLAGS.data_dir, split) for split in ("train", "test")}
        sets = {split: read(clips, FLAGS.recover).audio for split, clips in splits.items()}
        sets["synthesized"] = made.audio[: FLAGS.recover]
        inverting = measuring | {"progress": common_flags.progress(FLAGS, "recovering")}
        errors_of = recovery.recovery_errors(sets, generator, seed=FLAGS.seed, **inverting)
        results["recovery"] = rows = recovery.compare(errors_of)
        table += f"\n\n{recovery.markdown(rows)}"
        drawn["recovery.png"] = figures.cumulative(errors_of, "mel L1 between a clip and its recovery")
    drawn["samples.png"] = figures.spectrogram_grid(made.audio[:_SHOWN], rate, "synthesized clips, log-mel")
    drawn["spectra.png"] = figures.average_spectra(clips, rate)
    with paths.together():
        with paths.writing(folder / "samples.json") as unfinished:
            unfinished.write_text(json.dumps(results, indent=2, allow_nan=False) + "\n")
        with paths.writing(folder / "samples.md") as unfinished:
            unfinished.write_text(table + "\n", encoding="utf-8")
        for name, figure in drawn.items():
            figures.save(figure, folder / name)
    print(f"{table}\nwritten: {folder}: samples.md, samples.json, {', '.join(sorted(drawn))}")


run = command.runner(main, __doc__, FLAGS)
