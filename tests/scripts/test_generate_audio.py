"""generate_audio as a user runs it, with the pretrained generator."""

import time

import numpy as np
import pytest
import soundfile

from tf_inversion.generators.loading import load_generator
from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
from tf_inversion.latents import load_latents, save_latents
from tf_inversion.priors import NormalPrior


@pytest.fixture(scope="module")
def folders(command, tmp_path_factory):
    """Two runs of the same seed, in different seconds, and what the first of them printed."""
    home = tmp_path_factory.mktemp("generate")
    arguments = ("--num=3", "--seed=7", "--batch_size=2", "--quiet")
    first = command("generate_audio", *arguments, "--output_dir=a/b", cwd=home)
    time.sleep(1)
    second = command("generate_audio", *arguments, "--output_dir=c", cwd=home)
    assert (first.returncode, first.stderr) == (0, "")
    assert second.returncode == 0
    return home / "a/b", home / "c"


def test_files(folders):
    names = [f"synthesized_{i:05d}" for i in range(3)]
    assert sorted(p.name for p in folders[0].iterdir()) == ["latents.npz", *(f"{name}.wav" for name in names)]
    saved = np.load(folders[0] / "latents.npz", allow_pickle=False)
    assert saved["names"].tolist() == names
    assert saved["latents"].dtype == np.float32
    assert saved["latents"].shape == (3, 100)
    assert soundfile.info(folders[0] / f"{names[0]}.wav").subtype == "FLOAT"


def test_clips_are_what_the_generator_makes_of_the_latents(folders):
    saved = np.load(folders[0] / "latents.npz", allow_pickle=False)
    generator = load_generator()
    for name, expected in zip(saved["names"], generator(saved["latents"]).numpy()):
        audio, rate = soundfile.read(folders[0] / f"{name}.wav", dtype="float32")
        assert rate == generator.sample_rate
        np.testing.assert_allclose(audio, expected, atol=1e-6)


def test_same_seed_same_bytes(folders):
    for file in folders[0].iterdir():
        assert file.read_bytes() == (folders[1] / file.name).read_bytes(), file.name


def test_a_shorter_run_leaves_no_clips_of_a_longer_one(command, tmp_path):
    folder = tmp_path / "out/generated"
    folder.mkdir(parents=True)
    save_latents(folder / "latents.npz", np.zeros((3, 100)), [f"synthesized_{i:05d}" for i in range(3)])
    for name in ("synthesized_00001.wav", "synthesized_00002.wav", "synthesized_2.wav", "mine.wav"):
        (folder / name).touch()
    result = command("generate_audio", "--num=1", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    left = {"latents.npz", "synthesized_00000.wav", "synthesized_2.wav", "mine.wav"}
    assert {path.name for path in folder.iterdir()} == left


def test_pcm_16(command, tmp_path):
    result = command("generate_audio", "--num=1", "--subtype=PCM_16", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert soundfile.info(tmp_path / "out/generated/synthesized_00000.wav").subtype == "PCM_16"


def test_stereo_of_a_normal_prior(command, tmp_path):
    generator = WaveGAN(WaveGANConfig(dim=1, latent_dim=3, num_channels=2))
    generator.to_model().save(tmp_path / "stereo.keras")
    arguments = ("--generator=stereo.keras", "--latent_prior=normal", "--num=2")
    result = command("generate_audio", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    latents, names = load_latents(tmp_path / "out/generated/latents.npz")
    np.testing.assert_array_equal(latents, NormalPrior().sample(2, 3, seed=0))
    for name, audio in zip(names, generator(latents).numpy()):
        samples, _ = soundfile.read(tmp_path / f"out/generated/{name}.wav", dtype="float32")
        np.testing.assert_allclose(samples.T, audio, atol=1e-6)


@pytest.mark.parametrize(
    ("argument", "code", "words"),
    [
        ("--num=0", 1, "--num"),
        ("--num=many", 1, "--num"),
        ("--subtype=MP3", 1, "--subtype"),
        ("--seed=-1", 1, "--seed"),
        ("--output_dir=file/x", 1, "--output_dir"),
        ("--generator=nowhere", 1, "nowhere"),
        ("--latent_prior=cauchy", 1, "--latent_prior"),
        ("stray", 1, "stray"),
        ("--nosuch=1", 2, "nosuch"),
    ],
)
def test_mistakes_end_in_one_line(command, tmp_path, argument, code, words):
    (tmp_path / "file").write_text("")
    result = command("generate_audio", argument, cwd=tmp_path)
    assert result.returncode == code
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert words in result.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
