"""Tables as Markdown and CSV."""

import csv

import numpy as np

from tf_inversion.evaluation import tables


def test_layout_aligns_columns():
    text = tables.layout([["", "MSE"], ["encoder", "0.1"], ["a", "12.25"]])
    assert text.splitlines() == [
        "|         |   MSE |",
        "| ------- | ----: |",
        "| encoder |   0.1 |",
        "| a       | 12.25 |",
    ]


def test_csv_keeps_digits_and_leaves_out_what_is_not_defined(tmp_path):
    undecodable = b"a\xff.wav".decode(errors="surrogateescape")
    rows = [{"path": undecodable, "mse": 0.1 + 0.2}, {"path": "b, c", "mse": float("nan")}]
    tables.write_csv(tmp_path / "metrics.csv", rows)
    assert b"a\xff.wav" in (tmp_path / "metrics.csv").read_bytes()
    with (tmp_path / "metrics.csv").open(newline="", errors="surrogateescape") as file:
        header, *lines = csv.reader(file)
    assert header == ["path", "mse"]
    assert lines == [[undecodable, "0.30000000000000004"], ["b, c", ""]]


def test_clip_summary_shows_ten_clips(sections):
    table = sections[0].evaluation.per_clip["hybrid"]
    lines = tables.clip_summary(table).splitlines()
    assert len(lines) == 2 + 10 + 1
    assert lines[-1] == "... and 18 more"
    assert "five" in lines[2]
    assert "-" in [cell.strip() for cell in lines[3].split("|")], "of the clip that could not be inverted"


def test_trace_rows(sections):
    result = sections[0].evaluation.results["hybrid"]
    rows = tables.trace_rows(["x", "y"], result)
    assert [tuple(row) for row in rows[:1]] == [tables.TRACE]
    assert [row["iteration"] for row in rows] == [10, 20, 30] * 2
    np.testing.assert_allclose([row["objective"] for row in rows[:3]], [1, 0.1, 0.01])
