"""The notebooks of docs/: they run, and come to what they say."""

from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
import pytest

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "notebooks"
# What must hold where a notebook has ended, of its own variables.
CLAIMS = {
    "clip_to_latent": """
assert error < 1e-3
assert distances["hybrid"] < 0.8 * min(distances["encoder"], distances["silence"])
assert edited.shape == (2, generator.num_samples) and np.isfinite(edited).all()
assert abs(between[0] - near.latents[0]).max() < 1e-6 and abs(between[-1] - exact.latents[0]).max() < 1e-6
""",
    "your_gan": """
assert error < 1e-3
assert correlation > 0.8
""",
}


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def test_each_notebook_is_held_to_something():
    assert sorted(CLAIMS) == sorted(path.stem for path in FOLDER.glob("*.ipynb"))


def draw() -> None:
    """As a notebook shows its latest figure."""
    plt.gcf().canvas.draw()
    plt.close()


@pytest.mark.parametrize("name", CLAIMS)
def test_a_notebook_runs(name, tmp_path, monkeypatch):
    """Its cells, one after the other; in this process, where TensorFlow is imported already."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", draw)
    plt.switch_backend("agg")
    names = {"__name__": "__main__"}
    for source in [*(cell.source for cell in read(name).cells if cell.cell_type == "code"), CLAIMS[name]]:
        exec(source, names)


@pytest.mark.parametrize("name", CLAIMS)
def test_a_notebook_is_stored_with_pictures_and_players(name):
    outputs = [output for cell in read(name).cells for output in cell.get("outputs", [])]
    shown = [output.data for output in outputs if "data" in output]
    assert sum("image/png" in data for data in shown) >= 3
    assert sum("<audio" in data.get("text/html", "") for data in shown) >= 5
    assert not [
        output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"
    ]
    assert (FOLDER / f"{name}.ipynb").stat().st_size < 600_000
