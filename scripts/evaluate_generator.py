"""Tells how good a generator's samples are, beside real clips.

  evaluate_generator --data_dir=data/fsdd            # the pretrained generator
  evaluate_generator --generator=runs/wavegan/generator --data_dir=drums/ --judge=runs/drums/judge.keras

An evaluation classifier, which the generator's training has not seen, gives the inception score, the
Frechet distance to the real clips, and the share of each class. Writes
OUTPUT_DIR/samples.md, samples.json, samples.png and spectra.png.
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

_SHOWN = 32  # synthesized clips in samples.png


def main(arguments: list[str]) -> None:
    command.refuse_arguments(arguments)
    folder = common_flags.output_dir(FLAGS)

    from tf_inversion import paths
    from tf_inversion.audio.layouts import find_clips
    from tf_inversion.evaluation import clip_sets, figures, samples
    from tf_inversion.evaluation.tables import layout
    from tf_inversion.networks.loading import load_classifier

    found = find_clips(FLAGS.data_dir, FLAGS.split)
    settings = settings_flags.read(ModelSettings, FLAGS)
    generator = ModelBundle.load(settings, needs=(), wants=()).generator
    judge = load_classifier(settings.judge or paths.bundled("judge.keras"))
    samples.check_judge(judge, generator)
    reading = {"peak": FLAGS.peak, "progress": common_flags.progress(FLAGS, "reading")}
    real = clip_sets.real_clips(found, generator, (), num=len(found), seed=FLAGS.seed, **reading)
    if len(real.audio) < 2:
        raise errors.DatasetError(f"{FLAGS.data_dir}: one readable clip to compare with; two are needed")
    made = common_flags.synthesized(FLAGS, generator, FLAGS.num_clips, FLAGS.seed)
    clips, rate = {"synthesized": made.audio, "real": real.audio}, generator.sample_rate
    measuring = {"batch_size": FLAGS.batch_size, "progress": common_flags.progress(FLAGS, "measuring")}
    evaluation = samples.evaluate_samples(clips, rate, judge, **measuring)
    table = layout(samples.cells(evaluation))
    with paths.writing(folder / "samples.json") as unfinished:
        unfinished.write_text(json.dumps(evaluation, indent=2, allow_nan=False) + "\n")
    with paths.writing(folder / "samples.md") as unfinished:
        unfinished.write_text(table + "\n", encoding="utf-8")
    grid = figures.spectrogram_grid(made.audio[:_SHOWN], rate, "synthesized clips, log-mel")
    figures.save(grid, folder / "samples.png")
    figures.save(figures.average_spectra(clips, rate), folder / "spectra.png")
    print(f"{table}\nwritten: {folder}: samples.md, samples.json, samples.png, spectra.png")


run = command.runner(main, __doc__, FLAGS)
