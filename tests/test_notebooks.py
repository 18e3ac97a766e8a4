"""The notebooks of docs/: they run, and come to what they say."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

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


@pytest.mark.parametrize("name", CLAIMS)
def test_a_notebook_runs(name, tmp_path):
    notebook = read(name)
    notebook.cells.append(nbformat.v4.new_code_cell(CLAIMS[name]))
    in_folder = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, kernel_name="python3", startup_timeout=600, resources=in_folder).execute()
    assert notebook.cells[-1].execution_count == sum(cell.cell_type == "code" for cell in notebook.cells)


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
