"""The adversarial training on networks of width 1, run eagerly: tracing would take longer than all steps."""

import collections
import csv
import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.util import event_pb2

from tf_inversion import errors
from tf_inversion.audio import files
from tf_inversion.audio.clips import ClipList, check_clips, find_clips
from tf_inversion.evaluation import samples
from tf_inversion.generators.loading import load_generator
from tf_inversion.generators.official import network_variables
from tf_inversion.generators.official_graph import save_official
from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.discriminator import Discriminator
from tf_inversion.training import loop
from tf_inversion.training.adversarial import LOSSES
from tf_inversion.training.run import Run
from tf_inversion.training.settings import RunSettings, WaveGANTrainingSettings
from tf_inversion.training.wavegan import WaveGANTraining, start_from, train_wavegan

SMALL = WaveGANConfig(dim=1, kernel_len=5, latent_dim=3)
SETTINGS = {
    "width": 1,
    "kernel_len": 5,
    "latent_dim": 3,
    "mel_width": 0,
    "batch_size": 2,
    "peak": 0.0,
    "gain_db": 3.0,
    "shift_seconds": 0.01,
    "num_judged": 20,
    "format": "keras",
}
pytestmark = pytest.mark.usefixtures("eagerly")


def networks(seed: int, config: WaveGANConfig = SMALL, **of_discriminator) -> tuple[WaveGAN, Discriminator]:
    keras.utils.set_random_seed(seed)
    return WaveGAN(config), Discriminator(config, **{"mel_width": 1, **of_discriminator})


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> dict[str, ClipList]:
    """Noise of several levels: eight clips to train on and three to validate with."""
    folder = tmp_path_factory.mktemp("noise")
    rng = np.random.default_rng(0)
    for i in range(11):
        audio = rng.uniform(-1, 1, 9000).astype(np.float32) * rng.uniform(0.1, 0.9)
        files.write_audio(folder / ("train" if i < 8 else "valid") / f"{i}.wav", audio, 16000)
    return {split: find_clips(folder, split) for split in ("train", "valid")}


def judge() -> Classifier:
    keras.utils.set_random_seed(5)
    return Classifier(architecture="mel_cnn", width=2)


class Killed(Exception):
    """Stands for a kill in the middle of a step."""


class Bar:
    """A progress bar that kills the run at a step."""

    def __init__(self, kill_at):
        self._left = kill_at

    def __call__(self, loop=None, **_):
        return self if loop is None else loop

    def set_postfix_str(self, text, refresh):
        pass

    def update(self):
        self._left -= 1
        if self._left < 0:
            raise Killed

    def close(self):
        pass


class Training(WaveGANTraining):
    """Steps of two clips."""

    def __init__(self, output_dir, clips, seed=0, epochs=2, steps_per_epoch=2, kill_at=None, **changes):
        self.generator, self.discriminator = networks(seed, mel_width=0)
        self.note = changes.pop("note", lambda *_: None)
        loss = changes.pop("loss", dataclasses.replace(LOSSES["ns_r1"], penalty_every=2))
        progress = Bar(kill_at) if kill_at else None
        self.run = Run(output_dir, epochs, steps_per_epoch, {}, checkpoint_minutes=0.0, progress=progress)
        settings = WaveGANTrainingSettings(**{**SETTINGS, **changes})
        clips = [check_clips(clips[split]) for split in ("train", "valid")]
        super().__init__((self.generator, self.discriminator), loss, judge(), clips, settings)

    def fit(self):
        return loop.fit(self.run, self)

    def save(self, path, step):
        self.note(path, step, self.model.network.get_weights())
        super().save(path, step)

    def weights(self):
        """All weights, and the states that the phases are drawn from."""
        return [*self.generator.network.get_weights(), *self.discriminator.get_weights()]


def test_a_killed_run_goes_on_to_the_same_weights(clips, tmp_path):
    saved = {"whole": {}, "torn": {}}

    def note(path, step, weights):
        saved[path.parent.name][path.name, step] = weights

    whole = Training(tmp_path / "whole", clips, note=note)
    best = whole.fit()
    with pytest.raises(Killed):
        Training(tmp_path / "torn", clips, note=note, kill_at=1).fit()
    assert saved["torn"] == {}, "killed within the first epoch"
    resumed = Training(tmp_path / "torn", clips, seed=1, note=note)  # other weights, other phases
    assert resumed.fit()["validation/loss"] == best["validation/loss"]
    for expected, actual in zip(whole.weights(), resumed.weights()):
        np.testing.assert_array_equal(actual, expected)
    assert saved["torn"].keys() == saved["whole"].keys() >= {("generator", 2), ("generator_last", 4)}
    for saving, weights in saved["whole"].items():
        for expected, actual in zip(weights, saved["torn"][saving]):
            np.testing.assert_array_equal(actual, expected)
    with (tmp_path / "torn/history.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]


def test_the_nearest_epoch_by_frechet_distance_is_kept(clips, tmp_path, monkeypatch):
    distances = iter([5.0, 2.0, 3.0])
    monkeypatch.setattr(samples, "frechet_distance", lambda *_: next(distances))
    saved = []
    training = Training(
        tmp_path,
        clips,
        epochs=3,
        steps_per_epoch=1,
        note=lambda path, step, weights: saved.append((path.name, step)),
    )
    best = training.fit()
    assert (best["epoch"], best["validation/frechet_distance"], best["validation/loss"]) == (2, 2.0, 2.0)
    assert [step for name, step in saved if name == "generator"] == [1, 2]
    assert [step for name, step in saved if name == "generator_last"] == [1, 2, 3]


@pytest.mark.parametrize("kind", ["official", "keras"])
def test_what_is_saved_is_the_moving_average(clips, tmp_path, kind):
    noted = []
    training = Training(
        tmp_path, clips, epochs=1, steps_per_epoch=2, format=kind, note=lambda *saved: noted.append(saved)
    )
    training.fit()
    saved = load_generator(tmp_path / ("generator_last" if kind == "official" else "generator_last.keras"))
    for kept, average in zip(saved.network.get_weights(), noted[-1][2]):
        np.testing.assert_array_equal(kept, average)
    z = tf.ones([1, 3])
    assert not np.array_equal(saved(z), training.generator(z))


class ScoresOnly:
    """A judge such as the official score model."""

    num_samples, sample_rate = 16384, 16000


MISFITS = {
    "no features": ({}, ScoresOnly, "judge: the official score model gives no embedding"),
    "rate": (
        {"sample_rate": 8000},
        lambda: Classifier(width=1, architecture="mel_cnn"),
        "judge: takes 16384 samples at 16000 Hz, but the generator makes 16384 at 8000 Hz",
    ),
    "length": (
        {},
        lambda: Classifier(width=1, architecture="mel_cnn", num_samples=20000),
        "judge: takes 20000 samples",
    ),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_what_does_not_fit_is_refused_before_anything_is_written(misfit, clips, tmp_path):
    changes, judge_of, message = MISFITS[misfit]
    settings = WaveGANTrainingSettings(**{**SETTINGS, **changes})
    with pytest.raises(errors.InvalidArgumentError, match=message) as caught:
        train_wavegan(*clips.values(), judge_of(), settings, RunSettings(str(tmp_path / "run")))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_too_little_to_learn_from_is_refused(clips, tmp_path):
    for i in range(3):
        files.write_audio(tmp_path / "silence/train" / f"{i}.wav", np.zeros(9000, np.float32), 16000)
    silence = find_clips(tmp_path / "silence", "train")
    settings, run = WaveGANTrainingSettings(**SETTINGS), RunSettings(str(tmp_path / "run"))
    with pytest.raises(errors.DatasetError, match="1 of 1 readable; needed are at least 2"):
        train_wavegan(clips["train"], clips["valid"].pick([0]), judge(), settings, run)
    with pytest.raises(errors.DatasetError, match="all 3 clips are silent"):
        train_wavegan(silence, silence, judge(), settings, run)
    assert not (tmp_path / "run").exists()


def test_a_collapse_ends_the_training_and_leaves_the_last_weights(clips, tmp_path):
    loss = dataclasses.replace(LOSSES["ns_r1"], learning_rate=0.0)
    saved = []
    training = Training(
        tmp_path,
        clips,
        steps_per_epoch=2,
        loss=loss,
        patience=3,
        note=lambda path, step, weights: saved.append((path.name, step)),
    )
    for weight in training.generator.network.weights:
        weight.assign(tf.zeros_like(weight))
    with pytest.raises(errors.TrainingError, match=r"silent or constant.* at step 2: .*; try ") as caught:
        training.fit()
    assert "\n" not in str(caught.value)
    assert saved == [("generator", 2), ("generator_last", 2)]


def test_samples_are_heard_and_seen_in_tensorboard(clips, tmp_path):
    Training(tmp_path, clips, epochs=1, steps_per_epoch=1).fit()
    tags = collections.Counter()
    for path in (tmp_path / "logs").glob("events*"):
        for record in tf.data.TFRecordDataset(str(path)):
            for value in event_pb2.Event.FromString(record.numpy()).summary.value:
                tags[value.metadata.plugin_data.plugin_name, value.tag] += 1
    assert ("audio", "synthesized") in tags
    assert ("images", "synthesized/log_mel") in tags


def same(network: keras.Model, other: keras.Model) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(network.get_weights(), other.get_weights()))


def test_start_from_takes_generator_and_critics(tmp_path):
    generator, discriminator = networks(0)
    save_official(generator, tmp_path / "run", 5, opponents=discriminator.networks)
    other, opponent = networks(1)
    assert not same(other.network, generator.network)
    start_from(tmp_path / "run", other, opponent)
    assert same(other.network, generator.network)
    for scope, network in discriminator.networks.items():
        taken = network_variables(opponent.networks[scope], scope)
        for name, value in network_variables(network, scope).items():
            np.testing.assert_array_equal(taken[name], value)


@pytest.mark.parametrize("num_labels", [2, 3])
def test_start_from_takes_the_head_of_as_many_classes(num_labels, tmp_path):
    generator, discriminator = networks(0, num_labels=2)
    save_official(generator, tmp_path / "run", 5, opponents=discriminator.networks)
    other, opponent = networks(1, num_labels=num_labels)
    before = opponent.labels.get_weights()
    start_from(tmp_path / "run", other, opponent)
    assert same(opponent.mel, discriminator.mel)
    expected = discriminator.labels.get_weights() if num_labels == 2 else before
    np.testing.assert_array_equal(opponent.labels.get_weights()[0], expected[0])


@pytest.mark.parametrize("name", ["official", "alone.keras"])
def test_start_from_a_generator_alone_leaves_the_critics(name, tmp_path):
    generator, _ = networks(0)
    if name == "official":
        save_official(generator, tmp_path / name, 5)
    else:
        loop.save_model(generator.to_model(), tmp_path / "alone")
    other, opponent = networks(1)
    before = opponent.get_weights()
    start_from(tmp_path / name, other, opponent)
    assert same(other.network, generator.network)
    for expected, actual in zip(before, opponent.get_weights()):
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize(
    ("config", "mel_width", "message"),
    [
        ({"dim": 2}, 1, "has dim 1, but 2 is to be trained"),
        ({"batchnorm": True}, 1, "has batchnorm False, but True is to be trained"),
        ({"slice_len": 65536}, 1, "has slice_len 16384, but 65536"),
        ({}, 2, r"D_mel/conv_0/conv2d/kernel has shape \[4, 4, 1, 1\], expected \[4, 4, 1, 2\]"),
    ],
)
def test_start_from_refuses_other_sizes(config, mel_width, message, tmp_path):
    generator, discriminator = networks(0)
    save_official(generator, tmp_path / "run", 5, opponents=discriminator.networks)
    with pytest.raises(errors.ModelFileError, match=message) as caught:
        start_from(tmp_path / "run", *networks(1, dataclasses.replace(SMALL, **config), mel_width=mel_width))
    assert "\n" not in str(caught.value)


def test_start_from_nothing(tmp_path):
    with pytest.raises(errors.ModelFileError, match="nowhere: no such file or folder"):
        start_from(tmp_path / "nowhere", *networks(0))


def test_stereo(tmp_path):
    """A loud left channel and a quiet right one, learnt by generator and critics and read back."""
    rng, folder = np.random.default_rng(0), tmp_path / "clips"
    for i in range(4):
        noise = rng.uniform(-1, 1, 9000) * np.array([[0.8], [0.1]])
        files.write_audio(folder / ("train" if i < 2 else "valid") / f"{i}.wav", noise, 16000)
    train, valid = (find_clips(folder, split) for split in ("train", "valid"))
    settings = {**SETTINGS, "mel_width": 1, "num_channels": 2, "format": "official"}
    run = RunSettings(str(tmp_path / "run"), epochs=1, steps_per_epoch=2)
    train_wavegan(train, valid, judge(), WaveGANTrainingSettings(**settings), run)
    generator = load_generator(tmp_path / "run/generator")
    assert (generator.num_channels, generator.config.num_channels) == (2, 2)
    assert generator(generator.draw_latents(3, seed=0)).shape == (3, 2, 16384)
    _, discriminator = networks(0, dataclasses.replace(SMALL, num_channels=2))
    audio = tf.constant(rng.uniform(-1, 1, (2, 2, 16384)), tf.float32)
    waveform, image = discriminator.views(audio)
    np.testing.assert_array_equal(waveform, tf.transpose(audio, [0, 2, 1]))
    alone, (left, _) = Discriminator(SMALL, mel_width=1), tf.unstack(audio, axis=1)
    np.testing.assert_allclose(image[..., 0], alone.views(left)[1][..., 0], atol=1e-6)


def test_a_conditional_generator_is_given_the_classes_of_the_clips(tmp_path):
    rng, labels = np.random.default_rng(0), ("left", "right")
    for i in range(6):
        files.write_audio(tmp_path / f"clips/{i}.wav", rng.uniform(-1, 1, 9000) * 0.5, 16000)
    paths = [str(tmp_path / f"clips/{i}.wav") for i in range(6)]
    clips = ClipList(paths, [0, 1] * 3, labels)
    settings = {**SETTINGS, "mel_width": 1, "conditional": True}
    run = RunSettings(str(tmp_path / "run"), epochs=1, steps_per_epoch=2)
    train_wavegan(clips, clips, judge(), WaveGANTrainingSettings(**settings), run)
    generator = load_generator(tmp_path / "run/generator.keras")
    assert (generator.condition.labels, generator.latent_dim) == (labels, 3)
    latents = generator.draw_latents(2, seed=0)
    audio = [load_generator(tmp_path / "run/generator.keras", label=name)(latents) for name in labels]
    assert np.abs(audio[0] - audio[1]).max() > 1e-6
    for changes, message in (
        ({"format": "official"}, "format=keras"),
        ({"mel_width": 0}, "needs a mel_width"),
        ({"label_weight": 0.0}, "clips of two classes"),
    ):
        with pytest.raises(errors.InvalidArgumentError, match=f"conditional: .*{message}"):
            train_wavegan(clips, clips, judge(), WaveGANTrainingSettings(**{**settings, **changes}), run)
