"""convert_tflite as a user runs it."""

import hashlib
import json

import numpy as np
import pytest

from tf_inversion.export import tflite
from tf_inversion.networks.loading import load_inverter

GENERATORS = """
import tensorflow as tf
from tf_inversion import Generator

class Lacking(Generator):
    def __init__(self):
        super().__init__(latent_dim=100, num_samples=16384)

    def call(self, z):
        return tf.tile(tf.signal.irfft(tf.cast(z, tf.complex64), [128]), [1, 128])
"""


@pytest.fixture(scope="module")
def done(command, tiny_models, write_noise, tmp_path_factory):
    """The pretrained generator and an untrained inverter, converted, and what was printed."""
    home = tmp_path_factory.mktemp("convert")
    for i in range(4):
        write_noise(home / "data" / f"{i}.wav", level=0.1 + i / 10)
    arguments = ["--models=inverter,generator", "--formats=float32,int8", "--calibration=data"]
    result = command("convert_tflite", *arguments, *tiny_models, "--num_clips=5", "--quiet", cwd=home)
    assert result.returncode == 0, result.stderr
    return home, result.stdout


def test_files_and_metadata(done, tiny_models):
    folder = done[0] / "out" / "tflite"
    converted = ["generator_float32", "inverter_float32", "inverter_int8"]
    files = [name + suffix for name in converted for suffix in (".json", ".tflite")]
    assert sorted(p.name for p in folder.iterdir()) == sorted([*files, "table.json", "table.md"])
    for name in converted:
        facts = json.loads((folder / f"{name}.json").read_text())
        contents = (folder / f"{name}.tflite").read_bytes()
        assert facts["sha256"] == hashlib.sha256(contents).hexdigest()
        assert f"{facts['model']}_{facts['format']}" == name
        assert facts["sample_rate"] == 16000
    inverter = tiny_models[0].removeprefix("--inverter=")
    assert facts["source"] == inverter
    audio = np.random.default_rng(0).normal(0, 0.1, (2, 16384)).astype(np.float32)
    outputs, _ = tflite.run((folder / "inverter_float32.tflite").read_bytes(), audio)
    np.testing.assert_allclose(outputs["latents"], load_inverter(inverter)(audio), rtol=1e-3, atol=1e-4)


def test_table(done):
    folder = done[0] / "out" / "tflite"
    rows = json.loads((folder / "table.json").read_text())
    assert [f"{row['model']} {row['format']}" for row in rows] == [
        "inverter keras",
        "inverter float32",
        "inverter int8",
        "generator keras",
        "generator float32",
    ]
    assert rows[1]["max_error"] < 1e-3
    assert rows[1]["kilobytes"] == (folder / "inverter_float32.tflite").stat().st_size / 1000
    text = (folder / "table.md").read_text()
    assert text in done[1]
    assert "| inverter int8" in text
    assert "calibration: data" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--formats=int4"], "formats: 'int4' is unknown; choose from float32, float16, dynamic_range, int8"),
        (["--models=judge"], "models: 'judge'"),
        (["--models="], "models: is empty"),
        (["--front_end=fft"], "--front_end"),
        (["--models=generator", "--formats=int8"], "int8 is for the inverter"),
        (["--calibration=nowhere"], "nowhere: no such folder"),
        (["--output_dir=gans.py/x"], "--output_dir"),
        (["--generator=gans:Lacking", "--models=generator", "--formats=float32"], "lacking: IRFFT"),
        (["stray"], "stray"),
    ],
)
def test_mistakes_end_in_one_line(command, tiny_models, tmp_path, arguments, words):
    (tmp_path / "gans.py").write_text(GENERATORS)
    result = command("convert_tflite", *tiny_models, *arguments, "--quiet", cwd=tmp_path)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert words in result.stderr
    assert [p.name for p in tmp_path.iterdir() if p.name != "__pycache__"] == ["gans.py"]
