"""How much of a latent vector its clip tells: the generator's sensitivity, and what an answer must reach.

  python benchmarks/sensitivity.py
  python benchmarks/sensitivity.py --num_clips=8 --iterations=0,20

Clips of the pretrained generator. The first table has the singular values of the
generator's Jacobian: how far a clip moves when its latents move by a standard
deviation of the prior along the direction to which the audio is k-th most sensitive. The second
has L-BFGS from the encoder's answer, stopped after some iterations (0: the
encoder): how near the sound must be before the latents are.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from absl import app, flags

RANKS = (1, 2, 3, 4, 5, 10, 25, 50, 75, 100)
PRIOR_STD = 1 / np.sqrt(3)  # of a component uniform on [-1, 1]

FLAGS = flags.FLAGS
flags.DEFINE_integer("num_clips", 64, "Synthesized clips.", 1)
flags.DEFINE_list("iterations", ["0", "20", "60", "200", "600"], "Of L-BFGS; 0 is the encoder.")
flags.DEFINE_integer("seed", 0, "Of the clips.")


def main(_):
    from tf_inversion import load_generator
    from tf_inversion.evaluation.clip_sets import synthesized_clips

    generator = load_generator()
    clips = synthesized_clips(generator, FLAGS.num_clips, FLAGS.seed)
    sensitivity(generator, clips)
    answers(generator, clips)


def sensitivity(generator, clips, batch_size=8):
    from tf_inversion.inversion.solvers.gauss_newton import jacobian

    compiled = tf.function(lambda z: jacobian(generator, z), reduce_retracing=True)
    changes = []
    for i in range(0, len(clips.audio), batch_size):
        for tangents, audio in zip(
            compiled(tf.constant(clips.latents[i : i + batch_size])).numpy(), clips.audio[i:]
        ):
            heard = np.linalg.svd(tangents.astype(float), compute_uv=False) * PRIOR_STD
            changes.append(20 * np.log10(heard / np.linalg.norm(audio)))
    medians = np.median(changes, axis=0)
    print(
        f"## What a clip tells of its latents: median of {len(changes)} clips\n\n"
        "| direction, by sensitivity | " + " | ".join(map(str, RANKS)) + " |\n"
        "|---|" + "---:|" * len(RANKS) + "\n"
        "| change of the clip for one standard deviation, dB | "
        + " | ".join(f"{medians[rank - 1]:.0f}" for rank in RANKS)
        + " |\n"
    )


def answers(generator, clips):
    from tf_inversion import invert, load_inverter
    from tf_inversion.evaluation.evaluation import clip_metrics
    from tf_inversion.evaluation.metrics import latent_correlation
    from tf_inversion.inversion.invert import without_warnings
    from tf_inversion.models import ModelBundle

    print(
        f"## What an answer must reach: {len(clips.audio)} clips\n\n"
        "| iterations of L-BFGS | mean nMSE dB | correlation of z | z error |\n|---:|---:|---:|---:|"
    )
    models = ModelBundle(generator, load_inverter())
    for count in map(int, FLAGS.iterations):
        refinement = {"refine": "lbfgs", "max_iterations": count} if count else {}
        with without_warnings():
            result = invert(clips.audio, models, starts=1, objective="synthesized", **refinement)
        nmse_db = clip_metrics(clips.audio, result.audio, clips.sample_rate)["nmse_db"].mean()
        error = np.abs(clips.latents - result.latents).mean()
        correlation = latent_correlation(clips.latents, result.latents)
        print(f"| {count} | {nmse_db:.1f} | {correlation:.3f} | {error:.3f} |", flush=True)


if __name__ == "__main__":
    app.run(main)
