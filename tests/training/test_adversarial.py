"""The adversarial step on networks of width 1, run eagerly: tracing would take longer than all steps."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import losses
from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
from tf_inversion.networks.discriminator import Discriminator
from tf_inversion.training.adversarial import LOSSES, WaveGANTrainer, cross_entropy, label_loss
from tf_inversion.training.augmentation import Augmentation

SMALL = WaveGANConfig(dim=1, kernel_len=5, latent_dim=3)
pytestmark = pytest.mark.usefixtures("eagerly")


def networks(seed: int, config: WaveGANConfig = SMALL, **of_discriminator) -> tuple[WaveGAN, Discriminator]:
    keras.utils.set_random_seed(seed)
    return WaveGAN(config), Discriminator(config, **{"mel_width": 1, **of_discriminator})


def noise(count: int) -> tf.Tensor:
    return tf.random.stateless_uniform([count, 16384], [0, 1], -0.5, 0.5)


def unlabelled(count: int) -> tf.Tensor:
    return tf.fill([count], tf.constant(-1, tf.int64))


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

    metrics = trainer.train_step((real, unlabelled(len(real)), tf.constant(3, tf.int64)))
    np.testing.assert_allclose(metrics["discriminator/loss"], of_critic, rtol=1e-4)
    np.testing.assert_allclose(metrics["generator/loss"], of_generator, rtol=1e-4)
    for expected, actual in zip(opponent.get_weights(), critic.get_weights()):
        np.testing.assert_allclose(actual, expected, atol=1e-6)
    after = generator.network.get_weights()
    for expected, actual in zip(network.get_weights(), after):
        np.testing.assert_allclose(actual, expected, atol=1e-6)
    assert any(np.abs(new - old).max() > adam[0] / 2 for new, old in zip(after, before))


def test_the_average_forgets_its_initial_weights_soon():
    trainer = WaveGANTrainer(*networks(0), LOSSES["ns_r1"], Augmentation(), seed=0)
    weights = []
    for step in range(3):
        trainer.train_step((noise(2), unlabelled(2), tf.constant(step, tf.int64)))
        weights.append(trainer.network.get_weights())
    trainer.average.state.count.assign(10**6)
    trainer.average.update()
    with trainer.average.lent():
        averages = trainer.network.get_weights()
    for average, first, second, third in zip(averages, *weights):
        expected = (3 * (2 * first + 9 * second) / 11 + 9 * third) / 12
        np.testing.assert_allclose(average, 0.998 * expected + 0.002 * third, atol=1e-6)
    for now, third in zip(trainer.network.get_weights(), weights[-1]):
        np.testing.assert_array_equal(now, third)


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
        return self.scores_and_logits(views)[0]

    def scores_and_logits(self, views):
        scores = [slope * view + view**2 / 2 for slope, view in zip(self.slopes, views)]
        return tf.stack([tf.reduce_sum(score, range(1, score.shape.rank)) for score in scores], axis=1), None


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
    penalties = [
        float(trainer.train_step((real, unlabelled(2), step))["discriminator/penalty"])
        for step in (0, 1, 7, 8)
    ]
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
        loss = dataclasses.replace(LOSSES["ns_r1"], learning_rate=1e-2, tone_weight=weight, tone_delay=0)
        trainer = WaveGANTrainer(generator, critic, loss, Augmentation(), seed=0)
        for step in range(4):
            metrics = trainer.train_step((noise(2), unlabelled(2), step))
        levels.append(
            float(losses.checkerboard_loss(generator(tf.linspace(-1.0, 1.0, 48)[:, tf.newaxis] ** [1, 2, 3])))
        )
        assert metrics["generator/loss"] < 10, "told without the tones, to compare with other runs"
    assert levels[1] < 0.8 * levels[0]


@pytest.mark.parametrize(
    ("delay", "step", "share"), [(0, 0, 1), (4, 0, 0), (4, 3, 0), (4, 5, 0.5), (4, 7, 1), (4, 90, 1)]
)
def test_the_checkerboard_loss_comes_late_and_slowly(delay, step, share):
    loss = dataclasses.replace(LOSSES["ns_r1"], tone_weight=3.0, tone_delay=delay)
    trainer = WaveGANTrainer(*networks(3), loss, Augmentation(), seed=0)
    assert float(trainer.tone_weight(tf.constant(step))) == 3 * share


def test_label_loss_is_the_negative_mutual_information():
    sure = tf.constant([[50.0, 0, 0], [0, 50, 0], [0, 0, 50]])
    np.testing.assert_allclose(label_loss(sure), -np.log(3), rtol=1e-6)
    np.testing.assert_allclose(label_loss(tf.zeros([4, 3])), 0, atol=1e-6)
    np.testing.assert_allclose(label_loss(tf.tile(sure[:1], [4, 1])), 0, atol=1e-6)  # one class only
    posterior = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    mean = posterior.mean(0)
    expected = -np.mean(np.sum(posterior * np.log(posterior / mean), axis=1))
    np.testing.assert_allclose(label_loss(np.log(posterior)), expected, rtol=1e-6)


def test_cross_entropy_is_least_short_of_certainty():
    logits = np.log([[0.9 + 0.1 / 3, 0.1 / 3, 0.1 / 3]]).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(logits := tf.constant(logits))
        loss = cross_entropy(tf.constant([0], tf.int64), logits)
    np.testing.assert_allclose(tape.gradient(loss, logits), 0, atol=1e-6)
    assert cross_entropy(tf.constant([1], tf.int64), logits) > loss


def test_a_labelled_step_teaches_the_head_on_real_clips_and_the_generator_by_it():
    labels = tf.constant([0, 2], tf.int64)
    changed = []
    for weight in (0.0, 5.0):
        generator, critic = networks(1, num_labels=3)
        loss = dataclasses.replace(LOSSES["ns_r1"], label_weight=weight)
        trainer = WaveGANTrainer(generator, critic, loss, Augmentation(), seed=0)
        before = critic.labels.get_weights()
        _, logits = critic.scores_and_logits(critic.views(noise(2)))
        metrics = trainer.train_step((noise(2), labels, tf.constant(1, tf.int64)))
        np.testing.assert_allclose(metrics["discriminator/labels"], cross_entropy(labels, logits), rtol=1e-4)
        assert -np.log(3) <= metrics["generator/labels"] <= 0
        assert not np.array_equal(critic.labels.get_weights()[0], before[0])
        changed.append(generator.network.get_weights())
    assert any(not np.array_equal(a, b) for a, b in zip(*changed))
