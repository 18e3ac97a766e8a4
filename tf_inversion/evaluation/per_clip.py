"""metrics.csv: one row per inverted clip; trace.csv: the course of the objective."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Sequence

import keras
import numpy as np

from tf_inversion import paths
from tf_inversion.evaluation import metrics
from tf_inversion.evaluation.tables import layout
from tf_inversion.inversion.result import InversionResult

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
    result: InversionResult,
    sample_rate: int,
    judge: keras.Model | None,
    *,
    batch_size: int = 64,
    progress: Callable[[Iterable], Iterable] = iter,
) -> list[Row]:
    """Returns a row per clip: distances, what the judge hears before and after, and what it took.

    Args:
      names: of the n clips.
      clips: float32 [n, num_samples], finite.
      result: of their inversion.
      sample_rate: in hertz.
      judge: a classifier with `label_names`; None if there is none, which leaves its columns out.
      batch_size: bounds the memory.
      progress: wraps loops over batches, one for the distances and two for the judge.
    """
    batches = {"batch_size": batch_size, "progress": progress}
    distances = metrics.clip_metrics(clips, result.audio, sample_rate, **batches)
    heard = {}
    if judge is not None:
        versions = {"predicted_digit": clips, "predicted_digit_of_reconstruction": result.audio}
        for key, audio in versions.items():
            words = metrics.judge_probabilities(judge, audio, **batches).argmax(1)
            heard[key] = [judge.label_names[word] for word in words]
    return [
        {
            "name": name,
            **{key: float(distances[key][i]) for key in _DISTANCES},
            **{key: words[i] for key, words in heard.items()},
            "objective": float(result.objective[i]),
            "status": str(result.status[i]),
            "iterations": int(result.steps[i]),
            "evaluations": int(result.evaluations[i]),
            "seconds": float(result.clip_seconds[i]),
            **{key: float(values[i]) for key, values in (result.adjustments or {}).items()},
            **({} if result.latent_std is None else {"latent_std": float(result.latent_std[i].mean())}),
        }
        for i, name in enumerate(names)
    ]


TRACE = ("name", "iteration", "objective")  # columns of `trace_rows`


def trace_rows(names: Sequence[str], result: InversionResult) -> list[Row]:
    """Returns a row for each clip and each time that its objective was looked at, the best of its starts."""
    return [
        dict(zip(TRACE, (name, int(iteration), float(value))))
        for name, points in zip(names, result.trace)
        for iteration, value in points
    ]


def write_csv(path: str | os.PathLike, rows: Sequence[Row], columns: Sequence[str] | None = None) -> None:
    """Writes the rows; what has no meaning (the ratio of a silent clip's level) stays empty.

    `columns` are those of the first row, where they are not given.
    """
    with paths.writing(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns or list(rows[0]))
        writer.writeheader()
        writer.writerows({key: _cell(value, "{}", "") for key, value in row.items()} for row in rows)


def summary(rows: Sequence[Row]) -> str:
    """Returns a table of the first rows, to print."""
    columns = {key: column for key, column in _COLUMNS.items() if key in rows[0]}
    cells = [[heading for heading, _ in columns.values()]]
    for row in rows[:_MOST_ROWS]:
        cells.append([_cell(row[key], template) for key, (_, template) in columns.items()])
    rest = len(rows) - _MOST_ROWS
    return layout(cells) + (f"\n... and {rest} more" if rest > 0 else "")


def _cell(value: str | float, template: str, undefined: str = "-") -> str:
    is_nan = value != value
    return undefined if is_nan else template.format(value)
