"""train_latent_probe as a user runs it, on an inverter that knows nothing."""

import numpy as np
import pytest
import soundfile

from tf_inversion.applications.probe import load_probes
from tf_inversion.corpus import store
from tf_inversion.latents import save_latents
from tf_inversion.priors import UniformPrior


def table(text):
    """Cells of the rows by their first one."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if "|" in line
    ]
    return {row[0]: row[1:] for row in rows[2:]}


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    """Two digits by two speakers, eight clips of each to train on and two held out."""
    home = tmp_path_factory.mktemp("tones")
    rng = np.random.default_rng(0)
    (home / "clips").mkdir()
    for digit in (1, 7):
        for speaker, hertz in (("low", 200), ("high", 2000)):
            for index in (0, 1, *range(10, 18)):
                tone = np.sin(2 * np.pi * hertz * digit * np.arange(4000) / 16000 * rng.uniform(0.98, 1.02))
                soundfile.write(home / f"clips/{digit}_{speaker}_{index}.wav", 0.5 * tone, 16000)
    return home


@pytest.fixture(scope="module")
def inverter(tiny_models):
    return tiny_models[0]


def test_of_drawn_latents(command, inverter, tmp_path):
    arguments = ("--num_clips=60", "--confidence=0.3", "--quiet", "--output_dir=out")
    result = command("train_latent_probe", inverter, *arguments, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    rows = table(result.stdout)
    assert list(rows) == ["digit"]
    num_train, num_test = map(int, rows["digit"][:2])
    assert 10 < num_train + num_test <= 60
    assert num_train == int(0.8 * (num_train + num_test))
    (probe,) = load_probes(tmp_path / "out/latent_probe.npz").values()
    assert probe.coef.shape == (len(probe.labels), 100)
    card = (tmp_path / "out/latent_probe.md").read_text(encoding="utf-8")
    assert "train_latent_probe" in card
    assert table(card) == rows


def test_of_recordings(command, inverter, tones):
    arguments = ("--data_dir=clips", "--num_clips=50", "--confidence=0", "--quiet", "--output_dir=out")
    result = command("train_latent_probe", inverter, *arguments, cwd=tones)
    assert (result.returncode, result.stderr) == (0, "")
    rows = table(result.stdout)
    assert list(rows) == ["digit", "speaker", "clip_digit", "clip_speaker"]
    assert rows["speaker"][:2] == ["40", "10"]
    for name in ("clip_digit", "clip_speaker"):
        num_train, num_test, accuracy, chance, *precision, neighbour = rows[name]
        assert (num_train, num_test, chance, neighbour) == ("32", "8", "50.0%", "50.0%")
        # Even a network that was never trained hears something of a tone's frequency.
        assert all(50 < float(share.removesuffix("%")) <= 100 for share in (accuracy, *precision))
    probes = load_probes(tones / "out/latent_probe.npz")
    assert list(probes) == list(rows)
    assert probes["clip_digit"].labels == ("one", "seven")
    assert set(probes["speaker"].labels) <= {"low", "high"}


def test_of_latents_that_were_saved(command, inverter, tones):
    names = [path.stem for path in sorted((tones / "clips").iterdir()) if "_1" in path.stem]
    latents = UniformPrior().sample(len(names), 100, seed=0)
    latents[:, :30] += np.array([[1 if "high" in name else -1] for name in names])
    save_latents(tones / "latents.npz", latents, names)
    arguments = ("--data_dir=clips", "--latents=latents.npz", "--num_clips=50", "--confidence=0", "--quiet")
    result = command("train_latent_probe", inverter, *arguments, cwd=tones)
    assert result.returncode == 0, result.stderr
    row = table(result.stdout)["clip_speaker"]
    assert row[:3] == ["32", "4", "100.0%"]
    assert row[4] == "100.0%"


def test_of_a_data_set(command, inverter, tmp_path):
    labels = ["one", "two"] * 30
    latents = UniformPrior().sample(60, 100, seed=0)
    latents[:, :30] += [[1 if label == "one" else -1] for label in labels]
    columns = {
        "path": [f"{i}.wav" for i in range(60)],
        "label": labels,
        "speaker": [f"speaker {i >= 40}" for i in range(60)],
        "split": ["train"] * 40 + ["test"] * 20,
        "status": ["ok"] * 59 + ["not finite"],
        "latents": latents,
    }
    store.write(tmp_path / "corpus/000000.parquet", columns, {})
    arguments = ("--latents=corpus", "--num_clips=50", "--confidence=0", "--quiet", "--output_dir=out")
    result = command("train_latent_probe", inverter, *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    rows = table(result.stdout)
    # The speakers of the two splits are others: there is nothing to test by.
    assert list(rows) == ["digit", "clip_digit"]
    assert rows["clip_digit"][:3] == ["40", "19", "100.0%"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--latents=x.npz"], "--latents: give --data_dir too"),
        (["--data_dir=clips", "--latents=x.npz"], "x.npz: not a latents file"),
        (["--data_dir=missing"], "missing: no such folder"),
        (["--num_clips=10", "--confidence=1"], "confidence: 1; 0 of 10 drawn clips"),
    ],
)
def test_mistakes_end_in_one_line(command, inverter, tones, arguments, words):
    before = sorted(tones.rglob("*"))
    result = command("train_latent_probe", inverter, "--quiet", "--output_dir=new", *arguments, cwd=tones)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert words in result.stderr
    assert sorted(tones.rglob("*")) == before
