import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.audio import files
from tf_inversion.audio.clips import ClipList, find_clips
from tf_inversion.networks.loading import load_classifier
from tf_inversion.training.augmentation import Augmentation
from tf_inversion.training.classifier import train_classifier
from tf_inversion.training.settings import ClassifierTrainingSettings, RunSettings


def test_augmentation_moves_and_scales_but_keeps_the_clip():
    audio = tf.constant(np.sin(np.arange(16384) / 5.0)[np.newaxis].repeat(4, 0) * 0.1, tf.float32)
    seed = tf.constant([3, 9])
    augmented = Augmentation(gain_db=6.0, shift_seconds=0.1)(audio, seed, 16000).numpy()
    for clip in augmented:
        start = np.flatnonzero(clip)[0] - 1  # the sine begins with a zero
        assert 0 <= start <= 1600
        gain = clip[start + 1] / audio[0, 1].numpy()
        assert 10 ** (-6 / 20) - 1e-3 < gain < 10 ** (6 / 20) + 1e-3
        np.testing.assert_allclose(clip[start:], gain * audio[0, : 16384 - start], atol=1e-5)
    assert not np.array_equal(augmented[0], augmented[1])
    again = Augmentation(gain_db=6.0, shift_seconds=0.1)(audio, seed, 16000)
    np.testing.assert_array_equal(augmented, again)


def test_augmentation_noise_stays_under_its_level():
    noise = Augmentation(noise_db=-40.0)(tf.zeros([64, 16384]), tf.constant([0, 1]), 16000).numpy()
    levels = 20 * np.log10(np.sqrt(np.mean(noise**2, axis=1)))
    assert -80.5 < levels.min() < -70
    assert -50 < levels.max() < -39.5


def test_augmentation_speed_changes_pitch_and_length():
    audio = np.zeros([4, 16384], np.float32)
    audio[:, :8000] = np.sin(2 * np.pi * 1000 * np.arange(8000) / 16000)
    played = Augmentation(speed=0.1)(tf.constant(audio), tf.constant([1, 2]), 16000).numpy()
    assert played.shape == audio.shape
    speeds = []
    for clip in played:
        spectrum = np.abs(np.fft.rfft(clip))
        speeds.append(spectrum.argmax() * 16000 / 16384 / 1000)
        length = np.flatnonzero(np.abs(clip) > 0.05)[-1]
        assert length == pytest.approx(8000 / speeds[-1], rel=0.01)
        assert np.sqrt(np.mean(clip[:length] ** 2)) == pytest.approx(np.sqrt(0.5), rel=0.02)
    assert 0.89 < min(speeds) < max(speeds) < 1.11
    assert max(speeds) - min(speeds) > 0.01


@pytest.fixture
def beeps(tmp_path):
    """Two words that anything can tell apart: a low and a high tone, a folder for each."""
    rng = np.random.default_rng(0)
    for name, hertz in (("low", 300), ("high", 3000)):
        for index in range(40):
            tone = rng.uniform(0.2, 0.8) * np.sin(2 * np.pi * hertz * np.arange(8000) / 16000)
            files.write_audio(tmp_path / "beeps" / name / f"{index}.wav", tone.astype(np.float32), 16000)
    return tmp_path / "beeps"


@pytest.mark.parametrize("architecture", ["resnet18", "mel_cnn"])
def test_learns_to_tell_tones_apart(architecture, beeps, tmp_path):
    keras.utils.set_random_seed(0)
    settings = ClassifierTrainingSettings(
        architecture=architecture,
        width=4,
        num_samples=4096,
        batch_size=8,
        dropout=0.0,
        gain_db=0.0,
        shift_seconds=0.0,
    )
    run = RunSettings(str(tmp_path / "run"), epochs=3)
    best = train_classifier(find_clips(beeps, "train"), find_clips(beeps, "valid"), settings, run)
    assert best["validation/accuracy"] == 1.0
    assert set(load_classifier(tmp_path / "run/classifier.keras").label_names) == {"low", "high"}
    kept = json.loads((tmp_path / "run/settings.json").read_text())
    assert kept["architecture"] == architecture
    assert kept["epochs"] == 3
    assert kept["train_clips"].startswith(f"{len(find_clips(beeps, 'train'))} clips, sha256 ")


def test_a_run_goes_on_where_the_data_lie_elsewhere_but_not_with_other_data(beeps, tmp_path):
    settings = ClassifierTrainingSettings(architecture="mel_cnn", width=2, batch_size=8)
    run = RunSettings(str(tmp_path / "run"), epochs=1, steps_per_epoch=1)

    def train(folder):
        return train_classifier(find_clips(folder, "train"), find_clips(folder, "valid"), settings, run)

    best = train(beeps)
    moved = beeps.rename(tmp_path / "elsewhere")
    assert train(moved) == {**best, "epoch": 1.0}
    (moved / "high/0.wav").rename(moved / "high/other.wav")
    with pytest.raises(errors.TrainingError, match=r"holds a run with (train|valid)_clips=.* clips, sha256"):
        train(moved)


def test_needs_a_readable_clip_to_validate_with(beeps, tmp_path):
    train_clips = find_clips(beeps, "train").pick([0, 1])
    absent = ClipList(["absent.wav"], [0], train_clips.label_names)
    settings = ClassifierTrainingSettings(width=2, batch_size=1)
    with pytest.raises(errors.DatasetError, match=r"absent\.wav: 0 of 1 readable"):
        train_classifier(train_clips, absent, settings, RunSettings(str(tmp_path / "run")))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("labels", "names"), [(None, []), ([0], ["hum"])])
def test_needs_clips_of_two_classes(labels, names):
    clips = ClipList(["a.wav"], labels, names)
    with pytest.raises(errors.DatasetError, match="needs clips of two classes"):
        train_classifier(clips, clips)


def test_refuses_a_name_that_is_none():
    with pytest.raises(errors.InvalidArgumentError, match="name: 'my model'; use letters"):
        ClassifierTrainingSettings(name="my model")
