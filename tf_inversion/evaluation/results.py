"""results.md and results.json: the paper's two tables and its figures, and how they were made."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tf_inversion import paths
from tf_inversion.evaluation import figures
from tf_inversion.evaluation.clip_sets import ClipSet
from tf_inversion.evaluation.per_clip import Row
from tf_inversion.evaluation.tables import LEGEND, TITLES, cells, layout
from tf_inversion.inversion.result import InversionResult

#: What the pictures show, in the order of the page.
CAPTIONS = {
    "reconstructions": "Clips and what the methods make of them",
    "confusion": "What the judge hears: the label in rows, its answer in columns",
    "distributions": "How the metrics spread",
}
_SUFFIXES = ("png", "svg")
_PAPER = {"synthesized": "the paper's Figure 2", "real": "the paper's Figure 3"}

Table = Mapping[str, Mapping[str, object]]


def draw(
    folder: str | os.PathLike,
    kind: str,
    clips: ClipSet,
    results: Mapping[str, InversionResult],
    rows: Mapping[str, Sequence[Row]],
    table: Table,
    words: Sequence[str],
) -> list[str]:
    """Writes FOLDER/figures/KIND_NAME.png and .svg for the names in `CAPTIONS`.

    Args:
      folder: to write to.
      kind: "synthesized" or "real".
      clips: the n clips.
      results: method -> inversion of the clips; at least one.
      rows: method -> a row of `per_clip` for each clip.
      table: what `tables.evaluate` returned.
      words: the judge's `label_names`.

    Returns:
      The names of those that were drawn: "confusion" needs labels.
    """
    heard = [row["predicted_digit"] for row in next(iter(rows.values()))]
    shown = np.sort(np.unique(heard, return_index=True)[1])[:3]  # of different words
    versions = {"original": clips.audio, **{method: result.audio for method, result in results.items()}}
    versions = {version: audio[shown] for version, audio in versions.items()}
    answers = {name: [row["predicted_digit_of_reconstruction"] for row in rows[name]] for name in results}
    answers = {name: [said[i] for i in shown] for name, said in {"original": heard, **answers}.items()}
    title = f"{kind} clips, and the word that the judge hears"
    drawn = {
        "reconstructions": figures.reconstructions(versions, clips.sample_rate, title, answers),
        "distributions": figures.distributions(rows, f"{kind} clips, a dot each"),
    }
    if clips.labels is not None:
        matrices = {name: np.array(table[name]["confusion"]) for name in ("reference", *results)}
        drawn["confusion"] = figures.confusion(matrices, words, f"{kind} clips, label and answer")
    for name, figure in drawn.items():
        for suffix in _SUFFIXES:
            figures.save(figure, Path(folder, f"figures/{kind}_{name}.{suffix}"))
    return [name for name in CAPTIONS if name in drawn]


def write_results(
    folder: str | os.PathLike,
    runs: Mapping[int, Mapping[str, Table]],
    pictures: Mapping[str, Sequence[str]],
    words: Sequence[str],
    made: Mapping[str, str],
) -> tuple[str, list[Path]]:
    """Writes results.md, to read, and results.json, with every figure of every seed.

    Removes pictures that an earlier run left and this one did not draw.

    Args:
      folder: to write to, made if absent.
      runs: seed -> "synthesized" or "real" -> what `tables.evaluate` returned; the same each time.
      pictures: kind -> what `draw` returned.
      words: the judge's `label_names`, which the rows and columns of each "confusion" stand for.
      made: how the run was made: "command" -> the command line, and so on.

    Returns:
      The Markdown, which reads well on a terminal too, and the paths of the two files.
    """
    content = {
        "made": dict(made),
        "words": list(words),
        "runs": [{"seed": seed, **tables} for seed, tables in runs.items()],
    }
    text = json.dumps(content, indent=2, allow_nan=False)
    # A matrix has a line for each row, not for each number.
    text = re.sub(r"\[\s+([\d,\s]+?)\s+\]", lambda match: f"[{' '.join(match[1].split())}]", text)
    markdown = _page(list(runs.values()), pictures, made)
    files = {"results.md": markdown, "results.json": text + "\n"}
    for name, written in files.items():
        with paths.writing(Path(folder, name)) as unfinished:
            unfinished.write_text(written, encoding="utf-8")
    for kind, name, suffix in itertools.product(TITLES, CAPTIONS, _SUFFIXES):
        if name not in pictures.get(kind, ()):
            Path(folder, f"figures/{kind}_{name}.{suffix}").unlink(missing_ok=True)
    return markdown, [Path(folder, name) for name in files]


def _page(
    runs: Sequence[Mapping[str, Table]], pictures: Mapping[str, Sequence[str]], made: Mapping[str, str]
) -> str:
    parts = ["# Results"]
    for kind in runs[0]:
        tables = [run[kind] for run in runs]
        seeds = f", means over {len(runs)} seeds" if len(runs) > 1 else ""
        parts.append(f"## {TITLES[kind]}: {tables[0]['reference']['num_clips']}{seeds}")
        parts.append(layout(cells(kind, _over_seeds(tables, _mean))))
        spread = {name: row for name, row in _over_seeds(tables, _deviation).items() if any(row.values())}
        if spread:
            parts.append(f"Standard deviation over {len(runs)} seeds, where it is not zero:")
            parts.append(layout(cells(kind, spread, paper=None)))
        for name in pictures.get(kind, ()):
            paper = f" ({_PAPER[kind]})" if name == "reconstructions" else ""
            parts.append(f"### {CAPTIONS[name]}{paper}\n\n![{CAPTIONS[name]}](figures/{kind}_{name}.png)")
    parts.append(f"## What the figures mean\n\n{LEGEND.strip()}")
    lines = {"made by": f"`{made['command']}`", **{k: v for k, v in made.items() if k != "command"}}
    parts.append("## How it was made\n\n" + "\n".join(f"- {key}: {value}" for key, value in lines.items()))
    return "\n\n".join(parts) + "\n"


def _over_seeds(tables: Sequence[Table], function) -> dict[str, dict[str, float | None]]:
    """Returns the rows of `function` of what the tables say, where it is one number."""
    return {
        name: {
            key: function([table[name][key] for table in tables if table[name][key] is not None])
            for key in row
            if key != "confusion"
        }
        for name, row in tables[0].items()
    }


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _deviation(values: Sequence[float]) -> float | None:
    """Standard deviation of the sample; None where the values do not differ."""
    return float(np.std(values, ddof=1)) if len(set(values)) > 1 else None
