"""Makes the paper's two tables and figures for a generator, an inverter and methods of inversion.

  evaluate_inversion                                 # the bundled clips, with the embedded models
  evaluate_inversion --data_dir=data/fsdd --split=test --methods=encoder,hybrid,paper,authors
  evaluate_inversion --data_dir=data/sc09 --generator=wavegan_sc09/ \\
      --inverter=runs/inverter/inverter.keras --judge=score_model/ --num_clips=1000

Table 1 is of clips that the generator makes, so that their latent vectors are
known; Table 2 of real ones. Writes OUTPUT_DIR/results.md, which it prints, results.json with
the figures of every seed, figures/ (the paper's Figures 2 and 3, what the judge hears, how the
metrics spread) and report.html, to hear and see the clips.
"""

from __future__ import annotations

import functools

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
flags.DEFINE_list("methods", ["encoder"], f"A row each: {common_flags.METHODS}")
flags.DEFINE_integer("num_clips", 300, "Clips of each kind; of real ones no more than there are.", 1)
flags.DEFINE_multi_enum("tables", ["synthesized", "real"], ["synthesized", "real"], "Which to make.")
flags.DEFINE_integer("seeds", 1, "Evaluations, with --seed, the next one and so on, for means and spread.", 1)
flags.DEFINE_integer("report_clips", 150, "Clips of each kind that report.html shows; 0 for no report.", 0)


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
    from tf_inversion.evaluation.per_clip import per_clip
    from tf_inversion.evaluation.report import write_report
    from tf_inversion.evaluation.results import draw, write_results
    from tf_inversion.evaluation.tables import evaluate
    from tf_inversion.inversion.methods import invert

    refines, encodes = common_flags.check_methods(FLAGS.methods)
    generator = common_flags.load_generator()
    inverter = common_flags.load_inverter(generator, optional=not encodes)
    classifier = common_flags.load_classifier(generator, optional=True) if refines else None
    judge = common_flags.load_judge(generator)
    num, seed, batch_size = FLAGS.num_clips, FLAGS.seed, FLAGS.batch_size
    peak = FLAGS.peak if FLAGS.peak is not None else inverter.peak if inverter else 0.0
    inversion = functools.partial(
        invert,
        generator=generator,
        inverter=inverter,
        classifier=classifier,
        batch_size=batch_size,
        **common_flags.inversion_options(),
    )
    making, reading, measuring = map(common_flags.progress, ("synthesizing", "reading", "measuring"))
    get_clips = {
        "synthesized": functools.partial(
            synthesized_clips, generator, num, batch_size=batch_size, progress=making
        ),
        "real": functools.partial(
            real_clips, found, generator, judge.label_names, num=num, peak=peak, progress=reading
        ),
    }
    runs, shown = {}, {}
    for run_seed in range(seed, seed + FLAGS.seeds):
        clip_sets = {kind: get_clips[kind](seed=run_seed) for kind in FLAGS.tables}
        runs[run_seed] = {}
        for kind, clips in clip_sets.items():
            results = {}
            methods = {
                method: _kept(
                    results,
                    method,
                    functools.partial(
                        inversion,
                        method=method,
                        seed=run_seed,
                        progress=common_flags.progress(f"seed {run_seed}, {kind}, {method}"),
                    ),
                )
                for method in FLAGS.methods
            }
            batches = {"batch_size": batch_size, "progress": measuring}
            runs[run_seed][kind] = table = evaluate(clips, generator, methods, judge, **batches)
            if run_seed == seed and methods:
                rows = {
                    method: per_clip(clips.names, clips.audio, result, clips.sample_rate, judge, **batches)
                    for method, result in results.items()
                }
                shown[kind] = clips, results, rows, table
    seeds = ", ".join(map(str, runs)) + (f"; pictures: {seed}" if len(runs) > 1 else "")
    absent = common_flags.absent(inverter=inverter, classifier=classifier)
    made = common_flags.provenance(
        clips=f"{FLAGS.data_dir or 'bundled'}, peak {peak:g}", seed=seeds, **absent
    )
    pictures = {kind: draw(folder, kind, *seen, judge.label_names) for kind, seen in shown.items()}
    markdown, written = write_results(folder, runs, pictures, judge.label_names, made)
    sections = [_section(folder, kind, *seen, pictures[kind]) for kind, seen in shown.items()]
    reporting = common_flags.progress("reporting")
    written += write_report(folder, sections, generator.sample_rate, made, reporting)[:1]
    print(f"{markdown}\nwritten: {', '.join(map(str, written))}")


def _kept(results: dict, method: str, run):
    """Returns `run` that leaves its last result, of all clips, in `results`."""

    def keep(*arguments, **options):
        results[method] = run(*arguments, **options)
        return results[method]

    return keep


def _section(folder, kind: str, clips, results, rows, table, pictures):
    """Returns the report's section on one kind of clips."""
    from tf_inversion.evaluation import tables
    from tf_inversion.evaluation.report import Section
    from tf_inversion.evaluation.results import CAPTIONS

    return Section(
        title=f"{tables.TITLES[kind]}: {len(clips.audio)}",
        names=clips.names[: FLAGS.report_clips],
        audio=clips.audio,
        results=results,
        rows=rows,
        latents=clips.latents,
        table=tables.cells(kind, table, "{} (paper)"),
        pictures={
            CAPTIONS[name]: (folder / f"figures/{kind}_{name}.svg").read_text(encoding="utf-8")
            for name in pictures
            if name != "reconstructions"  # the report has those of every clip
        },
    )


run = command.runner(main, __doc__)
