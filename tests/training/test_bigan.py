"""An encoder in parallel with a GAN, on networks of width 1, run eagerly."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.util import event_pb2

from tf_inversion import errors
from tf_inversion.audio import files
from tf_inversion.audio.clips import ClipList, check_clips, find_clips
from tf_inversion.generators.loading import load_generator
from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
from tf_inversion.models import ModelBundle, ModelSettings
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.discriminator import JointDiscriminator
from tf_inversion.networks.inverter import Inverter
from tf_inversion.networks.loading import load_inverter
from tf_inversion.training import loop
from tf_inversion.training.adversarial import LOSSES
from tf_inversion.training.augmentation import Augmentation
from tf_inversion.training.bigan import BiGANTrainer, BiGANTraining, new_encoder
from tf_inversion.training.run import Run
from tf_inversion.training.settings import RunSettings, WaveGANTrainingSettings
from tf_inversion.training.wavegan import train_wavegan

SMALL = WaveGANConfig(dim=1, kernel_len=5, latent_dim=3)
SETTINGS = WaveGANTrainingSettings(
    width=1,
    kernel_len=5,
    latent_dim=3,
    mel_width=0,
    batch_size=2,
    peak=0.5,
    num_judged=20,
    format="keras",
    encoder=True,
    encoder_width=1,
)
pytestmark = pytest.mark.usefixtures("eagerly")


def networks(seed: int, **of_discriminator) -> tuple[Inverter, WaveGAN, JointDiscriminator]:
    keras.utils.set_random_seed(seed)
    generator = WaveGAN(SMALL)
    discriminator = JointDiscriminator(SMALL, **{"mel_width": 0, "phase_shuffle": 0, **of_discriminator})
    return new_encoder(generator, SETTINGS), generator, discriminator


def noise(count: int) -> tf.Tensor:
    return tf.random.stateless_uniform([count, 16384], [0, 1], -0.5, 0.5)


def unlabelled(count: int) -> tf.Tensor:
    return tf.fill([count], tf.constant(-1, tf.int64))


@pytest.mark.parametrize(("name", "adam"), [("ns_r1", (3e-4, 0.0, 0.99)), ("wgan_gp", (1e-4, 0.5, 0.9))])
def test_a_step_follows_the_formulas(name, adam):
    """The critic tells (x, E(x)) from (G(z), z), and generator and encoder have it mistaken."""
    loss = dataclasses.replace(LOSSES[name], critic_steps=1, penalty=0.0, tone_weight=0.0)
    trainer = BiGANTrainer(*networks(0, mel_width=1), loss, Augmentation(), seed=7)
    players = [trainer.discriminator, trainer.network, trainer.encoder]
    encoder, generator, critic = networks(1, mel_width=1)
    network, others = generator.network, [critic, generator.network, encoder]
    network.trainable = True
    for player, other in zip(players, others):
        other.set_weights(player.get_weights())
    before = [[weight.numpy() for weight in player.trainable_variables] for player in players]

    def scores(audio, latents):
        return critic.scores(critic.pairs(critic.views(audio), latents))

    def falling(x):
        return -x if name == "wgan_gp" else -tf.math.log_sigmoid(x)

    real, losses = noise(2), []
    z = [trainer._latents(2, step=3, k=k) for k in range(2)]
    for player in others:
        with tf.GradientTape() as tape:
            if player is critic:
                terms = falling(scores(real, encoder(real, training=True)))
                terms += falling(-scores(network(z[0], training=True)[..., 0], z[0]))
            elif player is network:
                terms = falling(scores(network(z[1], training=True)[..., 0], z[1]))
            else:
                terms = falling(-scores(real, encoder(real, training=True)))
            losses.append(tf.reduce_sum(terms) / 2)
        variables = player.trainable_variables
        keras.optimizers.Adam(*adam).apply(tape.gradient(losses[-1], variables), variables)

    metrics = trainer.train_step((real, unlabelled(2), tf.constant(3, tf.int64)))
    for kind, expected in zip(("discriminator", "generator", "encoder"), losses):
        np.testing.assert_allclose(metrics[f"{kind}/loss"], expected, rtol=1e-4)
    for player, other, old in zip(players, others, before):
        assert np.abs(player.trainable_variables[0] - old[0]).max() > adam[0] / 2
        for actual, expected in zip(player.get_weights(), other.get_weights()):
            np.testing.assert_allclose(actual, expected, atol=2e-6)


class Quadratic(JointDiscriminator):
    """Scores sum(x^2 / 2) + sum(slope * z) of a pair, whose gradient is (x, slope)."""

    slope = 3.0

    def scores_and_logits(self, views):
        scores = [tf.reduce_sum(x**2, [1, 2]) / 2 + self.slope * tf.reduce_sum(z, 1) for x, z in views]
        return tf.stack(scores, axis=1), None


@pytest.mark.parametrize("name", ["ns_r1", "wgan_gp"])
def test_penalties_are_of_the_gradient_by_clip_and_latents(name):
    encoder, generator, _ = networks(0)
    critic = Quadratic(SMALL, mel_width=0)
    trainer = BiGANTrainer(encoder, generator, critic, LOSSES[name], Augmentation(), seed=0)
    x, z, seed = [noise(3) / 30, -noise(3) / 20], tf.ones([3, 3]), tf.constant([4, 2])
    real, synthesized = (critic.pairs(critic.views(audio), z) for audio in x)
    share = tf.random.stateless_uniform([3, 1], seed) if name == "wgan_gp" else 0.0
    square = np.sum(np.square(x[0] + share * (x[1] - x[0])), axis=1) + 3 * Quadratic.slope**2
    expected = np.mean((np.sqrt(square) - 1) ** 2 if name == "wgan_gp" else square / 2)
    np.testing.assert_allclose(trainer._penalty(real, synthesized, seed), expected, rtol=1e-4)


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> dict[str, ClipList]:
    """Noise in two channels: four clips to train on and three to validate with."""
    folder, rng = tmp_path_factory.mktemp("noise"), np.random.default_rng(0)
    for i in range(7):
        audio = rng.uniform(-1, 1, (2, 9000)).astype(np.float32) * rng.uniform(0.1, 0.9)
        files.write_audio(folder / ("train" if i < 4 else "valid") / f"{i}.wav", audio, 16000)
    return {split: find_clips(folder, split) for split in ("train", "valid")}


def judge() -> Classifier:
    keras.utils.set_random_seed(5)
    return Classifier(architecture="mel_cnn", width=2)


class Killed(Exception):
    """Stands for a kill between two steps."""


class Training(BiGANTraining):
    """Steps of two clips; it is killed after so many."""

    def __init__(self, output_dir, clips, seed=0, kill_after=None):
        encoder, *others = networks(seed, phase_shuffle=2)
        self.left = kill_after
        self.run = Run(output_dir, 1, 2, {}, checkpoint_minutes=0.0)
        checked = tuple(check_clips(clips[split]) for split in ("train", "valid"))
        loss = dataclasses.replace(LOSSES["ns_r1"], penalty_every=2)
        super().__init__(encoder, tuple(others), loss, judge(), checked, SETTINGS)

    def fit(self):
        return loop.fit(self.run, self)

    def train_step(self, batch):
        if self.left == 0:
            raise Killed
        self.left = self.left and self.left - 1
        return super().train_step(batch)

    def weights(self):
        return [*self.model.get_weights(), *self._encoder.get_weights(), *self._discriminator.get_weights()]


def test_a_killed_run_goes_on_to_the_same_weights_and_files(clips, tmp_path):
    whole, torn = Training(tmp_path / "whole", clips), Training(tmp_path / "torn", clips, kill_after=1)
    best = whole.fit()
    with pytest.raises(Killed):
        torn.fit()
    resumed = Training(tmp_path / "torn", clips, seed=1)  # other weights
    assert resumed.fit()["validation/loss"] == best["validation/loss"]
    for expected, actual in zip(whole.weights(), resumed.weights(), strict=True):
        np.testing.assert_array_equal(actual, expected)
    assert (tmp_path / "torn/inverter.keras").exists()
    of_whole, of_torn = (load_inverter(tmp_path / run / "inverter_last.keras") for run in ("whole", "torn"))
    for expected, actual in zip(of_whole.get_weights(), of_torn.get_weights(), strict=True):
        np.testing.assert_array_equal(actual, expected)
    with whole.average.lent():
        for expected, actual in zip(whole._encoder.get_weights(), of_whole.get_weights(), strict=True):
            np.testing.assert_array_equal(actual, expected)
    assert {"encoder/loss", "validation/encoder/latent_mse", "validation/encoder/nmse_db"} < best.keys()
    tags = set()
    for path in (tmp_path / "whole/logs").glob("events*"):
        for record in tf.data.TFRecordDataset(str(path)):
            tags.update(value.tag for value in event_pb2.Event.FromString(record.numpy()).summary.value)
    assert {"real/clips_over_reconstructions", "synthesized/clips_then_reconstructions"} < tags


def test_the_encoder_is_an_inverter_of_the_generator(clips, tmp_path):
    settings = dataclasses.replace(SETTINGS, num_channels=2, format="official")
    run = RunSettings(str(tmp_path), epochs=1, steps_per_epoch=1)
    train_wavegan(*clips.values(), judge(), settings, run)
    chosen = ModelSettings(generator=f"{tmp_path}/generator", inverter=f"{tmp_path}/inverter.keras")
    inverter = ModelBundle.load(chosen, wants=()).inverter
    assert inverter.get_config() == Inverter(3, 1, num_channels=2, peak=0.5).get_config()
    assert load_generator(tmp_path / "generator")(inverter.encode(tf.zeros([1, 2, 16384]))).shape[1] == 2


def test_settings_without_an_encoder_are_as_before():
    """So that runs are resumed which were begun before there were encoders."""
    assert not [name for name in WaveGANTrainingSettings().shaping() if "encoder" in name]
    assert SETTINGS.shaping()["encoder_width"] == 1
    with pytest.raises(errors.InvalidArgumentError, match="encoder: recovers no class"):
        dataclasses.replace(SETTINGS, mel_width=1, conditional=True)
