"""plot_training as a user runs it."""

import pytest
from matplotlib import image

HISTORY = "epoch,loss,validation/loss,validation/score,seconds\n1,2.0,3.0,0.1,9\n2,1.0,2.5,0.3,9\n"


def test_writes_both_pictures_into_the_folder(command, tmp_path):
    (tmp_path / "run$_{$").mkdir()
    (tmp_path / "run$_{$/history.csv").write_text(HISTORY)
    result = command("plot_training", "run$_{$", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert "run$_{$/training.png" in result.stdout
    assert image.imread(tmp_path / "run$_{$/training.png").std() > 0.01
    assert "<svg" in (tmp_path / "run$_{$/training.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give one folder"),
        (["empty"], "empty/history.csv: not there"),
        (["torn"], "torn/history.csv: damaged, or not the history"),
        (["other"], "other/history.csv: damaged, or not the history"),
        (["bare"], "bare/history.csv: damaged, or not the history"),
        (["--output_dir=torn/history.csv", "good"], "--output_dir"),
    ],
)
def test_mistakes_end_in_one_line(command, tmp_path, arguments, words):
    for name, text in {
        "torn": HISTORY + "3,0.",
        "other": "a,b\n1,2\n",
        "bare": "epoch\n1\n",
        "good": HISTORY,
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "history.csv").write_text(text)
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    result = command("plot_training", *arguments, cwd=tmp_path)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert words in result.stderr
    assert sorted(tmp_path.rglob("*")) == before
