"""Tables, as Markdown to read and as CSV to compute with."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tf_inversion import paths
from tf_inversion.evaluation import columns
from tf_inversion.inversion.result import InversionResult

TRACE = ("name", "iteration", "objective")  # columns of trace.csv
_MAX_ROWS = 10


def layout(lines: Sequence[Sequence[str]]) -> str:
    """Sets lines of cells, the heading first, as a Markdown table with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    padded = [
        [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))]
        for line in [lines[0], rule, *lines[1:]]
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in padded)


def markdown(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, tuple[str, str]]) -> str:
    """Lays out rows as a Markdown table; columns are key -> heading and format, None comes out as "-"."""
    lines = [
        ["-" if row[key] is None else form.format(row[key]) for key, (_, form) in columns.items()]
        for row in rows
    ]
    return layout([[heading for heading, _ in columns.values()], *lines])


def clip_summary(table: columns.ClipTable) -> str:
    """Returns a table of the first clips, to print."""
    rows = columns.rows(table)
    predictions = ("predicted_label", "predicted_label_of_reconstruction")
    wanted = columns.pick("name", *(column.key for column in columns.MAIN), *predictions)
    shown = [column for column in wanted if column.key in rows[0]]
    lines = [[column.text(row[column.key]) for column in shown] for row in rows[:_MAX_ROWS]]
    rest = len(rows) - _MAX_ROWS
    more = f"\n... and {rest} more" if rest > 0 else ""
    return layout([[column.heading for column in shown], *lines]) + more


def trace_rows(names: Sequence[str], result: InversionResult) -> list[dict[str, str | float]]:
    """Returns a row for each clip and each recorded iteration: the best objective of its restarts so far."""
    return [
        dict(zip(TRACE, (name, int(iteration), float(value))))
        for name, points in zip(names, result.trace or ())
        for iteration, value in points
    ]


def write_csv(
    path: str | os.PathLike, rows: Sequence[Mapping[str, object]], header: Iterable[str] | None = None
) -> None:
    """Writes rows; what is not defined (the ratio of a silent clip's level) stays empty.

    Args:
      path: of the file.
      rows: column -> value.
      header: the columns, by default those of the first row.
    """
    with (
        paths.writing(path) as unfinished,
        # A path that is no text comes out as the bytes that it is.
        unfinished.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        writer = csv.DictWriter(file, list(header or rows[0]))
        writer.writeheader()
        writer.writerows({key: "" if value != value else value for key, value in row.items()} for row in rows)
