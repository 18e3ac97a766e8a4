"""Tells how good a generator's samples are, beside real clips.

  evaluate_generator --data_dir=data/fsdd            # the embedded generator
  evaluate_generator --generator=runs/wavegan/generator --data_dir=drums/ --judge=runs/drums/judge.keras

A judge that the generator's training has not seen gives the inception score, the
Frechet distance to the real clips, and how often each word comes. Writes
OUTPUT_DIR/samples.md, samples.json, samples.png and spectra.png.
"""

from __future__ import annotations

import json

from absl import flags

from tf_inversion import errors
from tf_inversion.scripts import command, common_flags

FLAGS = flags.FLAGS

common_flags.define("generator", "original_graph", "latent_tensor", "audio_tensor", "judge")
common_flags.define("data_dir", "output_dir", "peak", "seed", "batch_size", "quiet")
FLAGS.set_default("data_dir", "data/fsdd")
FLAGS.set_default("output_dir", "out/generator")
FLAGS.set_default("peak", 0.9)
FLAGS["peak"].help = "Scale each real clip to this peak level, as for the generator's training; 0: not."
flags.DEFINE_enum("split", "test", ["train", "valid", "test", "all"], "Which part of --data_dir.")
flags.DEFINE_integer("num_clips", 1000, "Synthesized clips.", lower_bound=20)

_SHOWN = 32


def main(arguments: list[str]) -> None:
    command.refuse_arguments(arguments)
    folder = common_flags.output_dir()

    import numpy as np

    from tf_inversion import paths
    from tf_inversion.audio.layouts import find_clips
    from tf_inversion.evaluation import figures, samples
    from tf_inversion.evaluation.clip_sets import real_clips, synthesized_clips
    from tf_inversion.evaluation.tables import layout
    from tf_inversion.networks.loading import load_classifier

    found = find_clips(FLAGS.data_dir, FLAGS.split)
    generator = common_flags.load_generator()
    judge, rate = load_classifier(FLAGS.judge or paths.embedded("judge.keras")), generator.sample_rate
    samples.check_judge(judge, generator)
    real = real_clips(
        found,
        generator,
        judge.label_names,
        num=len(found),
        seed=FLAGS.seed,
        peak=FLAGS.peak,
        progress=common_flags.progress("reading"),
    )
    if len(real.audio) < 2:
        raise errors.DatasetError(f"{FLAGS.data_dir}: one readable clip to compare with; two are needed")
    synthesized = synthesized_clips(
        generator,
        FLAGS.num_clips,
        FLAGS.seed,
        batch_size=FLAGS.batch_size,
        progress=common_flags.progress("synthesizing"),
    )
    clips = {"synthesized": synthesized.audio, "real": real.audio}
    progress = common_flags.progress("listening")
    heard = {
        name: samples.embed(judge, progress(np.array_split(audio, -(-len(audio) // FLAGS.batch_size))))
        for name, audio in clips.items()
    }
    columns = {}
    for name, audio in clips.items():
        background = samples.background_levels(audio, rate)
        values = {
            "clips": len(audio),
            **samples.sample_metrics(*heard[name], heard["real"][0]),
            "background_db": float(np.median(background)),
            **{f"tone_{tone}_hz_db": level for tone, level in samples.tone_levels(audio, rate).items()},
        }
        # Too few clips have no inception score.
        columns[name] = {key: value if np.isfinite(value) else None for key, value in values.items()}
    cells = [["", *columns]]
    for key in columns["real"]:
        both = [columns[name][key] for name in columns]
        cells.append([key, *("-" if value is None else f"{value:.4g}" for value in both)])
    words = [heard[name][1].argmax(1) for name in columns]
    shares = [np.bincount(w, minlength=len(judge.label_names)) / len(w) for w in words]
    cells += [[word, *(f"{s[i]:.1%}" for s in shares)] for i, word in enumerate(judge.label_names)]
    table = layout(cells)
    with paths.writing(folder / "samples.json") as unfinished:
        unfinished.write_text(json.dumps(columns, indent=2, allow_nan=False) + "\n")
    with paths.writing(folder / "samples.md") as unfinished:
        unfinished.write_text(table + "\n")
    grid = figures.spectrogram_grid(clips["synthesized"][:_SHOWN], rate, "synthesized clips, log-mel")
    figures.save(grid, folder / "samples.png")
    figures.save(figures.average_spectra(clips, rate), folder / "spectra.png")
    print(f"{table}\nwritten: {folder}: samples.md, samples.json, samples.png, spectra.png")


run = command.runner(main, __doc__)
