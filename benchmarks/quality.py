"""What an inversion's quality costs: CPU seconds of all threads, once all is compiled.

  python benchmarks/quality.py --data_dir=data/fsdd
  python benchmarks/quality.py --data_dir=data/fsdd --tables=real --num_clips=8

  real         methods and efforts on test clips, and the figure of it (--figure)
  synthesized  exact recovery
  one          one clip, from the call to the answer: seconds of waiting
  official     generator, inverter and classifier four times as wide, which is the official size: the
               pretrained ones with each channel four times (`measure.widened`), their answers the same

A row of `real` or `synthesized` runs with any version of the package that knows its method.
"""

import dataclasses
import json
import os
import resource
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from absl import app, flags

from measure import widened

TABLES = ["real", "synthesized", "one", "official"]
#: Rows of `real`: heading -> arguments of `invert`.
REAL = {
    "encoder": {"method": "encoder"},
    "hybrid, fast": {"method": "hybrid", "effort": "fast"},
    "hybrid": {"method": "hybrid"},
    "hybrid, best": {"method": "hybrid", "effort": "best"},
    "paper": {"method": "paper"},
    "authors": {"method": "authors"},
    "gradient": {"method": "gradient"},
}
OFFICIAL = {
    "encoder": {"method": "encoder"},
    "hybrid": {"method": "hybrid", "objective": "real"},
    "gradient": {"method": "gradient", "objective": "real", "starts": 1},
    "least_squares": {"method": "least_squares", "starts": 1},
}
FLAGS = flags.FLAGS
flags.DEFINE_multi_enum("tables", TABLES, TABLES, "Which to print.")
flags.DEFINE_string("data_dir", None, "Real clips, for `real` and `one`.", required=True)
flags.DEFINE_string("split", "test", "Of --data_dir.")
flags.DEFINE_list("rows", list(REAL), "Of `real`.")
flags.DEFINE_integer("num_clips", 120, "In `real`.", 2)
flags.DEFINE_integer("gradient_clips", 4, "In `real`, for gradient, which takes long,", 2)
flags.DEFINE_integer("gradient_iterations", 300, "and the most that it may take.", 1)
flags.DEFINE_integer("num_synthesized", 200, "Clips in `synthesized`.", 2)
flags.DEFINE_list("batches", ["1", "8", "64"], "Clips at once in `official`.")
flags.DEFINE_integer("official_iterations", 2, "Of each start in `official`, where a batch is timed.", 1)
flags.DEFINE_integer("official_clips", 8, "In `official`, where methods are taken to their ends.", 1)
flags.DEFINE_integer("seed", 0, "Of the choice of clips, and of latents.")
flags.DEFINE_string("figure", None, "Where to write the figure, as PNG.")
flags.DEFINE_string("measure", None, "For its own use: a row of `official`, as JSON.")


def main(_):
    if FLAGS.measure:
        print(json.dumps(measure(**json.loads(FLAGS.measure))))
        return
    for name, show in {"official": official, "real": real, "synthesized": synthesized, "one": one}.items():
        if name in FLAGS.tables:  # subprocesses first: of their peak memory this one's would be a part
            show()


def run(audio, models, warm=(2, 3), **options):
    """Returns the result and the CPU seconds a clip."""
    from tf_inversion import invert
    from tf_inversion.inversion.invert import without_warnings

    with without_warnings():
        for count in warm:  # what is compiled for two sizes serves all
            invert(audio[:count], models, **{**options, "max_iterations": 1})
        began = time.process_time()
        result = invert(audio, models, **options)
    return result, (time.process_time() - began) / len(audio)


def real_clips(models, count):
    from tf_inversion.audio.layouts import find_clips
    from tf_inversion.evaluation import clip_sets

    found = find_clips(FLAGS.data_dir, FLAGS.split)
    chosen = {"num": count, "seed": FLAGS.seed, "peak": models.inverter.peak}
    return clip_sets.real_clips(found, models.generator, models.judge.label_names, **chosen)


def real():
    from tf_inversion.audio.mel import log_mel_l1
    from tf_inversion.batching import in_batches
    from tf_inversion.evaluation.metrics import judge_probabilities
    from tf_inversion.models import ModelBundle

    models = ModelBundle.load()
    clips = real_clips(models, FLAGS.num_clips)
    print(
        f"## Quality against time: {len(clips.audio)} real clips; gradient {FLAGS.gradient_clips}, at most "
        f"{FLAGS.gradient_iterations} iterations\n\n"
        "| method | CPU s a clip | evaluations a clip | judge agrees | its standard error | mel L1 "
        "| its standard error |\n|---|---:|---:|---:|---:|---:|---:|"
    )
    points = {}
    for name in FLAGS.rows:
        slow = REAL[name]["method"] == "gradient"
        count = FLAGS.gradient_clips if slow else len(clips.audio)
        limit = {"max_iterations": FLAGS.gradient_iterations} if slow else {}
        result, cpu = run(clips.audio[:count], models, **REAL[name], **limit)
        heard = judge_probabilities(models.judge, result.audio).argmax(1) == clips.labels[:count]
        distance = in_batches(
            lambda a, b: log_mel_l1(a, b, clips.sample_rate),
            clips.audio[:count],
            result.audio,
            batch_size=64,
        )
        points[name] = cpu, heard.mean(), distance.mean()
        print(
            f"| {name} | {cpu:.2f} | {result.evaluations.mean():.0f} | {heard.mean():.3f} "
            f"| {heard.std() / count**0.5:.3f} | {distance.mean():.4f} "
            f"| {distance.std() / count**0.5:.4f} |",
            flush=True,
        )
    print()
    if FLAGS.figure:
        draw(points)


def draw(points):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    for column, label in ((1, "judge hears the word"), (2, "mel L1 (less is better)")):
        axes = figure.add_subplot(1, 2, column)
        ours = [name for name in points if name.startswith(("encoder", "hybrid"))]
        axes.plot(*np.array([[points[name][i] for i in (0, column)] for name in ours]).T, "o-")
        for name, point in points.items():
            if name not in ours:
                axes.plot(point[0], point[column], "s", color="tab:gray")
            axes.annotate(
                name, (point[0], point[column]), xytext=(4, 4), textcoords="offset points", fontsize=8
            )
        axes.set(xscale="log", xlabel="CPU seconds a clip", ylabel=label)
    figure.savefig(FLAGS.figure, dpi=150)


def synthesized():
    from tf_inversion.evaluation.clip_sets import synthesized_clips
    from tf_inversion.evaluation.metrics import EXACT_DB, nmse_db
    from tf_inversion.models import ModelBundle

    models = ModelBundle.load(wants=())
    clips = synthesized_clips(models.generator, FLAGS.num_synthesized, FLAGS.seed)
    result, cpu = run(clips.audio, models, method="least_squares")
    error = nmse_db(clips.audio, result.audio, clips.sample_rate)
    print(
        f"## Exact recovery: {len(error)} synthesized clips, least_squares\n\n"
        "| CPU s a clip | evaluations a clip | exact (-100 dB) | median nMSE dB | mean error of z "
        "|\n|---:|---:|---:|---:|---:|\n"
        f"| {cpu:.2f} | {result.evaluations.mean():.0f} | {np.mean(error <= EXACT_DB):.1%} "
        f"| {np.median(error):.1f} | {np.abs(result.latents - clips.latents).mean():.1e} |\n",
        flush=True,
    )


def one():
    from tf_inversion import invert
    from tf_inversion.inversion.invert import without_warnings
    from tf_inversion.models import ModelBundle

    models = ModelBundle.load()
    clips = real_clips(models, 6).audio
    print(
        f"## One clip, models loaded and warm: median of {len(clips) - 1}\n\n"
        "| method | seconds of waiting | CPU s |\n|---|---:|---:|"
    )
    for name in ("encoder", "hybrid, fast", "hybrid"):
        waited = []
        with without_warnings():
            for clip in clips:
                began, cpu = time.perf_counter(), time.process_time()
                invert(clip, models, **REAL[name])
                waited.append((time.perf_counter() - began, time.process_time() - cpu))
        wall, cpu = np.median(waited[1:], 0)  # the first call compiled
        print(f"| {name} | {wall:.2f} | {cpu:.2f} |", flush=True)
    print()


def official():
    print(
        f"## The official size: width 64. {FLAGS.official_iterations} iterations of each start, in batches "
        f"of as many clips as there are; then {FLAGS.official_clips} clips to the end\n\n"
        "| method | clips | iterations | CPU s a clip | CPU s an evaluation | peak memory, MB "
        "|\n|---|---:|---:|---:|---:|---:|"
    )
    rows = [(name, int(n), FLAGS.official_iterations) for name in OFFICIAL for n in FLAGS.batches]
    rows += [(name, FLAGS.official_clips, None) for name in ("hybrid", "least_squares")]
    for name, count, iterations in rows:
        asked = json.dumps({"name": name, "count": count, "iterations": iterations})
        command = [sys.executable, __file__, *sys.argv[1:], f"--measure={asked}"]
        printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        row = json.loads(printed.splitlines()[-1])
        print(
            f"| {name} | {count} | {iterations or 'all'} | {row['cpu']:.2f} | {row['each']:.3f} "
            f"| {row['megabytes']:.0f} |",
            flush=True,
        )
    print()


def measure(name, count, iterations):
    """Inverts so many clips by wide models: own clips by least_squares, recordings by all else."""
    from tf_inversion.evaluation.clip_sets import synthesized_clips
    from tf_inversion.generators.wavegan import WaveGAN
    from tf_inversion.models import ModelBundle

    narrow = ModelBundle.load()
    if name == "least_squares":
        audio = synthesized_clips(narrow.generator, count, FLAGS.seed).audio
    else:
        audio = real_clips(narrow, count).audio
    config = narrow.generator.config
    generator = WaveGAN(dataclasses.replace(config, dim=4 * config.dim))
    widened(narrow.generator.network, generator.network)
    wide = {}
    for kind in ("inverter", "classifier"):
        model = getattr(narrow, kind)
        given = model.get_config()
        wide[kind] = type(model)(**{**given, "width": 4 * given["width"]})
        widened(model.network, wide[kind].network)
    limit = {"max_iterations": iterations} if iterations else {}
    options = {**OFFICIAL[name], "batch_size": max(count, 8), **limit}
    result, cpu = run(audio, ModelBundle(generator, **wide), warm=(1, 2)[: min(count, 2)], **options)
    return {
        "cpu": cpu,
        "each": cpu / result.evaluations.mean(),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    app.run(main)
