"""export_inverter as a user runs it, with models that are small and untrained."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.inverter import Inverter


@pytest.fixture(scope="module")
def run(command, tmp_path_factory):
    """A folder with a further version, of a generator that is a SavedModel; its models; what was printed."""
    home = tmp_path_factory.mktemp("export")
    keras.utils.set_random_seed(0)
    inverter = Inverter(latent_dim=7, width=2)
    inverter.save(home / "inverter.keras")
    Classifier(architecture="mel_cnn", width=2).save(home / "classifier.keras")
    generator = WaveGAN(WaveGANConfig(dim=1, latent_dim=7))
    tf.saved_model.save(
        generator,
        str(home / "generator"),
        tf.function(generator.call, input_signature=[tf.TensorSpec([None, 7], tf.float32, "z")]),
    )
    put_version(home / "serving/digits/3")
    models = [f"--{name}={name}.keras" for name in ("inverter", "classifier")]
    arguments = ["--generator=generator", "--output_dir=serving/digits", "--quiet"]
    result = command("export_inverter", *models, *arguments, cwd=home)
    return home / "serving/digits", inverter, generator, result


def put_version(folder):
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"of before")


def test_writes_the_next_version_and_nothing_else(run):
    folder, _, _, result = run
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("serving/digits/4: ")
    assert {path.name for path in folder.iterdir()} == {"3", "4", "batching.config", "models.config"}
    assert [path.name for path in (folder / "3").iterdir()] == ["saved_model.pb"]
    assert (folder / "3/saved_model.pb").read_bytes() == b"of before"


def test_any_generator_is_taken_along_frozen(run):
    folder, inverter, generator, _ = run
    loaded = tf.saved_model.load(str(folder / "4"))
    assert not any(variable.trainable for variable in loaded.frozen)
    audio = generator(np.random.default_rng(0).uniform(-1, 1, (2, 7)).astype(np.float32))
    answer = loaded.signatures["reconstruct"](audio=audio)
    latents = inverter.encode(audio)
    np.testing.assert_allclose(answer["latents"], latents, atol=1e-5)
    np.testing.assert_allclose(answer["audio"], generator(latents), atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--version=3"], "version 3 is there already"),
        (["--version=0"], "--version"),
        (["--output_dir=recordings"], "recordings: holds a.wav, which is no version"),
        (["--output_dir=recordings/a.wav"], "--output_dir"),
        (["--inverter=none.keras"], "none.keras: no such file"),
        (["stray"], "stray"),
    ],
)
def test_mistakes_end_in_one_line(command, tmp_path, arguments, words):
    put_version(tmp_path / "serving/inverter/3")
    (tmp_path / "recordings").mkdir()
    (tmp_path / "recordings/a.wav").write_bytes(b"")
    before = sorted(tmp_path.rglob("*"))
    result = command("export_inverter", *arguments, cwd=tmp_path)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert words in result.stderr
    assert sorted(tmp_path.rglob("*")) == before
