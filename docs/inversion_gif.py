"""Draws images/inversion.gif: clips that the GAN made, and what L-BFGS makes of them as it goes on.

python docs/inversion_gif.py
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter

from tf_inversion import ModelBundle, invert
from tf_inversion.evaluation.figures import COLORS, DECIBELS, decibels

NUM_CLIPS = 3
ITERATIONS = [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 20, 25, 30, 40, 60, 100]
SHOWN_FRAMES = 40  # of a spectrogram: the words end before
LAST_FRAME_MS, FRAME_MS = 3000, 333


def main() -> None:
    models = ModelBundle.load(wants=())
    generator = models.generator
    clips = generator(generator.draw_latents(NUM_CLIPS, seed=1)).numpy()
    audio = []
    for iterations in ITERATIONS:  # the same search each time, longer and longer
        search = {"refine": "lbfgs", "max_iterations": iterations} if iterations else {"refine": "none"}
        result = invert(clips, models, init="best_of_n", objective="synthesized", **search)
        audio.append(result.audio)
    targets = decibels(clips, generator.sample_rate)
    made = [decibels(clip, generator.sample_rate) for clip in audio]
    errors_db = [10 * np.log10(((a - clips) ** 2).sum() / (clips**2).sum()) for a in audio]

    figure, rows = plt.subplots(2, NUM_CLIPS, figsize=(6, 3.3), layout="constrained")
    style = {"origin": "lower", "aspect": "auto", "vmin": DECIBELS[0], "vmax": DECIBELS[1], "cmap": COLORS}
    for axes, image in zip(rows[0], targets):
        axes.imshow(image, **style)
    pictures = [axes.imshow(image, **style) for axes, image in zip(rows[1], made[0])]
    for axes in rows.flat:
        axes.set(xticks=[], yticks=[], xlim=(0, SHOWN_FRAMES))
    rows[0, 0].set_ylabel("clip")
    rows[1, 0].set_ylabel("G(z)")

    def draw(frame):
        for picture, image in zip(pictures, made[frame]):
            picture.set_data(image)
        rows[1, 1].set_xlabel(f"iteration {ITERATIONS[frame]}: error {errors_db[frame]:.0f} dB")

    frames = [*range(len(made)), *[len(made) - 1] * (LAST_FRAME_MS // FRAME_MS)]
    path = Path(__file__).parent / "images" / "inversion.gif"
    FuncAnimation(figure, draw, frames).save(path, PillowWriter(fps=1000 // FRAME_MS), dpi=80)
    print(f"{path}: {len(made)} frames, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
