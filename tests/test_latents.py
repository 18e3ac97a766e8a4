"""Latent vectors: how they are turned into clips and kept."""

import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.generators.base import Generator
from tf_inversion.latents import load_latents, remove_earlier, save_latents, synthesize
from tf_inversion.priors import UniformPrior


class Steps(Generator):
    """Holds each latent for two samples."""

    def __init__(self):
        super().__init__(latent_dim=3, num_samples=6)

    def call(self, z):
        return tf.repeat(z, 2, axis=1)


def test_synthesize_makes_every_clip_in_batches():
    latents = UniformPrior().sample(5, 3, seed=0)
    batches = []
    clips = list(synthesize(Steps(), latents, batch_size=2, progress=lambda x: batches.extend(x) or x))
    assert batches == [0, 2, 4]
    np.testing.assert_array_equal(clips, np.repeat(latents, 2, axis=1))


def test_saved_latents_are_read_without_pickle_and_have_the_same_bytes(tmp_path):
    latents = UniformPrior().sample(2, 3, seed=0)
    for name in ("a.npz", "b.npz"):
        save_latents(tmp_path / name, latents, ["one", "zwölf"])
    loaded = np.load(tmp_path / "a.npz", allow_pickle=False)
    np.testing.assert_array_equal(loaded["latents"], latents)
    assert loaded["names"].tolist() == ["one", "zwölf"]
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_saved_latents_are_read_back(tmp_path):
    latents = UniformPrior().sample(2, 3, seed=0)
    save_latents(tmp_path / "a.npz", latents, ["one", "zwölf"], std=latents)
    loaded, names = load_latents(tmp_path / "a.npz")
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, latents)
    assert names == ["one", "zwölf"]


def test_clips_of_an_earlier_run_are_removed(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    for path in (folder / "old.wav", folder / "kept.wav", folder / "mine.wav", tmp_path / "outside.wav"):
        path.touch()
    remove_earlier(folder / "a.npz", folder, [])
    assert len(list(folder.iterdir())) == 3, "there was no earlier run"
    save_latents(folder / "a.npz", np.zeros((4, 3)), ["old", "kept", "gone", "../outside"])
    remove_earlier(folder / "a.npz", folder, ["kept", "new"])
    assert {path.name for path in folder.iterdir()} == {"a.npz", "kept.wav", "mine.wav"}
    assert (tmp_path / "outside.wav").exists()


def test_other_files_are_no_latents(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "nameless.npz", latents=np.zeros((2, 3)))
    save_latents(tmp_path / "fewer.npz", np.zeros((2, 3)), ["one"])
    save_latents(tmp_path / "nan.npz", np.full((1, 3), np.nan), ["one"])
    np.savez(tmp_path / "numbers.npz", latents=np.zeros((2, 3)), names=[1, 2])
    np.savez(tmp_path / "one.npz", latents=np.zeros((2, 3)), names="ab")
    for name in ("missing", "text", "nameless", "fewer", "nan", "numbers", "one"):
        with pytest.raises(errors.InvalidArgumentError, match=f"{name}.npz: "):
            load_latents(tmp_path / f"{name}.npz")
