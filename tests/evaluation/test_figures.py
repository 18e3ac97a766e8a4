"""Figures are written, and show what they should."""

import numpy as np
from matplotlib import image

from tf_inversion.evaluation import figures


def test_a_louder_clip_is_brighter_in_the_grid(tmp_path):
    time = np.arange(16384) / 16000
    tone = np.sin(2 * np.pi * 1000 * time).astype(np.float32)
    for name, audio in {"loud": tone, "silent": 0 * tone}.items():
        figures.save(figures.spectrogram_grid(np.stack([audio] * 9), 16000, name), tmp_path / f"{name}.png")
    loud, silent = (image.imread(tmp_path / f"{name}.png")[..., :3].mean() for name in ("loud", "silent"))
    assert loud > silent + 0.001
    assert sorted(path.name for path in tmp_path.iterdir()) == ["loud.png", "silent.png"]


def test_spectra_have_a_line_for_each_set(tmp_path):
    rng = np.random.default_rng(0)
    clips = {"white": rng.normal(size=[2, 16384]), "silent": np.zeros([2, 16384])}
    figure = figures.average_spectra(clips, 16000)
    lines = figure.axes[0].get_lines()
    assert [line.get_label() for line in lines] == ["white", "silent"]
    white = lines[0].get_ydata()
    assert np.ptp(white[5:-5]) < 6  # flat
    figures.save(figure, tmp_path / "spectra.svg")
    assert (tmp_path / "spectra.svg").read_text().startswith("<?xml")
