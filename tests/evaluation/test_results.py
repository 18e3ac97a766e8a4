"""The page of results and its figures, from rows that are made up."""

import json

import numpy as np
import pytest

from tf_inversion.evaluation import columns, outputs, results
from tf_inversion.evaluation.clip_sets import ClipSet
from tf_inversion.evaluation.evaluation import Evaluation
from tf_inversion.inversion.result import InversionResult

MADE = {"command": "evaluate_inversion --seeds=2", "seed": "4, 5"}


def row(**values):
    """Of a table; nothing is known but the values."""
    keys = [*(column.key for column in columns.AGGREGATES), "confusion"]
    return {**dict.fromkeys(keys), "num_clips": 60, **values}


def run(mse, accuracy):
    counts = [[30, 1], [2, 27]]
    return {
        "synthesized": {"reference": row(mse=0.0, exact=1.0), "encoder": row(mse=mse, exact=0.0)},
        "real": {
            "reference": row(mse=0.0, accuracy=0.9, inception_score_mean=2.0, inception_score_std=0.5),
            "encoder": row(mse=0.5, accuracy=accuracy, confusion=counts),
        },
    }


def table_after(markdown, heading):
    lines = markdown[markdown.index(heading) :].splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("|"))
    table = lines[first : lines.index("", first)]
    assert len({len(line) for line in table}) == 1, "columns line up"
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def test_one_seed():
    drawn = {"synthesized": ["reconstructions"], "real": ["reconstructions", "confusion"]}
    markdown = results.as_markdown({4: run(0.25, 0.5)}, drawn, MADE)
    synthesized = table_after(markdown, "(the paper's Table 1): 60\n")
    assert synthesized[0] == ["synthesized", "MSE", "≤ -100 dB"]
    assert synthesized[2:] == [
        ["reference", "0", "100.0%"],
        ["reference (paper)", "-", "-"],
        ["encoder", "0.25", "0.0%"],
        ["encoder (paper)", "0.00196", "-"],
    ]
    real = table_after(markdown, "(the paper's Table 2): 60\n")
    assert real[2] == ["reference", "0", "90.0%", "2.00 ± 0.500"]
    assert real[3] == ["reference (paper)", "-", "95.4%", "9.20 ± 0.019"]
    assert "(the paper's Figure 3)" in markdown
    assert "](figures/synthesized_reconstructions.png)" in markdown
    assert "](figures/real_confusion.png)" in markdown
    assert "synthesized_confusion" not in markdown
    assert "Standard deviation" not in markdown
    assert "nan" not in markdown.lower().replace("provenance", "")
    assert "- command: `evaluate_inversion --seeds=2`\n- seed: 4, 5\n" in markdown
    numbers = results.as_json({4: run(0.25, 0.5)}, ["no", "yes"], MADE)
    assert json.loads(numbers)["runs"] == [{"seed": 4, **run(0.25, 0.5)}]
    assert "[30, 1]," in numbers, "a line of a matrix is a line"


def test_seeds_give_means_and_their_spread():
    """0.1 and 0.3: mean 0.2, standard deviation 0.1 sqrt(2); what is the same each time has none."""
    runs = {4: run(0.1, 0.5), 5: run(0.3, 0.5)}
    markdown = results.as_markdown(runs, {}, MADE)
    assert ["encoder", "0.2", "0.0%"] in table_after(markdown, "60, means over 2 seeds")
    spread = table_after(markdown, "Standard deviation over 2 seeds")
    assert [spread[0], *spread[2:]] == [["synthesized", "MSE"], ["encoder", "0.141"]]
    assert markdown.count("Standard deviation") == 1
    assert "figures/" not in markdown
    written = json.loads(results.as_json(runs, ["no", "yes"], MADE))
    assert [run["seed"] for run in written["runs"]] == [4, 5]
    assert [run["synthesized"]["encoder"]["mse"] for run in written["runs"]] == [0.1, 0.3]
    assert written["label_names"] == ["no", "yes"]
    assert written["provenance"] == MADE


@pytest.mark.parametrize("labels", [None, np.array([0, 1, 1, -1])])
def test_figures_are_written_and_those_of_an_earlier_run_removed(tmp_path, labels):
    audio = np.random.default_rng(0).uniform(-1, 1, (4, 2048)).astype(np.float32)
    result = InversionResult(
        latents=np.zeros((4, 2), np.float32),
        audio=audio / 2,
        objective=np.zeros(4),
        iterations=np.zeros(4, np.int32),
        evaluations=np.ones(4, np.int32),
        status=np.full(4, "encoded"),
        clip_seconds=np.zeros(4, np.float32),
    )
    predicted = np.array(["no", "no", "yes", "no"])
    table = {
        "predicted_label": predicted,
        "predicted_label_of_reconstruction": np.full(4, "no"),
        "label": predicted,
        **{column.key: np.full(4, 0.5) for column in columns.MAIN},
    }
    clips = ClipSet(audio, 16000, labels)
    per_clip = {"reference": table, "encoder": table}
    evaluation = Evaluation(clips, {"encoder": result}, per_clip, ("no", "yes"))
    wanted = list(results.CAPTIONS) if labels is not None else ["reconstructions", "distributions"]
    assert list(results.draw("real", evaluation)) == wanted
    (tmp_path / "figures").mkdir()
    for name in ("real_confusion.svg", "synthesized_distributions.png", "mine.png"):
        (tmp_path / "figures" / name).touch()
    runs, shown = {4: {"real": evaluation.summary()}}, {"real": evaluation}
    markdown, written = outputs.write_evaluation(tmp_path, runs, shown, MADE, report_clips=0)
    assert written == [tmp_path / "results.md", tmp_path / "results.json"]
    assert written[0].read_text(encoding="utf-8") == markdown
    assert json.loads(written[1].read_text())["label_names"] == ["no", "yes"]
    left = {path.name for path in (tmp_path / "figures").iterdir()}
    assert left == {"mine.png", *(f"real_{name}.{suffix}" for name in wanted for suffix in ("png", "svg"))}
