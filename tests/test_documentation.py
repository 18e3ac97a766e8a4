"""The Python of README.md and docs/ runs as printed; tests/export runs what serving and devices have."""

import re
import sys
import types
from pathlib import Path

import curved
import keras
import numpy as np
import pytest
import soundfile

from tf_inversion import invert
from tf_inversion.inversion import solvers
from tf_inversion.networks.inverter import Inverter

ROOT = Path(__file__).resolve().parent.parent


def python_of(document: str) -> list[str]:
    return re.findall("```python\n(.+?)```", (ROOT / document).read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def models_and_clips(tmp_path, monkeypatch):
    """The files that the examples name: a generator, an inverter for it, and two clips that it made."""
    generator = curved.Curved()
    generator.to_model().export(tmp_path / "wavegan_sc09", verbose=False)
    keras.utils.set_random_seed(0)
    (tmp_path / "runs" / "inverter").mkdir(parents=True)
    Inverter(latent_dim=4, width=2, num_samples=2048).save(tmp_path / "runs/inverter/inverter.keras")
    for name, clip in zip(("one", "two"), generator(generator.draw_latents(2, seed=0)).numpy()):
        soundfile.write(tmp_path / f"{name}.wav", clip, 16000, subtype="FLOAT")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("document", ["README.md", "docs/index.md"])
def test_the_example_from_files(document, models_and_clips):
    (example,) = python_of(document)
    names = {}
    exec(example, names)
    assert names["result"].latents.shape == (2, 4)
    assert names["result"].audio.shape == (2, 2048)
    np.testing.assert_allclose(names["exact"].latents, names["result"].latents, rtol=0, atol=1e-4)


def test_the_generator_of_ones_own():
    (example,) = python_of("docs/your_gan.md")
    names = {}
    exec(example, names)
    np.testing.assert_allclose(names["result"].latents, [[0.3, -0.5]], rtol=0, atol=1e-3)


def test_the_solver_of_ones_own(monkeypatch):
    solver, entry, _ = python_of("docs/extending.md")
    module = types.ModuleType("momentum")
    exec(solver, vars(module))
    assert '"momentum": ("momentum", "Momentum")' in entry
    monkeypatch.setitem(sys.modules, f"{solvers.__name__}.momentum", module)
    monkeypatch.setitem(
        solvers.SOLVERS, "lbfgs", ("momentum", "Momentum")
    )  # names of settings are fixed by now
    generator = curved.Curved()
    clips = generator(generator.draw_latents(2, seed=0)).numpy()
    search = {"method": "hybrid", "init": "zero", "objective": "synthesized", "starts": 1}
    early, late = (invert(clips, generator, **search, max_iterations=n) for n in (1, 50))
    assert (early.iterations == 1).all()
    assert (early.evaluations == 3).all()  # of this solver: one at the start, two an iteration
    assert (late.objective < 0.5 * early.objective).all()
