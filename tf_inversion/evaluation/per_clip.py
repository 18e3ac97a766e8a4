"""metrics.csv: one row per inverted clip."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence

import keras
import numpy as np

from tf_inversion import paths
from tf_inversion.evaluation import metrics
from tf_inversion.evaluation.tables import layout

Row = dict[str, "str | float"]

_DISTANCES = ("mse", "nmse_db", "ssim", "log_mel_l1", "rms_ratio")
_MOST_ROWS = 10
_COLUMNS = {
    "name": ("clip", "{}"),
    "nmse_db": ("nMSE dB", "{:.1f}"),
    "ssim": ("SSIM", "{:.4f}"),
    "log_mel_l1": ("mel L1", "{:.3f}"),
    "rms_ratio": ("RMS", "{:.2f}"),
    "predicted_digit": ("digit", "{}"),
    "predicted_digit_of_reconstruction": ("reconstructed", "{}"),
}


def per_clip(
    names: Sequence[str],
    clips: np.ndarray,
    reconstructions: np.ndarray,
    sample_rate: int,
    judge: keras.Model,
    *,
    batch_size: int = 64,
) -> list[Row]:
    """Returns a row per clip: its name, distances, and the word that the judge hears before and after.

    Args:
      names: of the n clips.
      clips, reconstructions: float32 [n, num_samples], finite.
      sample_rate: in hertz.
      judge: a classifier with `label_names`.
      batch_size: bounds the memory.
    """
    distances = metrics.clip_metrics(clips, reconstructions, sample_rate, batch_size=batch_size)
    before, after = (
        metrics.judge_probabilities(judge, audio, batch_size=batch_size).argmax(1)
        for audio in (clips, reconstructions)
    )
    return [
        {
            "name": name,
            **{key: float(distances[key][i]) for key in _DISTANCES},
            "predicted_digit": judge.label_names[before[i]],
            "predicted_digit_of_reconstruction": judge.label_names[after[i]],
        }
        for i, name in enumerate(names)
    ]


def write_csv(path: str | os.PathLike, rows: Sequence[Row]) -> None:
    """Writes the rows; what has no meaning (the ratio of a silent clip's level) stays empty."""
    with paths.writing(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({key: _cell(value, "{}", "") for key, value in row.items()} for row in rows)


def summary(rows: Sequence[Row]) -> str:
    """Returns a table of the first rows, to print."""
    cells = [[heading for heading, _ in _COLUMNS.values()]]
    for row in rows[:_MOST_ROWS]:
        cells.append([_cell(row[key], template) for key, (_, template) in _COLUMNS.items()])
    rest = len(rows) - _MOST_ROWS
    return layout(cells) + (f"\n... and {rest} more" if rest > 0 else "")


def _cell(value: str | float, template: str, undefined: str = "-") -> str:
    is_nan = value != value
    return undefined if is_nan else template.format(value)
