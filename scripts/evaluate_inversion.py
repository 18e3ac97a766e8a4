"""Prints the paper's two tables for a generator, an inverter and methods of inversion.

  evaluate_inversion                                 # the bundled clips, with the embedded models
  evaluate_inversion --data_dir=data/fsdd --split=test --methods=encoder,hybrid,paper,authors
  evaluate_inversion --data_dir=data/sc09 --generator=wavegan_sc09/ \\
      --inverter=runs/inverter/inverter.keras --judge=score_model/ --num_clips=1000

Table 1 is of clips that the generator makes, so that their latent vectors are
known; Table 2 of real ones. Writes OUTPUT_DIR/tables.json and tables.md.
"""

from __future__ import annotations

import functools
import json
import shlex
import sys

from absl import flags

from tf_inversion.scripts import command, common_flags

FLAGS = flags.FLAGS

common_flags.define(
    "generator", "original_graph", "latent_tensor", "audio_tensor", "inverter", "classifier", "judge"
)
common_flags.define("data_dir", "output_dir", "peak", "seed", "batch_size", "quiet")
common_flags.define(*common_flags.INVERSION)
FLAGS.set_default("output_dir", "out/evaluation")
flags.DEFINE_enum("split", "test", ["train", "valid", "test", "all"], "Which part of --data_dir.")
flags.DEFINE_list(
    "methods",
    ["encoder"],
    "A row each: encoder, gradient, hybrid, least_squares; paper, authors: hybrid with their objective.",
)
flags.DEFINE_integer("num_clips", 300, "Clips of each kind; of real ones no more than there are.", 1)


def main(arguments: list[str]) -> None:
    command.refuse_arguments(arguments)
    folder = common_flags.output_dir()

    from tf_inversion import paths
    from tf_inversion.audio.layouts import find_clips

    if FLAGS.data_dir is None:
        found = find_clips(paths.embedded("speech"), "all")
    else:
        found = find_clips(FLAGS.data_dir, FLAGS.split)

    from tf_inversion.evaluation.clip_sets import real_clips, synthesized_clips
    from tf_inversion.evaluation.tables import evaluate, to_markdown
    from tf_inversion.inversion.methods import invert

    refines = common_flags.check_methods(FLAGS.methods)
    generator = common_flags.load_generator()
    inverter = common_flags.load_inverter(generator)
    classifier = common_flags.load_classifier(generator) if refines else None
    judge = common_flags.load_judge(generator)
    num, seed, batch_size = FLAGS.num_clips, FLAGS.seed, FLAGS.batch_size
    peak = inverter.peak if FLAGS.peak is None else FLAGS.peak
    clip_sets = {
        "synthesized": synthesized_clips(generator, num, seed, batch_size=batch_size),
        "real": real_clips(found, generator, judge.label_names, num=num, seed=seed, peak=peak),
    }
    tables = {}
    for kind, clips in clip_sets.items():
        methods = {
            method: functools.partial(
                invert,
                generator=generator,
                method=method,
                inverter=inverter,
                classifier=classifier,
                batch_size=batch_size,
                seed=seed,
                progress=common_flags.progress(f"{kind}, {method}"),
                **common_flags.inversion_options(),
            )
            for method in FLAGS.methods
        }
        tables[kind] = evaluate(clips, generator, methods, judge, batch_size=batch_size)
    markdown = to_markdown(tables) + _provenance(peak)
    with paths.writing(folder / "tables.json") as unfinished:
        unfinished.write_text(json.dumps(tables, indent=2, allow_nan=False) + "\n")
    with paths.writing(folder / "tables.md") as unfinished:
        unfinished.write_text(markdown, encoding="utf-8")
    print(f"{markdown}\nwritten: {folder / 'tables.md'}, {folder / 'tables.json'}")


def _provenance(peak: float) -> str:
    """Returns what is needed to make the tables again, in Markdown."""
    import keras
    import tensorflow as tf

    from tf_inversion import __version__

    lines = [
        f"made by: `{shlex.join(['evaluate_inversion', *sys.argv[1:]])}`",
        f"versions: tf-inversion {__version__}, TensorFlow {tf.__version__}, Keras {keras.__version__}",
        *(f"{name}: {FLAGS[name].value or 'embedded'}" for name in ("generator", "inverter", "judge")),
        f"real clips: {FLAGS.data_dir or 'bundled'}, peak {peak:g}; seed {FLAGS.seed}",
    ]
    return "\n## How it was made\n\n" + "".join(f"- {line}\n" for line in lines)


run = command.runner(main, __doc__)
