"""Makes the paper's two tables and figures for a generator, an inverter and methods of inversion.

  evaluate_inversion                                 # the bundled clips, with the pretrained models
  evaluate_inversion --data_dir=data/fsdd --split=test --methods=encoder,hybrid,paper,authors
  evaluate_inversion --data_dir=data/sc09 --generator=wavegan_sc09/ \\
      --inverter=runs/inverter/inverter.keras --judge=score_model/ --num_clips=1000

Table 1 is of clips that the generator makes, so that their latent vectors are
known; Table 2 of real ones. Writes OUTPUT_DIR/results.md, which it prints, results.json with
the numbers of every seed, figures/ (the paper's Figures 2 and 3, confusion matrices and
distributions of the metrics) and report.html, to hear and see the clips.
"""

from __future__ import annotations

import functools

from absl import flags

from tf_inversion.inversion.settings import METHOD_HELP
from tf_inversion.scripts import command, common_flags

FLAGS = flags.FLAGS

common_flags.define(
    "generator", "original_graph", "latent_tensor", "audio_tensor", "inverter", "classifier", "judge"
)
common_flags.define("data_dir", "output_dir", "peak", "seed", "batch_size", "quiet")
common_flags.define(*common_flags.INVERSION)
FLAGS.set_default("output_dir", "out/evaluation")
flags.DEFINE_enum("split", "test", ["train", "valid", "test", "all"], "Which part of --data_dir.")
flags.DEFINE_list("methods", ["encoder"], f"A row each: {METHOD_HELP}")
flags.DEFINE_integer("num_clips", 300, "Clips of each kind; of real ones no more than there are.", 1)
flags.DEFINE_multi_enum("tables", ["synthesized", "real"], ["synthesized", "real"], "Which to make.")
flags.DEFINE_integer("seeds", 1, "Evaluations, with --seed, the next one and so on, for means and spread.", 1)
flags.DEFINE_integer("report_clips", 150, "Clips of each kind that report.html shows; 0 for no report.", 0)


def main(arguments: list[str]) -> None:
    command.refuse_arguments(arguments)
    folder = common_flags.output_dir()

    from tf_inversion import paths
    from tf_inversion.audio.layouts import find_clips

    found = find_clips(FLAGS.data_dir or paths.embedded("speech"), FLAGS.split if FLAGS.data_dir else "all")

    from tf_inversion.evaluation.clip_sets import real_clips, synthesized_clips
    from tf_inversion.evaluation.evaluation import evaluate
    from tf_inversion.evaluation.report import sections, write_report
    from tf_inversion.evaluation.results import draw, write_results
    from tf_inversion.inversion.invert import invert
    from tf_inversion.models import ModelBundle

    refines, encodes = common_flags.check_methods(FLAGS.methods)
    generator = common_flags.load_generator()
    inverter = common_flags.load_inverter(generator, optional=not encodes)
    classifier = common_flags.load_classifier(generator, optional=True) if refines else None
    judge = common_flags.load_judge(generator)
    peak = FLAGS.peak if FLAGS.peak is not None else inverter.peak if inverter else 0.0
    batch_size, progress = FLAGS.batch_size, common_flags.progress
    models = ModelBundle(generator, inverter, classifier)
    options = {"models": models, "batch_size": batch_size, **common_flags.inversion_options()}
    runs, shown = {}, {}
    for seed in range(FLAGS.seed, FLAGS.seed + FLAGS.seeds):
        runs[seed] = {}
        for kind in FLAGS.tables:
            given = {"num": FLAGS.num_clips, "seed": seed, "progress": progress(f"{kind} clips")}
            if kind == "synthesized":
                clips = synthesized_clips(generator, batch_size=batch_size, **given)
            else:
                clips = real_clips(found, generator, judge.label_names, peak=peak, **given)
            methods = {
                name: functools.partial(
                    invert,
                    method=name,
                    seed=seed,
                    progress=progress(f"seed {seed}, {kind}, {name}"),
                    **options,
                )
                for name in FLAGS.methods
            }
            measuring = {"batch_size": batch_size, "progress": progress("measuring")}
            evaluation = evaluate(clips, generator, methods, judge, **measuring)
            runs[seed][kind] = evaluation.summary()
            shown.setdefault(kind, evaluation)
    provenance = common_flags.provenance(
        clips=f"{FLAGS.data_dir or 'bundled'}, peak {peak:g}",
        seed=", ".join(map(str, runs)) + (f"; figures: {FLAGS.seed}" if len(runs) > 1 else ""),
        **common_flags.absent(inverter=inverter, classifier=classifier),
    )
    drawn = {kind: draw(folder, kind, evaluation) for kind, evaluation in shown.items() if FLAGS.methods}
    markdown, written = write_results(folder, runs, drawn, judge.label_names, provenance)
    parts = sections(folder, shown, drawn, FLAGS.report_clips)
    pages = write_report(folder, parts, provenance, progress("reporting"))
    print(f"{markdown}\nwritten: {', '.join(map(str, written + pages[:1]))}")


run = command.runner(main, __doc__)
