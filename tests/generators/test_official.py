"""Every variant of official checkpoint: recognised, and equal to its graph in a TensorFlow 1 session."""

import dataclasses

import numpy as np
import official_wavegan
import pytest
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.generators.loading import load_generator
from tf_inversion.generators.wavegan import WaveGANConfig

SMALL = WaveGANConfig(dim=2, latent_dim=6)
VARIANTS = {
    "official": {"latent_dim": 100},
    "wider": {"dim": 3},
    "short_kernel": {"kernel_len": 3},
    "even_kernel": {"kernel_len": 24},
    "stereo": {"num_channels": 2},
    "batchnorm": {"batchnorm": True},
    "nearest": {"upsample": "nn"},
    "post_filter": {"post_filter_len": 512},
    "stereo_post_filter": {"num_channels": 2, "post_filter_len": 31},
    "32768": {"dim": 1, "slice_len": 32768},
    "65536": {"dim": 1, "slice_len": 65536},
    "everything": {
        "dim": 1,
        "kernel_len": 9,
        "slice_len": 32768,
        "batchnorm": True,
        "upsample": "nn",
        "post_filter_len": 16,
    },
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_port_and_original_graph_agree_with_a_session(variant, tmp_path):
    config = dataclasses.replace(SMALL, **VARIANTS[variant])
    # Both layouts, and both kinds of variable that TensorFlow 1 has, in turns.
    flat = list(VARIANTS).index(variant) % 2 == 1
    prefix = official_wavegan.write(tmp_path, config, flat=flat, resource_variables=flat)
    graph_file = tmp_path / "infer.meta" if flat else tmp_path / "infer" / "infer.meta"
    rng = np.random.default_rng(1)
    z = rng.uniform(-1, 1, [3, config.latent_dim]).astype(np.float32)
    channels = 1 if config.post_filter_len else config.num_channels
    weights = rng.standard_normal([3, config.slice_len, channels]).astype(np.float32) / 100
    audio, gradient = official_wavegan.run_original(graph_file, prefix, z, weights)
    assert np.abs(audio).mean() > 0.05
    assert np.abs(gradient).mean() > 0.01

    port = load_generator(tmp_path)
    assert port.config == config
    for generator in (port, load_generator(tmp_path, original_graph=True)):
        assert generator.latent_dim == config.latent_dim
        assert generator.num_samples == config.slice_len
        assert generator.num_channels == channels
        assert generator.sample_rate == (16000 if flat else 22050)
        assert generator.trainable_variables == []
        latents = tf.constant(z)
        with tf.GradientTape() as tape:
            tape.watch(latents)
            made = generator(latents)
            shaped = tf.transpose(made, [0, 2, 1]) if channels > 1 else made[..., tf.newaxis]
            total = tf.reduce_sum(shaped * weights)
        assert made.shape == (3, *([] if channels == 1 else [channels]), config.slice_len)
        np.testing.assert_allclose(shaped, audio, atol=1e-5)
        np.testing.assert_allclose(tape.gradient(total, latents), gradient, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("slice_len", [32768, 65536])
def test_long_slice_is_told_by_arguments_where_the_graph_is_gone(slice_len, tmp_path):
    config = dataclasses.replace(SMALL, dim=1, slice_len=slice_len)
    official_wavegan.write(tmp_path, config)
    (tmp_path / "infer" / "infer.meta").unlink()
    assert load_generator(tmp_path).num_samples == slice_len
    (tmp_path / "args.txt").unlink()
    with pytest.raises(errors.ModelFileError, match=r"32,768 or 65,536 samples.*infer.meta or args.txt"):
        load_generator(tmp_path)


def test_port_needs_no_graph(tmp_path):
    official_wavegan.write(tmp_path, SMALL, flat=True)
    whole = load_generator(tmp_path)
    (tmp_path / "infer.meta").unlink()
    z = tf.ones([1, 6])
    np.testing.assert_array_equal(load_generator(tmp_path)(z), whole(z))
    with pytest.raises(errors.ModelFileError, match="has no original graph"):
        load_generator(tmp_path, original_graph=True)


KERNEL = "G/upconv_1/conv2d_transpose/kernel"
DEFECTS = {
    "absent": ({"without": [KERNEL]}, f"has no variable {KERNEL}"),
    "absent_last": ({"without": ["G/upconv_4/conv2d_transpose/kernel"]}, "has no variable G/upconv_4/"),
    "other_model": ({"without": ["G/z_project/dense/kernel"]}, "has no variable G/z_project/dense/kernel"),
    "shape": ({"changed": {KERNEL: np.ones([1, 25, 8, 9])}}, rf"{KERNEL} has shape \[1, 25, 8, 9\]"),
    "rank": ({"changed": {KERNEL: np.ones([25], np.float32)}}, rf"{KERNEL} has shape \[25\]"),
    "nan": ({"changed": {KERNEL: np.full([1, 25, 8, 16], np.nan, np.float32)}}, f"{KERNEL} .* not finite"),
    "variance": (
        {"changed": {"G/upconv_0/batch_normalization/moving_variance": np.full(16, -1, np.float32)}},
        "G/upconv_0/batch_normalization/moving_variance has negative values",
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_defective_variables_are_refused_by_name(defect, tmp_path):
    how, message = DEFECTS[defect]
    prefix = official_wavegan.write(tmp_path, dataclasses.replace(SMALL, batchnorm=True), flat=True, **how)
    for original_graph in (False, True):
        with pytest.raises(errors.ModelFileError, match=message) as caught:
            load_generator(tmp_path, original_graph=original_graph)
        assert str(prefix) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_layer_that_the_port_would_leave_out_is_refused(tmp_path):
    surplus = "G/upconv_2/batch_normalization_1/gamma"
    official_wavegan.write(tmp_path, SMALL, changed={surplus: np.ones(4, np.float32)})
    with pytest.raises(errors.ModelFileError, match=surplus):
        load_generator(tmp_path)
