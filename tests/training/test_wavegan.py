"""The adversarial training on networks of width 1, run eagerly: tracing would take longer than all steps."""

import csv
import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import errors, losses
from tf_inversion.audio import files
from tf_inversion.audio.clips import ClipList, find_clips
from tf_inversion.evaluation import samples
from tf_inversion.generators.loading import load_generator
from tf_inversion.generators.official import network_variables
from tf_inversion.generators.official_graph import save_official
from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.discriminator import Discriminator
from tf_inversion.training import loop, wavegan
from tf_inversion.training.augmentation import Augmentation
from tf_inversion.training.wavegan import LOSSES, WaveGANTrainer, start_from, train_wavegan

SMALL = WaveGANConfig(dim=1, kernel_len=5, latent_dim=3)
pytestmark = pytest.mark.filterwarnings("ignore:Even though the .tf.config")  # tf.data stays in graphs


@pytest.fixture(autouse=True)
def eagerly():
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def networks(seed: int, config: WaveGANConfig = SMALL, **of_discriminator) -> tuple[WaveGAN, Discriminator]:
    keras.utils.set_random_seed(seed)
    return WaveGAN(config), Discriminator(config, **{"mel_width": 1, **of_discriminator})


def noise(count: int) -> tf.Tensor:
    return tf.random.stateless_uniform([count, 16384], [0, 1], -0.5, 0.5)


@pytest.mark.parametrize(
    ("name", "critic_steps", "adam"), [("ns_r1", 1, (3e-4, 0.0, 0.99)), ("wgan_gp", 2, (1e-4, 0.5, 0.9))]
)
def test_a_step_follows_the_formulas(name, critic_steps, adam):
    generator, critic = networks(0, phase_shuffle=0)
    loss = dataclasses.replace(LOSSES[name], critic_steps=critic_steps, penalty=0.0, tone_weight=0.0)
    trainer = WaveGANTrainer(generator, critic, loss, Augmentation(), seed=7)
    before = generator.network.get_weights()

    other, opponent = networks(1, phase_shuffle=0)
    network = other.network
    network.trainable = True
    network.set_weights(before)
    opponent.set_weights(critic.get_weights())
    optimizers = [keras.optimizers.Adam(*adam) for _ in range(2)]
    real = noise(2 * critic_steps)
    for k in range(critic_steps):
        fake = network(trainer._latents(2, step=3, k=k))[..., 0]
        with tf.GradientTape() as tape:
            on_real, on_fake = opponent(real[2 * k : 2 * k + 2]), opponent(fake)
            if name == "wgan_gp":
                of_critic = tf.reduce_sum(on_fake - on_real) / 2
            else:
                of_critic = tf.reduce_sum(-tf.math.log(tf.sigmoid(on_real) * tf.sigmoid(-on_fake))) / 2
        gradients = tape.gradient(of_critic, opponent.trainable_variables)
        optimizers[0].apply(gradients, opponent.trainable_variables)
    with tf.GradientTape() as tape:
        on_fake = opponent(network(trainer._latents(2, step=3, k=critic_steps))[..., 0])
        of_generator = tf.reduce_sum(-on_fake if name == "wgan_gp" else -tf.math.log(tf.sigmoid(on_fake))) / 2
    gradients = tape.gradient(of_generator, network.trainable_variables)
    optimizers[1].apply(gradients, network.trainable_variables)

    metrics = trainer.train_step((real, tf.constant(3, tf.int64)))
    np.testing.assert_allclose(metrics["discriminator/loss"], of_critic, rtol=1e-4)
    np.testing.assert_allclose(metrics["generator/loss"], of_generator, rtol=1e-4)
    for expected, actual in zip(opponent.get_weights(), critic.get_weights()):
        np.testing.assert_allclose(actual, expected, atol=1e-6)
    after = generator.network.get_weights()
    for expected, actual in zip(network.get_weights(), after):
        np.testing.assert_allclose(actual, expected, atol=1e-6)
    assert any(np.abs(new - old).max() > adam[0] / 2 for new, old in zip(after, before))
    for average, old, new in zip(trainer.average.network.get_weights(), before, after):
        np.testing.assert_allclose(average, 0.998 * old + 0.002 * new, atol=1e-7)


def test_latents_are_drawn_anew_for_every_update():
    trainer = WaveGANTrainer(*networks(0), LOSSES["wgan_gp"], Augmentation(), seed=2**32 - 1)
    drawn = [trainer._latents(4, step, k).numpy() for step in range(3) for k in range(6)]
    assert len({latents.tobytes() for latents in drawn}) == 18
    assert all(np.abs(latents).max() <= 1 for latents in drawn)


class Quadratic(keras.Model):
    """Scores sum(slope * x + x^2 / 2) of a view x, whose gradient is slope + x."""

    slopes = (0.01, -0.02)

    def seed_phases(self, seed):
        pass

    def views(self, audio):
        return [audio[..., tf.newaxis], tf.reshape(audio[:, :8000], [-1, 100, 80, 1])]

    def scores(self, views):
        scores = [slope * view + view**2 / 2 for slope, view in zip(self.slopes, views)]
        return tf.stack([tf.reduce_sum(score, range(1, score.shape.rank)) for score in scores], axis=1)


@pytest.fixture
def quadratic():
    """Returns a function that makes a trainer whose critic has a known gradient."""
    return lambda name: WaveGANTrainer(WaveGAN(SMALL), Quadratic(), LOSSES[name], Augmentation(), seed=0)


def test_r1_is_half_the_squared_gradient_at_real_clips_in_some_steps(quadratic):
    real = noise(2)
    expected = sum(
        np.mean(np.sum((slope + np.reshape(view, [2, -1])) ** 2, axis=1)) / 2
        for slope, view in zip(Quadratic.slopes, Quadratic().views(real))
    )
    trainer = quadratic("ns_r1")
    penalties = [float(trainer.train_step((real, step))["discriminator/penalty"]) for step in (0, 1, 7, 8)]
    np.testing.assert_allclose(penalties, [8 * expected, 0, 0, 8 * expected], rtol=1e-5)


def test_gradient_penalty_holds_the_gradient_between_clips_at_length_one(quadratic):
    trainer, seed = quadratic("wgan_gp"), tf.constant([4, 2])
    views = Quadratic().views(noise(3) / 30)
    others = Quadratic().views(-noise(3) / 20)
    share = tf.random.stateless_uniform([3], seed).numpy()[:, np.newaxis]
    assert np.ptp(share) > 0.1
    expected = 0
    for slope, view, other in zip(Quadratic.slopes, views, others):
        between = (1 - share) * np.reshape(view, [3, -1]) + share * np.reshape(other, [3, -1])
        expected += np.mean((np.linalg.norm(slope + between, axis=1) - 1) ** 2)
    assert expected > 0.1
    np.testing.assert_allclose(trainer._penalty(views, others, seed), expected, rtol=1e-4)


def test_the_tone_weight_quietens_tones():
    levels = []
    for weight in (0.0, 10.0):
        generator, critic = networks(3)
        loss = dataclasses.replace(LOSSES["ns_r1"], learning_rate=1e-2, tone_weight=weight)
        trainer = WaveGANTrainer(generator, critic, loss, Augmentation(), seed=0)
        for step in range(4):
            metrics = trainer.train_step((noise(2), step))
        levels.append(
            float(losses.checkerboard_loss(generator(tf.linspace(-1.0, 1.0, 48)[:, tf.newaxis] ** [1, 2, 3])))
        )
        assert metrics["generator/loss"] < 10, "told without the tones, to compare with other runs"
    assert levels[1] < 0.8 * levels[0]


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> dict[str, ClipList]:
    """Noise of several levels: eight clips to train on and three to validate with."""
    folder = tmp_path_factory.mktemp("noise")
    rng = np.random.default_rng(0)
    for i in range(11):
        audio = rng.uniform(-1, 1, 9000).astype(np.float32) * rng.uniform(0.1, 0.9)
        files.write_audio(folder / ("train" if i < 8 else "valid") / f"{i}.wav", audio, 16000)
    return {split: find_clips(folder, split) for split in ("train", "valid")}


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


class Training:
    """A run of steps of two clips, and the networks that it trains."""

    def __init__(self, output_dir, clips, seed=0, epochs=2, steps_per_epoch=2, kill_at=None, **changes):
        self.generator, self.discriminator = networks(seed, mel_width=0)
        progress = Bar(kill_at) if kill_at else None
        self.run = loop.Run(
            output_dir, epochs, steps_per_epoch, settings={}, checkpoint_minutes=0.0, progress=progress
        )
        keras.utils.set_random_seed(5)
        self.judge = Classifier(architecture="mel_cnn", width=2)
        self.clips = clips
        self.changes = {"loss": dataclasses.replace(LOSSES["ns_r1"], penalty_every=2), **changes}

    def fit(self):
        return train_wavegan(
            self.run,
            self.generator,
            self.discriminator,
            self.judge,
            self.clips["train"],
            self.clips["valid"],
            augmentation=Augmentation(gain_db=3.0, shift_seconds=0.01),
            batch_size=2,
            num_judged=20,
            **self.changes,
        )

    def weights(self):
        """All weights, and the states that the phases are drawn from."""
        return [*self.generator.network.get_weights(), *self.discriminator.get_weights()]


def test_a_killed_run_goes_on_to_the_same_weights(clips, tmp_path):
    saved = {"whole": {}, "torn": {}}

    def save(average, path, step):
        saved[path.parent.name][path.name, step] = average.network.get_weights()

    whole = Training(tmp_path / "whole", clips, save=save)
    best = whole.fit()
    with pytest.raises(Killed):
        Training(tmp_path / "torn", clips, save=save, kill_at=1).fit()
    assert saved["torn"] == {}, "killed within the first epoch"
    resumed = Training(tmp_path / "torn", clips, seed=1, save=save)  # other weights, other phases
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
        save=lambda average, path, step: saved.append((path.name, step)),
    )
    best = training.fit()
    assert (best["epoch"], best["validation/frechet_distance"], best["validation/loss"]) == (2, 2.0, 2.0)
    assert [step for name, step in saved if name == "generator"] == [1, 2]
    assert [step for name, step in saved if name == "generator_last"] == [1, 2, 3]


def test_what_is_saved_is_the_running_average(clips, tmp_path):
    averages = []

    def save(average, path, step):
        averages.append(average)
        wavegan.save_keras(average, path, step)

    training = Training(tmp_path, clips, epochs=1, steps_per_epoch=2, save=save)
    training.fit()
    saved = load_generator(tmp_path / "generator_last.keras")
    for kept, average in zip(saved.network.get_weights(), averages[-1].network.get_weights()):
        np.testing.assert_array_equal(kept, average)
    z = tf.ones([1, 3])
    assert not np.array_equal(saved(z), training.generator(z))


class ScoresOnly:
    """A judge such as the official score model."""

    num_samples, sample_rate = 16384, 16000


MISFITS = {
    "no features": (SMALL, 16000, lambda: ScoresOnly(), "judge: the official score model gives no embedding"),
    "rate": (
        SMALL,
        8000,
        lambda: Classifier(width=1, architecture="mel_cnn"),
        "judge: hears 16384 samples at 16000 Hz, but the generator makes 16384 at 8000 Hz",
    ),
    "length": (
        SMALL,
        16000,
        lambda: Classifier(width=1, architecture="mel_cnn", num_samples=20000),
        "judge: hears 20000 samples",
    ),
    "stereo": (
        dataclasses.replace(SMALL, num_channels=2),
        16000,
        lambda: Classifier(width=1, architecture="mel_cnn"),
        "makes 2 channels",
    ),
}


@pytest.mark.parametrize("misfit", MISFITS)
def test_what_does_not_fit_is_refused_before_anything_is_written(misfit, clips, tmp_path):
    config, sample_rate, judge, message = MISFITS[misfit]
    generator = WaveGAN(config, sample_rate=sample_rate)
    run = loop.Run(tmp_path / "run", 1, 1, {})
    with pytest.raises(errors.InvalidArgumentError, match=message) as caught:
        train_wavegan(run, generator, Discriminator(config), judge(), clips["train"], clips["valid"])
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_one_clip_is_too_few_to_validate_with(clips, tmp_path):
    training = Training(tmp_path / "run", {**clips, "valid": clips["valid"].pick([0])})
    with pytest.raises(errors.DatasetError, match="1 of 1 readable; needed are at least 2"):
        training.fit()


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


@pytest.mark.parametrize("name", ["official", "alone.keras"])
def test_start_from_a_generator_alone_leaves_the_critics(name, tmp_path):
    generator, _ = networks(0)
    if name == "official":
        save_official(generator, tmp_path / name, 5)
    else:
        wavegan.save_keras(generator, tmp_path / "alone", 5)
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
