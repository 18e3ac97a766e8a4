"""Pictures of clips and spectra, in one style."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from tf_inversion import paths
from tf_inversion.audio import mel
from tf_inversion.evaluation.samples import average_spectrum

_COLUMNS = 8


def spectrogram_grid(audio: np.ndarray, sample_rate: int, title: str) -> Figure:
    """Draws the log-mel spectrograms of clips [n, num_samples] side by side, from -60 to -10 dB."""
    images = 20 * mel.log_mel(audio, sample_rate).numpy()
    rows = -(-len(images) // _COLUMNS)
    figure = Figure(figsize=(1.5 * _COLUMNS, 1.5 * rows + 0.4), layout="constrained")
    figure.suptitle(title)
    for axes, image in zip(figure.subplots(rows, _COLUMNS, squeeze=False).flat, images):
        axes.imshow(image.T, origin="lower", aspect="auto", vmin=-60, vmax=-10, cmap="magma")
    for axes in figure.axes:
        axes.set_axis_off()
    return figure


def average_spectra(clips: Mapping[str, np.ndarray], sample_rate: int) -> Figure:
    """Draws the average spectrum of each set of clips [n, num_samples] over the same axes."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name, audio in clips.items():
        frequencies, power = average_spectrum(audio, sample_rate)
        axes.plot(frequencies / 1000, 10 * np.log10(np.maximum(power, 1e-12)), label=name, linewidth=1)
    axes.set(xlabel="kHz", ylabel="dB relative to the clips' power", ylim=(-120, 0))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def save(figure: Figure, path: str | os.PathLike) -> None:
    """Writes a figure in the format that the path's suffix names."""
    with paths.writing(path) as unfinished:
        figure.savefig(unfinished, dpi=100)
