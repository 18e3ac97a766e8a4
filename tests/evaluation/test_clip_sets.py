"""The clips of the tables: which, at what level, with what labels."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.audio.clips import find_clips
from tf_inversion.evaluation.clip_sets import real_clips, synthesized_clips
from tf_inversion.generators.base import Generator

WORDS = ("nine", "one", "zero")


class Ramps(Generator):
    def __init__(self):
        super().__init__(latent_dim=2, num_samples=1024, sample_rate=8000)

    def call(self, z):
        return z[:, :1] * tf.linspace(0.0, 1.0, 1024)


def write(path, level):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full(1000, level), 8000, subtype="FLOAT")


@pytest.fixture
def digits(tmp_path):
    """Five clips, 0 to 4, each at another level."""
    for digit in range(5):
        write(tmp_path / f"{digit}_anna_0.wav", 0.1 * (digit + 1))
    return find_clips(tmp_path, "all")


def test_synthesized_clips_are_made_of_their_latents():
    clips = synthesized_clips(Ramps(), 5, seed=1, batch_size=2)
    assert clips.sample_rate == 8000
    np.testing.assert_array_equal(clips.audio[:, -1], clips.latents[:, 0])
    np.testing.assert_array_equal(clips.audio, synthesized_clips(Ramps(), 5, seed=1).audio)
    assert clips.labels is None


def test_labels_refer_to_the_judges_classes(digits, caplog):
    clips = real_clips(digits, Ramps(), WORDS, num=10, seed=0)
    assert clips.labels.tolist() == [2, 1, -1, -1, -1]
    assert clips.latents is None
    assert [Path(path).stem for path in clips.paths] == clips.names
    assert "does not know four, three, two: 3 of 5" in caplog.text
    np.testing.assert_allclose(clips.audio[:, 0], [0.1, 0.2, 0.3, 0.4, 0.5], rtol=1e-6)
    assert not clips.audio[:, 1000:].any()


def test_peak_brings_clips_to_one_level(digits):
    clips = real_clips(digits, Ramps(), WORDS, num=10, seed=0, peak=0.9)
    np.testing.assert_allclose(np.abs(clips.audio).max(axis=1), 0.9, rtol=1e-6)


def test_a_choice_by_seed(digits):
    choices = {
        tuple(real_clips(digits, Ramps(), WORDS, num=2, seed=seed).audio[:, 0]) for seed in (0, 0, 1, 2, 3)
    }
    assert all(len(choice) == 2 for choice in choices)
    assert 2 <= len(choices) <= 4


def test_unreadable_clips_are_left_out_with_their_labels(digits, tmp_path):
    (tmp_path / "0_anna_0.wav").write_text("no audio")
    assert real_clips(digits, Ramps(), WORDS, num=10, seed=0).labels.tolist() == [1, -1, -1, -1]


def test_unlabelled_clips(tmp_path):
    write(tmp_path / "some.wav", 0.1)
    assert real_clips(find_clips(tmp_path, "all"), Ramps(), WORDS, num=1, seed=0).labels is None


def test_no_readable_clip(tmp_path):
    (tmp_path / "some.wav").write_text("no audio")
    with pytest.raises(errors.DatasetError, match=r"some\.wav"):
        real_clips(find_clips(tmp_path, "all"), Ramps(), WORDS, num=1, seed=0)
