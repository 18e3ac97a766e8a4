"""What it costs to refine latents: L-BFGS three ways, Gauss-Newton, and ever more clips.

  python benchmarks/optimisation.py
  python benchmarks/optimisation.py --tables=backends --width=16 --num_clips=4 --limit=50

  clips         batched L-BFGS of --counts clips, each count in a process of its own
  backends      batched L-BFGS, TensorFlow Probability's and SciPy's, down to --target_db
  gauss_newton  and batched L-BFGS, down to --targets_db

Clips are synthesized and the objective is "waveform", which is the nMSE. All
that a table compares begins at the same latents and ends at the same nMSE, so
that only the cost differs: CPU seconds of all threads, once all is compiled.
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

from measure import count_gflop, matmul_gflops, widened

TABLES = ["clips", "backends", "gauss_newton"]

FLAGS = flags.FLAGS
flags.DEFINE_multi_enum("tables", TABLES, TABLES, "Which to print.")
flags.DEFINE_list("width", ["16", "64"], "Of the generators in `backends` and `gauss_newton`.")
flags.DEFINE_integer("num_clips", 16, "Clips in `backends` and `gauss_newton`.", 2)
flags.DEFINE_list("counts", ["16", "64", "256"], "Numbers of clips in `clips`.")
flags.DEFINE_float("target_db", -25.0, "nMSE at which a clip of `clips` or `backends` is done.")
flags.DEFINE_list("targets_db", ["-40", "-60", "-100"], "nMSE at which a clip of `gauss_newton` is done.")
flags.DEFINE_integer("limit", 500, "L-BFGS's most iterations in `clips` and `backends`.", 1)
flags.DEFINE_integer("long_limit", 2000, "L-BFGS's most iterations in `gauss_newton`.", 1)
flags.DEFINE_integer("gauss_newton_limit", 200, "Gauss-Newton's most iterations.", 1)
flags.DEFINE_integer("seed", 0, "Of the clips and the starts.")
flags.DEFINE_integer("measure", None, "For its own use: `clips` with this many, as JSON.")


def main(_):
    if FLAGS.measure:
        print(json.dumps(measure(FLAGS.measure)))
        return
    # The subprocesses first: a process's peak memory is never less than that of the one it began as.
    for name, show in {"clips": clips, "backends": backends, "gauss_newton": gauss_newton}.items():
        if name in FLAGS.tables:
            show()


def load(width):
    """Returns the pretrained generator as wide as asked: each channel several times, the sounds the same.

    Random weights would not do: on those six or seven evaluations reach -25 dB.
    """
    from tf_inversion import load_generator
    from tf_inversion.generators.wavegan import WaveGAN

    generator = load_generator()
    times, rest = divmod(width, generator.config.dim)
    if rest or not times:
        raise app.UsageError(f"--width: {width} is no multiple of {generator.config.dim}")
    wide = WaveGAN(dataclasses.replace(generator.config, dim=width))
    widened(generator.network, wide.network)
    return wide


def problem(generator):
    """Returns the objective, clips and the best of 1,024 random latents for each."""
    from tf_inversion import losses
    from tf_inversion.evaluation.clip_sets import synthesized_clips
    from tf_inversion.inversion import initializers

    audio = synthesized_clips(generator, FLAGS.num_clips, FLAGS.seed).audio
    start = initializers.best_of_n(audio, generator, 1, FLAGS.seed, batch_size=64)[:, 0]
    return losses.Objective("synthesized", generator), audio, start


def compile_for(solver, audio, start):
    from tf_inversion.inversion import batch

    for few in (1, 2):  # what is compiled for a second size serves all
        batch.run(solver, audio[:few], start[:few], solver.options(1), batch_size=64)


def run(solver, audio, start, target_db, maxiter, tol=None):
    """Returns the outcome, which clips came to the target, and the CPU seconds."""
    from tf_inversion.inversion import batch

    stopval = 10 ** (target_db / 10)
    began = time.process_time()
    outcome = batch.run(solver, audio, start, solver.options(maxiter, tol, stopval), batch_size=64)
    return outcome, outcome.objective <= stopval, time.process_time() - began


def median_db(outcome):
    return 10 * np.log10(np.median(outcome.objective))


def quotient(a, b):
    return f"{a / b:.2f}" if b else "-"


def backends():
    from tf_inversion.inversion.solvers.lbfgs import LBFGS
    from tf_inversion.inversion.solvers.scipy_lbfgs import SciPyLBFGS
    from tf_inversion.inversion.solvers.tfp_lbfgs import TFPLBFGS

    print(
        f"## L-BFGS three ways: {FLAGS.num_clips} clips, best-of-N starts, to {FLAGS.target_db:g} dB "
        f"in at most {FLAGS.limit} iterations\n\n"
        "| width | L-BFGS | got there | CPU s | clips per CPU s | ratio to SciPy | evaluations a clip "
        "| median nMSE dB |\n|---:|---|---:|---:|---:|---:|---:|---:|"
    )
    classes = {"SciPy": SciPyLBFGS, "TensorFlow Probability": TFPLBFGS, "batched": LBFGS}
    bounds = []
    for width in map(int, FLAGS.width):
        objective, *task = problem(load(width))
        speeds = []
        for name, cls in classes.items():
            solver = cls(objective)
            compile_for(solver, *task)
            # No tolerance: each of them goes on until the target or the limit.
            outcome, there, cpu = run(solver, *task, FLAGS.target_db, FLAGS.limit, tol=0.0)
            speeds.append(there.sum() / cpu)
            if name == "SciPy":
                bounds.append(bound(objective, *task, cpu / outcome.evaluations.sum()))
            print(
                f"| {width} | {name} | {there.mean():.0%} | {cpu:.1f} | {speeds[-1]:.3f} "
                f"| {quotient(speeds[-1], speeds[0])} | {outcome.evaluations.mean():.0f} "
                f"| {median_db(outcome):.1f} |",
                flush=True,
            )
    print("\nThe wider generator is the pretrained one with each channel several times.", *bounds, sep="\n")
    print()


def bound(objective, audio, start, seconds):
    """Returns what the machine's matrix product leaves to gain on an evaluation of so many CPU seconds."""
    import tensorflow as tf

    z, targets = tf.constant(start[:1]), objective.targets(tf.constant(audio[:1]), tf.constant(start[:1]))
    gflop, speed = count_gflop(tf.function(objective.value_and_gradient), z, targets), matmul_gflops()
    least = gflop / speed * len(os.sched_getaffinity(0))
    return (
        f"{objective.generator.config.dim}: an evaluation takes SciPy {1e3 * seconds:.1f} CPU ms; its "
        f"{gflop:.2f} GFLOP at the {speed:.0f} GFLOP/s of a matrix product {1e3 * least:.1f}, "
        f"{seconds / least:.1f} times less."
    )


def gauss_newton():
    from tf_inversion.inversion.solvers.gauss_newton import GaussNewton
    from tf_inversion.inversion.solvers.lbfgs import LBFGS

    print(
        f"## Gauss-Newton against L-BFGS: {FLAGS.num_clips} clips, one best-of-N start each\n\n"
        "| width | to | solver | at most | got there | CPU s a clip | CPU s a clip that got there "
        "| ratio | median nMSE dB |\n|---:|---|---|---:|---:|---:|---:|---:|---:|"
    )
    classes = {"L-BFGS": (LBFGS, FLAGS.long_limit), "Gauss-Newton": (GaussNewton, FLAGS.gauss_newton_limit)}
    for width in map(int, FLAGS.width):
        objective, *task = problem(load(width))
        solvers = {name: (cls(objective), limit) for name, (cls, limit) in classes.items()}
        for solver, _ in solvers.values():
            compile_for(solver, *task)
        for target_db in map(float, FLAGS.targets_db):
            speeds = []
            for name, (solver, limit) in solvers.items():
                outcome, there, cpu = run(solver, *task, target_db, limit)
                speeds.append(there.sum() / cpu)
                print(
                    f"| {width} | {target_db:g} dB | {name} | {limit} | {there.mean():.0%} "
                    f"| {cpu / len(there):.2f} | {quotient(cpu, there.sum())} "
                    f"| {quotient(speeds[-1], speeds[0])} | {median_db(outcome):.1f} |",
                    flush=True,
                )
    print()


def clips():
    print(
        f"## L-BFGS of ever more clips: 64 at once, encoder starts, to {FLAGS.target_db:g} dB "
        f"in at most {FLAGS.limit} iterations\n\n"
        "| clips | got there | CPU s a clip | evaluations a clip | CPU ms an evaluation "
        "| evaluations of the done | peak memory, MB |\n|---:|---:|---:|---:|---:|---:|---:|"
    )
    rows = []
    for count in map(int, FLAGS.counts):
        command = [sys.executable, __file__, *sys.argv[1:], f"--measure={count}"]
        printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        rows.append(json.loads(printed.splitlines()[-1]))
        print(
            "| {clips} | {there:.0%} | {cpu:.3f} | {evaluations:.0f} | {milliseconds:.2f} | {done:.1%} "
            "| {megabytes:.0f} |".format(**rows[-1]),
            flush=True,
        )
    ratios = [rows[-1][name] / rows[0][name] for name in ("milliseconds", "megabytes")]
    print(
        f"\n{rows[-1]['clips']} clips, ratio to {rows[0]['clips']}: CPU ms an evaluation {ratios[0]:.2f}, "
        f"peak memory {ratios[1]:.2f}\n"
    )


def measure(count):
    """Inverts so many clips and counts what the generator really evaluated, the done among them."""
    import tensorflow as tf

    from tf_inversion import load_generator, load_inverter, losses
    from tf_inversion.evaluation.clip_sets import synthesized_clips
    from tf_inversion.inversion.solvers.lbfgs import LBFGS

    evaluated = tf.Variable(0)

    class Counted(losses.Objective):
        def value_and_gradient(self, latents, targets):
            evaluated.assign_add(tf.shape(latents)[0])
            return super().value_and_gradient(latents, targets)

    generator = load_generator()
    audio = synthesized_clips(generator, count, FLAGS.seed).audio
    start = load_inverter().encode(audio).numpy()
    solver = LBFGS(Counted(losses.PRESETS["synthesized"], generator))
    compile_for(solver, audio, start)
    evaluated.assign(0)
    outcome, there, cpu = run(solver, audio, start, FLAGS.target_db, FLAGS.limit)
    needed = int(outcome.evaluations.sum())
    return {
        "clips": count,
        "there": there.mean(),
        "cpu": cpu / count,
        "evaluations": needed / count,
        "milliseconds": 1e3 * cpu / needed,
        "done": 1 - needed / int(evaluated.numpy()),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    app.run(main)
