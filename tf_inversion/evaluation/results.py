"""The paper's two tables and its figures, as Markdown, JSON and matplotlib have them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from tf_inversion.evaluation import columns, figures
from tf_inversion.evaluation.evaluation import Evaluation
from tf_inversion.evaluation.tables import layout

TITLES = {
    "synthesized": "Synthesized clips (the paper's Table 1)",
    "real": "Real clips (the paper's Table 2)",
}
#: What the figures show, in the order of the page.
CAPTIONS = {
    "reconstructions": "Clips and their reconstructions",
    "confusion": "Labels (rows) and what the evaluation classifier predicts (columns)",
    "distributions": "Distributions of the metrics",
}
_FIGURE = {"synthesized": "the paper's Figure 2", "real": "the paper's Figure 3"}
# What the paper prints, as MSE, SSIM, accuracy, inception score and its standard deviation.
_PAPER_KEYS = ("mse", "ssim", "accuracy", "inception_score_mean", "inception_score_std")
_PAPER: dict[str, Any] = {
    "synthesized": {
        "reference": (None, None, None, 7.23, 0.003),
        "gradient": (0.00489, 0.9618, None, 3.96, 0.203),
        "encoder": (0.00196, 0.9731, None, 7.50, 0.288),
        "hybrid": (0.00003, 0.9979, None, 7.23, 0.006),
    },
    "real": {
        "reference": (None, None, 0.9541, 9.20, 0.019),
        "gradient": (0.00959, 0.953, 0.1717, 2.20, 0.063),
        "encoder": (0.01176, 0.946, 0.7106, 7.93, 0.077),
        "hybrid": (0.00887, 0.954, 0.3693, 3.89, 0.027),
    },
}
_PAPER_LEGEND = (
    "as printed there: the official SC09 generator, another evaluation classifier and scale of SSIM"
)

#: What `Evaluation.summary` returns.
Summary = Mapping[str, Mapping[str, Any]]


def legend() -> dict[str, str]:
    """Returns the meaning of each heading of `cells`."""
    shown = {column.heading: column.legend for column in columns.AGGREGATES if column.heading}
    return {**shown, "(paper)": _PAPER_LEGEND}


def cells(kind: str, summary: Summary, paper: bool = True) -> list[list[str]]:
    """Returns the lines of one of the tables, the heading first.

    If `paper`, the numbers that it prints stand under the row of the same method.
    """
    lines: list[tuple[str, Mapping[str, Any]]] = []
    for name, row in summary.items():
        lines.append((name, row))
        if paper and name in _PAPER[kind]:
            lines.append((f"{name} (paper)", dict(zip(_PAPER_KEYS, _PAPER[kind][name]))))
    shown = [
        column
        for column in columns.AGGREGATES
        if column.heading and any(row[column.key] is not None for row in summary.values())
    ]
    return [
        [kind, *(column.heading for column in shown)],
        *([name, *(_cell(row, column) for column in shown)] for name, row in lines),
    ]


def _cell(row: Mapping, column: columns.Column) -> str:
    """Returns a value, with the standard deviation that belongs to a mean."""
    text = column.text(row.get(column.key))
    deviation = row.get(re.sub("_mean$", "_std", column.key)) if column.key.endswith("_mean") else None
    return text if deviation is None else f"{text} ± {deviation:.3f}"


def draw(kind: str, evaluation: Evaluation) -> dict[str, Figure]:
    """Draws the figures of `CAPTIONS` on "synthesized" or "real" clips: "confusion" only of labelled ones."""
    clips, tables = evaluation.clips, {name: evaluation.per_clip[name] for name in evaluation.results}
    predicted = next(iter(tables.values()))["predicted_label"]
    shown = np.sort(np.unique(predicted, return_index=True)[1])[:3]  # of different classes
    versions, predictions = {"original": clips.audio[shown]}, {"original": predicted[shown].tolist()}
    for name, table in tables.items():
        versions[name] = evaluation.results[name].audio[shown]
        predictions[name] = table["predicted_label_of_reconstruction"][shown].tolist()
    title = f"{kind} clips, and the class that the evaluation classifier predicts"
    drawn = {"reconstructions": figures.reconstructions(versions, clips.sample_rate, title, predictions)}
    counted = {name: evaluation.confusion(name) for name in ("reference", *tables)}
    if matrices := {name: counts for name, counts in counted.items() if counts is not None}:
        title = f"{kind} clips, label and prediction"
        drawn["confusion"] = figures.confusion(matrices, evaluation.label_names, title)
    return {**drawn, "distributions": figures.distributions(tables, f"{kind} clips, a dot each")}


def as_json(
    runs: Mapping[int, Mapping[str, Summary]], label_names: Sequence[str], provenance: Mapping[str, str]
) -> str:
    """Returns every number of every seed, see `outputs.write_evaluation`; `label_names` head "confusion"."""
    content = {
        "provenance": dict(provenance),
        "label_names": list(label_names),
        "runs": [{"seed": seed, **summaries} for seed, summaries in runs.items()],
    }
    text = json.dumps(content, indent=2, allow_nan=False)
    # A matrix has a line for each row, not for each number.
    return re.sub(r"\[\s+([\d,\s]+?)\s+\]", lambda match: f"[{' '.join(match[1].split())}]", text) + "\n"


def as_markdown(
    runs: Mapping[int, Mapping[str, Summary]],
    drawn: Mapping[str, Iterable[str]],
    provenance: Mapping[str, str],
) -> str:
    """Returns a page of tables, figures and provenance, which reads well on a terminal too.

    Args:
      runs, provenance: see `outputs.write_evaluation`.
      drawn: kind -> the names of its figures.
    """
    parts = ["# Results"]
    for kind in next(iter(runs.values())):
        summaries = [run[kind] for run in runs.values()]
        seeds = f", means over {len(runs)} seeds" if len(runs) > 1 else ""
        parts.append(f"## {TITLES[kind]}: {summaries[0]['reference']['num_clips']}{seeds}")
        parts.append(layout(cells(kind, _over_seeds(summaries, _mean))))
        spread = {name: row for name, row in _over_seeds(summaries, _deviation).items() if any(row.values())}
        if spread:
            parts.append(f"Standard deviation over {len(runs)} seeds, where it is not zero:")
            parts.append(layout(cells(kind, spread, paper=False)))
        for name in drawn.get(kind, ()):
            paper = f" ({_FIGURE[kind]})" if name == "reconstructions" else ""
            parts.append(f"### {CAPTIONS[name]}{paper}\n\n![{CAPTIONS[name]}](figures/{kind}_{name}.png)")
    parts.append("## Columns\n\n" + _bullets(legend()))
    command = {"command": f"`{provenance['command']}`"}
    parts.append("## Provenance\n\n" + _bullets({**provenance, **command}))
    return "\n\n".join(parts) + "\n"


def _bullets(lines: Mapping[str, str]) -> str:
    return "\n".join(f"- {name}: {text}" for name, text in lines.items())


def _over_seeds(summaries: Sequence[Summary], function) -> dict[str, dict[str, float | None]]:
    """Returns the rows of `function` of what the summaries say, where it is one number."""
    return {
        name: {
            key: function([summary[name][key] for summary in summaries if summary[name][key] is not None])
            for key in row
            if key != "confusion"
        }
        for name, row in summaries[0].items()
    }


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _deviation(values: Sequence[float]) -> float | None:
    """Standard deviation of the sample; None where the values do not differ."""
    return float(np.std(values, ddof=1)) if len(set(values)) > 1 else None
