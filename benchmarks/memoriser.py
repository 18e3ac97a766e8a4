"""Makes a generator that has its training clips by heart, to see `evaluate_generator --recover` find out.

  python benchmarks/memoriser.py data/few runs/memoriser 20,300
  evaluate_generator --generator=runs/memoriser/300.keras --data_dir=data/few --split=train --recover=20

A network of two layers learns by regression of the waveform to make one clip of the `train` folder for every
latent vector, the one whose random direction the vector points to most, which its softmax blends with others
where directions are about as near. No GAN is made like this; it is what a GAN that has memorised its clips
comes to. Writes OUT/<steps>.keras after each number of steps.
"""

import sys
from pathlib import Path

import keras
import numpy as np

from tf_inversion import load_generator
from tf_inversion.audio.layouts import find_clips
from tf_inversion.evaluation.clip_sets import real_clips

SHARPNESS = 20.0


def main(data: str, out: str, steps: str) -> None:
    generator, found = load_generator(), find_clips(data, "train")
    clips = real_clips(found, generator, (), num=len(found), seed=0, peak=0.9).audio
    directions = np.random.default_rng(0).normal(size=(generator.latent_dim, len(clips)))
    directions *= SHARPNESS / np.linalg.norm(directions, axis=0)
    chooser = keras.layers.Dense(len(clips), "softmax", use_bias=False, trainable=False)
    clip_table = keras.layers.Dense(generator.num_samples, use_bias=False, kernel_initializer="zeros")
    network = keras.Sequential([keras.Input((generator.latent_dim,)), chooser, clip_table])
    chooser.set_weights([directions])
    network.compile(keras.optimizers.Adam(3e-3), "mse")
    Path(out).mkdir(parents=True, exist_ok=True)
    done = 0
    for step in map(int, steps.split(",")):
        for batch in range(done, step):
            z = generator.draw_latents(64, [0, batch])
            loss = network.train_on_batch(z, clips[(z @ directions).argmax(1)])
        network.save(f"{out}/{step}.keras")
        print(f"step {step}: mean squared error {float(loss):.2g}, of the clips {np.mean(clips**2):.2g}")
        done = step


main(*sys.argv[1:])
