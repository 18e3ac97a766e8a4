"""Makes the paper's two tables and figures for a generator, an inverter and methods of inversion.

  evaluate_inversion                                 # the bundled clips, with the pretrained models
  evaluate_inversion --data_dir=data/fsdd --split=test --methods=encoder,hybrid,paper,authors
  evaluate_inversion --data_dir=data/sc09 --generator=wavegan_sc09/ \\
      --inverter=runs/inverter/inverter.keras --judge=score_model/ --num_clips=1000
  evaluate_inversion --generator=runs/wavegan/generator --inverter=runs/inverter/inverter.keras \\
      --compare_inverters=bigan=runs/wavegan/inverter.keras    # a row bigan beside encoder

Table 1 is of clips that the generator makes, so that their latent vectors are
known; Table 2 of real ones. Writes OUTPUT_DIR/results.md, which it prints, results.json with
the numbers of every seed, figures/ (the paper's Figures 2 and 3, confusion matrices and
distributions of the metrics) and report.html, to hear and see the clips.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools

from absl import flags

from tf_inversion import errors
from tf_inversion.corpus.settings import ClusterSettings
from tf_inversion.evaluation.rows import named_inverters, table_rows
from tf_inversion.inversion.methods import plan
from tf_inversion.inversion.settings import METHOD_HELP, InversionSettings
from tf_inversion.models import ModelBundle, ModelSettings
from tf_inversion.scripts import command, common_flags, settings_flags

FLAGS = flags.FlagValues()
settings_flags.define(ModelSettings, FLAGS)
settings_flags.define(InversionSettings, FLAGS, without=("method", "init_file", "error_bars"))
settings_flags.define(ClusterSettings, FLAGS, only=("scheduler",))
common_flags.define(FLAGS, "data_dir", "output_dir", "peak", output_dir="out/evaluation")
_define_integer = functools.partial(flags.DEFINE_integer, flag_values=FLAGS)
_SPLITS, _TABLES = ["train", "valid", "test", "all"], ["synthesized", "real"]
flags.DEFINE_enum("split", "test", _SPLITS, "Which part of --data_dir.", flag_values=FLAGS)
flags.DEFINE_list("methods", ["encoder"], f"A row each: {METHOD_HELP}", flag_values=FLAGS)
flags.DEFINE_list(
    "compare_inverters",
    [],
    "Further inverters of the generator, each as name=path: a row of that name beside encoder, and one "
    "'METHOD (name)' beside every other method that starts at an inverter's answer.",
    flag_values=FLAGS,
)
flags.DEFINE_multi_enum("tables", _TABLES, _TABLES, "Which to make.", flag_values=FLAGS)
_define_integer("num_clips", 300, "Clips of each kind; of real ones no more than there are.", 1)
_define_integer("seeds", 1, "Evaluations, with --seed, the next one and so on, for means and spread.", 1)
_define_integer("report_clips", 150, "Clips of each kind that report.html shows; 0 for no report.", 0)


def main(arguments: list[str]) -> None:
    from tf_inversion.corpus import cluster

    command.refuse_arguments(arguments)
    where = {"scheduler": FLAGS.scheduler} if FLAGS.scheduler else {"workers": 0}
    with cluster.connect(ClusterSettings(**where), FLAGS.output_dir) as client:
        _evaluate(client)


def _evaluate(client) -> None:
    """Makes the tables, by a cluster's workers if there is a client."""
    folder = common_flags.output_dir(FLAGS)
    settings = {name: settings_flags.read(InversionSettings, FLAGS, method=name) for name in FLAGS.methods}
    plans = [plan(chosen) for chosen in settings.values()]
    compared = named_inverters(FLAGS.compare_inverters)
    rows = table_rows(settings, compared)

    from tf_inversion import paths
    from tf_inversion.audio.layouts import find_clips
    from tf_inversion.corpus.parts import invert_on, job_of
    from tf_inversion.evaluation.evaluation import evaluate
    from tf_inversion.evaluation.outputs import write_evaluation
    from tf_inversion.inversion.invert import invert
    from tf_inversion.networks.loading import load_inverter

    found = find_clips(FLAGS.data_dir or paths.bundled("speech"), FLAGS.split if FLAGS.data_dir else "all")
    needs, wants = ["judge"], ["classifier"] if any(x.refine != "none" for x in plans) else []
    (needs if any(x.needs_inverter for x in plans) else wants).append("inverter")
    model_settings = settings_flags.read(ModelSettings, FLAGS)
    models = ModelBundle.load(model_settings, needs=needs, wants=wants)
    others = {path: load_inverter(path) for path in compared.values()}
    for name, path in compared.items():
        try:
            dataclasses.replace(models, inverter=others[path])
        except errors.InvalidArgumentError as error:
            raise errors.InvalidArgumentError(f"compare_inverters: {name}: {error}") from error
    fitting = {"synthesized": models, "real": models.for_classes(found.label_names)}
    clip_sets = {
        "synthesized": lambda seed: common_flags.synthesized(FLAGS, models.generator, FLAGS.num_clips, seed),
        "real": lambda seed: common_flags.read_clips(FLAGS, found, models, FLAGS.num_clips, seed),
    }
    runs, shown = {}, {}
    for seed, kind in itertools.product(range(FLAGS.seed, FLAGS.seed + FLAGS.seeds), FLAGS.tables):
        methods = {}
        for name, (chosen, path) in rows.items():
            bar = common_flags.progress(FLAGS, f"seed {seed}, {kind}, {name}")
            chosen, bundle, sources = dataclasses.replace(chosen, seed=seed), fitting[kind], model_settings
            if path:
                bundle = dataclasses.replace(bundle, inverter=others[path])
                sources = dataclasses.replace(sources, inverter=path)
            if client:
                job = job_of(bundle, sources, chosen)
                methods[name] = functools.partial(invert_on, client, job=job, progress=bar)
            else:
                methods[name] = functools.partial(invert, models=bundle, settings=chosen, progress=bar)
        measuring = {"batch_size": FLAGS.batch_size, "progress": common_flags.progress(FLAGS, "measuring")}
        evaluation = evaluate(clip_sets[kind](seed), models, methods, **measuring)
        runs.setdefault(seed, {})[kind] = evaluation.summary()
        shown.setdefault(kind, evaluation)
    provenance = common_flags.provenance(
        models,
        **{f"inverter {name}": path for name, path in compared.items()},
        clips=f"{FLAGS.data_dir or 'bundled'}, peak {common_flags.peak(FLAGS, models):g}",
        seed=", ".join(map(str, runs)) + (f"; figures: {FLAGS.seed}" if len(runs) > 1 else ""),
    )
    reporting = {"report_clips": FLAGS.report_clips, "progress": common_flags.progress(FLAGS, "reporting")}
    markdown, written = write_evaluation(folder, runs, shown, provenance, **reporting)
    print(f"{markdown}\nwritten: {', '.join(map(str, written))}")


run = command.runner(main, __doc__, FLAGS)
