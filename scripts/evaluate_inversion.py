"""Prints the paper's two tables for a generator, an inverter and methods of inversion.

  evaluate_inversion                                 # the bundled clips, with the embedded models
  evaluate_inversion --data_dir=data/fsdd --split=test --methods=encoder,hybrid,paper,authors
  evaluate_inversion --data_dir=data/sc09 --generator=wavegan_sc09/ \\
      --inverter=runs/inverter/inverter.keras --judge=score_model/ --num_clips=1000

Table 1 is of clips that the generator makes, so that their latent vectors are
known; Table 2 of real ones. Writes OUTPUT_DIR/tables.json, tables.md, figures/ (the paper's
Figures 2 and 3, and how the metrics spread) and report.html, to hear and see the clips.
"""

from __future__ import annotations

import functools
import json

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
    from tf_inversion.evaluation.report import write_report
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
    tables, sections = {}, []
    for kind, clips in clip_sets.items():
        results = {}
        methods = {
            method: _kept(
                results,
                method,
                functools.partial(
                    invert,
                    generator=generator,
                    method=method,
                    inverter=inverter,
                    classifier=classifier,
                    batch_size=batch_size,
                    seed=seed,
                    progress=common_flags.progress(f"{kind}, {method}"),
                    **common_flags.inversion_options(),
                ),
            )
            for method in FLAGS.methods
        }
        tables[kind] = evaluate(clips, generator, methods, judge, batch_size=batch_size)
        if FLAGS.report_clips and methods:
            sections.append(_section(kind, clips, results, tables[kind], judge, folder))
    made = common_flags.provenance(clips=f"{FLAGS.data_dir or 'bundled'}, peak {peak:g}")
    markdown = to_markdown(tables) + _how(made)
    with paths.writing(folder / "tables.json") as unfinished:
        unfinished.write_text(json.dumps(tables, indent=2, allow_nan=False) + "\n")
    with paths.writing(folder / "tables.md") as unfinished:
        unfinished.write_text(markdown, encoding="utf-8")
    written = [folder / "tables.md", folder / "tables.json"]
    if sections:
        written.append(write_report(folder, sections, generator.sample_rate, made)[0])
    print(f"{markdown}\nwritten: {', '.join(map(str, written))}")


def _kept(results: dict, method: str, run):
    """Returns `run` that leaves its last result, of all clips, in `results`."""

    def keep(*arguments, **options):
        results[method] = run(*arguments, **options)
        return results[method]

    return keep


def _section(kind: str, clips, results, table, judge, folder):
    """Returns the report's section on one kind of clips, and writes its figures."""
    import numpy as np

    from tf_inversion.evaluation import figures, tables
    from tf_inversion.evaluation.per_clip import per_clip
    from tf_inversion.evaluation.report import Section

    rate = clips.sample_rate
    rows = {
        method: per_clip(clips.names, clips.audio, result, rate, judge, batch_size=FLAGS.batch_size)
        for method, result in results.items()
    }
    words = [row["predicted_digit"] for row in rows[FLAGS.methods[0]]]
    shown = np.sort(np.unique(words, return_index=True)[1])[:3]
    versions = {"original": clips.audio, **{method: result.audio for method, result in results.items()}}
    versions = {version: audio[shown] for version, audio in versions.items()}
    drawn = {
        "reconstructions": figures.reconstructions(versions, rate, f"{kind} clips"),
        "distributions": figures.distributions(rows, f"{kind} clips, a dot each"),
    }
    for name, figure in drawn.items():
        for suffix in ("png", "svg"):
            figures.save(figure, folder / f"figures/{kind}_{name}.{suffix}")
    spread = (folder / f"figures/{kind}_distributions.svg").read_text(encoding="utf-8")
    return Section(
        title=f"{tables.TITLES[kind]}: {len(clips.audio)}",
        names=clips.names[: FLAGS.report_clips],
        audio=clips.audio,
        results=results,
        rows=rows,
        latents=clips.latents,
        table=tables.cells(kind, table, "{} (paper)"),
        pictures={"How the metrics spread": spread},
    )


def _how(made: dict[str, str]) -> str:
    """Returns what is needed to make the tables again, in Markdown."""
    lines = {"made by": f"`{made['command']}`", **{k: v for k, v in made.items() if k != "command"}}
    return "\n## How it was made\n\n" + "".join(f"- {key}: {value}\n" for key, value in lines.items())


run = command.runner(main, __doc__)
