import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_inversion.generators.official import network_variables
from tf_inversion.generators.wavegan import WaveGANConfig
from tf_inversion.networks.discriminator import (
    BatchDeviation,
    Discriminator,
    JointDiscriminator,
    PhaseShuffle,
)

SMALL = WaveGANConfig(dim=2)


@pytest.mark.parametrize(
    ("slice_len", "strides"),
    [(16384, [4, 4, 4, 4, 4]), (32768, [4, 4, 4, 4, 4, 2]), (65536, [4, 4, 4, 4, 4, 4])],
)
def test_waveform_critic_has_the_official_variables(slice_len, strides):
    config = dataclasses.replace(SMALL, slice_len=slice_len, kernel_len=9)
    critic = Discriminator(config, mel_width=0).waveform
    expected, width = {}, 1
    for i, stride in enumerate(strides):
        assert critic.get_layer(f"downconv_{i}").strides == (stride,)
        expected[f"D/downconv_{i}/conv1d/kernel"] = (9, width, 2 << i)
        expected[f"D/downconv_{i}/conv1d/bias"] = (2 << i,)
        width = 2 << i
    expected["D/output/dense/kernel"] = (16 * width, 1)
    expected["D/output/dense/bias"] = (1,)
    assert {name: value.shape for name, value in network_variables(critic, "D").items()} == expected
    assert critic(tf.zeros([2, slice_len, 1])).shape == (2, 1)


def test_the_waveform_critic_has_a_width_of_its_own():
    critic = Discriminator(SMALL, mel_width=0, waveform_width=1).waveform
    assert network_variables(critic, "D")["D/downconv_4/conv1d/kernel"].shape == (25, 8, 16)


def test_batchnorm_starts_at_the_second_layer():
    critic = Discriminator(dataclasses.replace(SMALL, batchnorm=True), mel_width=0).waveform
    names = [name for name in network_variables(critic, "D") if "batch_normalization" in name]
    assert names == [
        f"D/downconv_{i}/batch_normalization/{name}"
        for i in range(1, 5)
        for name in ("gamma", "beta", "moving_mean", "moving_variance")
    ]


def test_scores_of_both_critics_stand_side_by_side():
    discriminator = Discriminator(SMALL, phase_shuffle=0, mel_width=2)
    audio = tf.random.stateless_normal([3, 16384], [0, 1])
    waveform, image = discriminator.views(audio)
    assert (waveform.shape, image.shape) == ((3, 16384, 1), (3, 64, 80, 1))
    expected = tf.concat([discriminator.waveform(waveform), discriminator.mel(image)[0]], axis=1)
    np.testing.assert_allclose(discriminator(audio), expected, rtol=1e-5)
    assert list(discriminator.networks) == ["D", "D_mel"]


def test_a_head_on_the_log_mel_critic_tells_the_classes():
    audio = tf.random.stateless_normal([3, 16384], [0, 1])
    with_head, without = (Discriminator(SMALL, phase_shuffle=0, mel_width=2, num_labels=n) for n in (4, 0))
    without.waveform.set_weights(with_head.waveform.get_weights())
    without.mel.set_weights(with_head.mel.get_weights())
    views = with_head.views(audio)
    scores, logits = with_head.scores_and_logits(views)
    assert (scores.shape, logits.shape) == ((3, 2), (3, 4))
    np.testing.assert_allclose(scores, without.scores(views), rtol=1e-5)
    assert without.scores_and_logits(views)[1] is None
    assert list(with_head.networks) == ["D", "D_mel", "D_labels"]
    assert list(network_variables(with_head.labels, "D_labels")) == [
        "D_labels/output/dense/kernel",
        "D_labels/output/dense/bias",
    ]


def test_joint_critics_judge_a_clip_with_its_latents():
    audio = tf.random.stateless_normal([3, 16384], [0, 1])
    latents = tf.random.stateless_uniform([2, 3, 100], [0, 2], -1.0, 1.0)
    joint = JointDiscriminator(SMALL, phase_shuffle=0, mel_width=2, num_labels=4)
    alone = Discriminator(SMALL, phase_shuffle=0, mel_width=2, num_labels=4)
    for scope, network in alone.networks.items():
        network.set_weights(joint.networks[scope].get_weights())
    views = alone.views(audio)
    one, other = (joint.scores_and_logits(joint.pairs(views, z)) for z in latents)
    expected, logits = alone.scores_and_logits(views)
    assert np.abs(one[0] - other[0]).min() > 1e-5, "of both critics, for every clip"
    np.testing.assert_allclose(one[1], logits, rtol=1e-5)
    for head in joint._heads:
        head.get_layer("output").kernel.assign(tf.zeros_like(head.get_layer("output").kernel))
    np.testing.assert_allclose(joint.scores(joint.pairs(views, latents[0])), expected, rtol=1e-5)
    assert len(joint.trainable_variables) == len(alone.trainable_variables) + 2 * 8
    assert joint.networks.keys() == alone.networks.keys()


def test_the_log_mel_critic_can_be_left_out():
    discriminator = Discriminator(SMALL, mel_width=0)
    assert list(discriminator.networks) == ["D"]
    assert discriminator(tf.zeros([3, 16384])).shape == (3, 1)
    assert len(discriminator.views(tf.zeros([3, 16384]))) == 1


def test_log_mel_view_is_from_minus_one_for_silence_to_one_for_full_scale():
    tone = tf.sin(2 * np.pi * 1000 * tf.range(16384, dtype=tf.float32) / 16000)
    _, image = Discriminator(SMALL, mel_width=1).views(tf.stack([tf.zeros(16384), tone]))
    np.testing.assert_allclose(image[0], -1, atol=1e-6)
    assert 0.8 < tf.reduce_max(image[1, 2:-4]) < 1.1


def test_phase_shuffle_shifts_by_at_most_its_radius_and_reflects():
    x = np.random.default_rng(0).standard_normal([2, 10, 3]).astype(np.float32)
    padded = np.pad(x, [(0, 0), (2, 2), (0, 0)], mode="reflect")
    possible = [padded[:, start : start + 10] for start in range(5)]
    keras.utils.set_random_seed(0)
    shuffle = PhaseShuffle(2)
    seen = set()
    for _ in range(60):
        shifted = shuffle(x).numpy()
        matches = [start for start, window in enumerate(possible) if np.array_equal(window, shifted)]
        assert len(matches) == 1
        seen.update(matches)
    assert seen == set(range(5))


def test_phases_are_a_function_of_the_seed():
    discriminator = Discriminator(SMALL, phase_shuffle=10, mel_width=0)
    audio = tf.random.stateless_normal([1, 16384], [0, 1])
    scores = []
    for seed in (0, 1, 0):
        discriminator.seed_phases(tf.constant([seed, 5]))
        scores.append([float(discriminator(audio)[0, 0]) for _ in range(3)])
    assert scores[0] == scores[2]
    assert len({*scores[0], *scores[1]}) == 6
    starts = [layer.seed_generator.state.numpy().tobytes() for layer in phase_shuffles(discriminator)]
    assert len(set(starts)) == 4


def phase_shuffles(discriminator: Discriminator) -> list[PhaseShuffle]:
    return [layer for layer in discriminator.waveform.layers if isinstance(layer, PhaseShuffle)]


@pytest.mark.parametrize("phase_shuffle", [0, 2])
def test_phase_is_shuffled_between_layers_only(phase_shuffle):
    discriminator = Discriminator(SMALL, phase_shuffle=phase_shuffle, mel_width=0)
    discriminator.seed_phases(tf.constant([1, 2]))
    lengths = [layer.output.shape[1] for layer in phase_shuffles(discriminator)]
    assert lengths == ([4096, 1024, 256, 64] if phase_shuffle else [])


def test_batch_deviation_is_a_channel_more():
    x = np.random.default_rng(0).standard_normal([5, 4, 3, 2]).astype(np.float32)
    y = BatchDeviation()(x).numpy()
    np.testing.assert_array_equal(y[..., :2], x)
    np.testing.assert_allclose(y[..., 2], x.std(axis=0).mean(), rtol=1e-5)
    same = BatchDeviation()(np.repeat(x[:1], 5, axis=0)).numpy()
    np.testing.assert_allclose(same[..., 2], 0, atol=2e-4)
