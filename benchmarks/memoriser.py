"""Makes a generator that has its training clips by heart, to see `evaluate_generator --recover` find out.

  python benchmarks/memoriser.py data/few runs/memoriser 30,300

A WaveGAN, started from the pretrained one, learns by regression of log-mel spectra to make one of the clips
in the `train` folder, of which there are 2, 4, 8 or more, for every latent vector: the one whose number the
signs of the first components write. No GAN is made like this; it is what a GAN that has memorised its clips
comes to. Writes OUT/<steps>.keras after each number of steps.
"""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tf_inversion import load_generator
from tf_inversion.audio import mel
from tf_inversion.audio.layouts import find_clips
from tf_inversion.evaluation.clip_sets import real_clips

BATCH_SIZE = 16


def main(data: str, out: str, steps: str) -> None:
    generator = load_generator()
    network, rate = generator.network, generator.sample_rate
    found = find_clips(data, "train")
    clips = tf.constant(real_clips(found, generator, (), num=len(found), seed=0, peak=0.9).audio)
    bits = tf.constant(2 ** np.arange(int(np.log2(len(clips)))))
    wanted = tf.constant(mel.log_mels(clips, rate))
    network.trainable = True
    adam = keras.optimizers.Adam(1e-3)

    @tf.function
    def learn(z):
        target = tf.gather(wanted, tf.reduce_sum(bits * tf.cast(z[:, : len(bits)] > 0, bits.dtype), 1))
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(mel.log_mels(generator(z), rate) - target))
        adam.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
        return loss

    checkpoints = [int(step) for step in steps.split(",")]
    for step in range(1, checkpoints[-1] + 1):
        loss = learn(generator.draw_latents(BATCH_SIZE, [0, step]))
        if step in checkpoints or step % 50 == 0:
            print(f"step {step}: loss {loss:.3f}", flush=True)
        if step in checkpoints:
            Path(out).mkdir(parents=True, exist_ok=True)
            generator.to_model().save(f"{out}/{step}.keras")


main(*sys.argv[1:])
