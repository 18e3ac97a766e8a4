"""Figures of clips, spectra, metrics and trainings, in one style."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import librosa.display
import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imsave

from tf_inversion import paths
from tf_inversion.audio import mel
from tf_inversion.evaluation import columns
from tf_inversion.evaluation.samples import average_spectrum

DECIBELS = (-60, -10)  # from the darkest to the brightest of every log-mel spectrogram
COLORS = "magma"
_COLUMNS = 8
_MATRICES = 4  # in a line


def decibels(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """Returns the log-mel spectrograms [n, bands, frames] in dB of clips [n, num_samples], see `mono`."""
    return 20 * mel.log_mel(mono(audio), sample_rate).numpy().swapaxes(1, 2)


def spectrogram_png(image: np.ndarray) -> bytes:
    """Returns an image of decibels [bands, frames], a pixel for each, as a PNG file."""
    buffer = io.BytesIO()
    low, high = DECIBELS
    imsave(buffer, image, vmin=low, vmax=high, cmap=COLORS, origin="lower", format="png")
    return buffer.getvalue()


def mono(audio: np.ndarray) -> np.ndarray:
    """Returns clips [n, num_samples], the mean of the channels of [n, num_channels, num_samples]."""
    return audio if audio.ndim == 2 else audio.mean(1)


def spectrogram_grid(audio: np.ndarray, sample_rate: int, title: str) -> Figure:
    """Draws the log-mel spectrograms of clips [n, num_samples] side by side, from -60 to -10 dB."""
    images = decibels(audio, sample_rate)
    rows = -(-len(images) // _COLUMNS)
    figure = Figure(figsize=(1.5 * _COLUMNS, 1.5 * rows + 0.4), layout="constrained")
    figure.suptitle(title, parse_math=False)
    for axes, image in zip(figure.subplots(rows, _COLUMNS, squeeze=False).flat, images):
        axes.imshow(image, origin="lower", aspect="auto", vmin=DECIBELS[0], vmax=DECIBELS[1], cmap=COLORS)
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


def cumulative(values: Mapping[str, np.ndarray], label: str) -> Figure:
    """Draws the cumulative distribution of each set of values [n] over the same axes."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name, numbers in values.items():
        axes.ecdf(numbers, label=name)
    axes.set(xlabel=label, ylabel="share of the clips")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def reconstructions(
    versions: Mapping[str, np.ndarray],
    sample_rate: int,
    title: str,
    predictions: Mapping[str, Sequence[str]] | None = None,
) -> Figure:
    """Draws the paper's Figures 2 and 3: waveform above spectrogram, a column for each version of the clips.

    Args:
      versions: column's heading -> audio [n, num_samples]; the same n clips each time. What is not
        finite is drawn as silence. The waveforms of a clip share a scale, the spectrograms all do.
      sample_rate: in hertz.
      title: of the figure.
      predictions: the class of each clip of each of `versions`, to be written into its waveform.
    """
    audio = np.stack([mono(clips) for clips in versions.values()], 1)
    audio = np.nan_to_num(audio, nan=0.0, posinf=0.0, neginf=0.0)
    num_clips, num_versions, num_samples = audio.shape
    figure = Figure(figsize=(0.6 + 2.4 * num_versions, 0.5 + 2.6 * num_clips), layout="constrained")
    figure.suptitle(title, parse_math=False)
    grid = figure.subplots(
        2 * num_clips, num_versions, squeeze=False, sharex=True, height_ratios=[2, 3] * num_clips
    )
    time = np.arange(num_samples) / sample_rate
    for clip, (waves, spectra) in zip(audio, zip(grid[::2], grid[1::2])):
        peak = max(np.abs(clip).max(), 1e-3)
        for samples, image, wave, spectrum in zip(clip, decibels(clip, sample_rate), waves, spectra):
            wave.plot(time, samples, linewidth=0.4, rasterized=True)
            wave.set(xlim=(0, num_samples / sample_rate), ylim=(-peak, peak), yticks=[])
            librosa.display.specshow(
                image,
                ax=spectrum,
                sr=sample_rate,
                hop_length=mel.FRAME_STEP,
                fmax=sample_rate / 2,
                htk=True,
                x_axis="time",
                y_axis="mel",
                cmap=COLORS,
                vmin=DECIBELS[0],
                vmax=DECIBELS[1],
                rasterized=True,
            )
            spectrum.set(xlabel="", ylabel="Hz", xlim=(0, num_samples / sample_rate))
            spectrum.label_outer()
    for column, name in zip(grid.T, versions):
        column[0].set_title(name, fontsize="medium", parse_math=False)
        for axes, prediction in zip(column[::2], predictions[name] if predictions else ()):
            axes.annotate(
                prediction, (1, 1), (-3, -3), "axes fraction", "offset points", ha="right", va="top"
            )
    for axes in grid[-1]:
        axes.set_xlabel("seconds")
    return figure


def distributions(tables: Mapping[str, columns.ClipTable], title: str) -> Figure:
    """Draws the distributions of the main metrics over clips: a dot for each, the quartiles and the median.

    Args:
      tables: method -> what is known of each clip. What is not finite is left out.
      title: of the figure.
    """
    figure = Figure(figsize=(2.75 * len(columns.MAIN), 1.2 + 0.45 * len(tables)), layout="constrained")
    figure.suptitle(title, parse_math=False)
    rng = np.random.default_rng(0)
    for axes, column in zip(figure.subplots(1, len(columns.MAIN), sharey=True), columns.MAIN):
        for y, table in enumerate(tables.values()):
            values = table[column.key][np.isfinite(table[column.key])]
            dots = y + rng.uniform(-0.3, 0.3, len(values))
            axes.plot(values, dots, ".", markersize=4, alpha=0.4, rasterized=True)
            if len(values):
                low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
                axes.plot([low, high], [y, y], color="0.2", linewidth=1.5)
                axes.plot(median, y, "|", color="0.2", markersize=14, markeredgewidth=2)
        axes.set_yticks(range(len(tables)), list(tables))
        axes.set_xlabel(f"{column.heading} ({column.best})")
        axes.grid(axis="x", alpha=0.3)
    figure.axes[0].invert_yaxis()
    return figure


def confusion(matrices: Mapping[str, np.ndarray], label_names: Sequence[str], title: str) -> Figure:
    """Draws matrices of counts [label, prediction] side by side, darker by share of the label's clips.

    Args:
      matrices: heading -> int [classes, classes].
      label_names: the classes that rows and columns stand for.
      title: of the figure.
    """
    width = min(_MATRICES, len(matrices))
    lines = -(-len(matrices) // width)
    side = 0.5 + 0.24 * len(label_names)
    figure = Figure(figsize=(0.6 + side * width, 0.4 + (side + 0.65) * lines), layout="constrained")
    figure.suptitle(title, parse_math=False)
    grid = figure.subplots(lines, width, squeeze=False)
    for axes, (name, counts) in zip(grid.flat, matrices.items()):
        counts = np.asarray(counts)
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(counts):
            if count:
                color = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, count, ha="center", va="center", fontsize="xx-small", color=color)
        axes.set_title(name, fontsize="medium", parse_math=False)
        axes.set_xticks(range(len(label_names)), label_names, rotation=90, fontsize="small")
        axes.set_yticks(range(len(label_names)), label_names, fontsize="small")
        axes.tick_params(length=0, labelleft=axes in grid[:, 0])
    for axes in list(figure.axes)[len(matrices) :]:
        axes.remove()
    return figure


def training_curves(history: Mapping[str, np.ndarray], title: str) -> Figure:
    """Draws each metric of a training over its epochs, with its validation in the same axes.

    Args:
      history: the columns [epochs] of history.csv; "validation/x" belongs to "x", and the least
        "validation/loss", where the best model was kept, is marked.
      title: of the figure.
    """
    epoch = history["epoch"]
    names = dict.fromkeys(
        name.removeprefix("validation/") for name in history if name not in ("epoch", "seconds")
    )
    width = min(3, len(names))
    lines = -(-len(names) // width)
    figure = Figure(figsize=(3.8 * width, 0.5 + 2.4 * lines), layout="constrained")
    figure.suptitle(title, parse_math=False)
    grid = figure.subplots(lines, width, squeeze=False, sharex=True).flat
    for axes, name in zip(grid, names):
        for key, label, color in ((name, "training", "C0"), (f"validation/{name}", "validation", "C1")):
            if key in history:
                axes.plot(epoch, history[key], ".-" if len(epoch) < 20 else "-", label=label, color=color)
        if "validation/loss" in history:
            axes.axvline(epoch[np.argmin(history["validation/loss"])], color="0.6", linestyle=":", zorder=0)
        axes.set_title(name, fontsize="medium", parse_math=False)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    for axes in list(figure.axes)[len(names) :]:
        axes.remove()
    for axes in figure.axes[-width:]:
        axes.set_xlabel("epoch")
        axes.tick_params(labelbottom=True)
    return figure


def save(figure: Figure, path: str | os.PathLike) -> bytes:
    """Writes a figure in the format that the path's suffix names; returns the file's contents."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=100, format=Path(path).suffix[1:])
    with paths.writing(path) as unfinished:
        unfinished.write_bytes(drawn.getvalue())
    return drawn.getvalue()
