"""The Keras network itself: its layers, its training, its precision."""

import keras
import numpy as np
import pytest
import soundfile
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.audio.files import write_audio
from tf_inversion.generators import wavegan
from tf_inversion.generators.adjusted import UNITS, Adjusted
from tf_inversion.generators.loading import load_generator
from tf_inversion.generators.wavegan import PolyphaseConv1DTranspose, WaveGAN, WaveGANConfig

SMALL = WaveGANConfig(dim=2, latent_dim=5)


@pytest.mark.parametrize("kernel_len", [1, 2, 3, 4, 5, 8, 24, 25, 26])
@pytest.mark.parametrize("stride", [2, 4])
@pytest.mark.parametrize("cached_kernel", [0, wavegan.CACHED_KERNEL], ids=["product", "convolution"])
def test_polyphase_form_equals_transposed_convolution(kernel_len, stride, cached_kernel, monkeypatch):
    monkeypatch.setattr(wavegan, "CACHED_KERNEL", cached_kernel)
    rng = np.random.default_rng(kernel_len)
    kernel = rng.standard_normal([kernel_len, 3, 2]).astype(np.float32)
    x = rng.standard_normal([2, 16, 2]).astype(np.float32)
    convolved = tf.nn.conv1d_transpose(x, kernel, [2, 16 * stride, 3], stride, "SAME")
    layer = PolyphaseConv1DTranspose(3, kernel_len, stride)
    layer.build(x.shape)
    layer.set_weights([layer.polyphase_kernel(kernel), np.array([1, 2, 3], np.float32)])
    np.testing.assert_allclose(layer(x), convolved + tf.constant([1.0, 2.0, 3.0]), atol=1e-5)


@pytest.mark.parametrize("kernel_len", [1, 2, 3, 4, 5, 8, 24, 25, 26])
@pytest.mark.parametrize("stride", [2, 4])
def test_polyphase_form_turns_back_into_a_transposed_convolution(kernel_len, stride):
    layer = PolyphaseConv1DTranspose(3, kernel_len, stride)
    kernel = np.random.default_rng(kernel_len).standard_normal([kernel_len, 3, 2]).astype(np.float32)
    polyphase = layer.polyphase_kernel(kernel)
    transposed = layer.transposed_kernel(polyphase)
    np.testing.assert_array_equal(transposed, kernel)
    np.testing.assert_array_equal(layer.polyphase_kernel(transposed), polyphase)
    layer.build((None, 16, 2))
    initial = layer.kernel.numpy()
    np.testing.assert_array_equal(layer.polyphase_kernel(layer.transposed_kernel(initial)), initial)


def test_training_keeps_to_kernels_of_the_given_length():
    layer = wavegan.build_network(WaveGANConfig(dim=1, latent_dim=3)).get_layer("upconv_3")
    unused = np.broadcast_to(layer._taps[:, None, :, None] < 0, [7, 2, 4, 1]).reshape(7, 2, 4)
    assert unused.sum() == 2 * (28 - 25)
    assert np.all((layer.kernel.numpy() == 0) == unused)
    before = layer.kernel.numpy()
    optimizer = keras.optimizers.Adam(0.1)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((layer(tf.random.normal([2, 64, 4])) - 0.5) ** 2)
    optimizer.apply(tape.gradient(loss, layer.trainable_variables), layer.trainable_variables)
    assert np.all(layer.kernel.numpy()[unused] == 0)
    assert np.all(layer.kernel.numpy()[~unused] != before[~unused])


@pytest.mark.parametrize("slice_len", [16384, 32768, 65536])
def test_new_network_has_the_length_and_a_sensible_level(slice_len):
    network = wavegan.build_network(WaveGANConfig(dim=1, slice_len=slice_len, num_channels=2))
    audio = network(tf.random.stateless_uniform([4, 100], [1, 2], -1, 1))
    assert audio.shape == (4, slice_len, 2)
    assert 1e-4 < np.std(audio) < 0.9


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_returns_float32_close_to_full_precision(policy):
    full = WaveGAN(WaveGANConfig(dim=2, latent_dim=5, batchnorm=True, post_filter_len=8))
    mixed = WaveGAN(full.config, dtype=policy)
    mixed.network.set_weights(full.network.get_weights())
    z = tf.random.stateless_uniform([3, 5], [1, 2], -1, 1)
    audio = mixed(z)
    assert audio.dtype == tf.float32
    assert mixed.network.get_layer("upconv_0").compute_dtype == policy.removeprefix("mixed_")
    error = np.abs(audio - full(z)).max() / np.abs(full(z)).max()
    assert 0 < error < 0.05


def test_compiles_with_xla_and_has_forward_mode_derivatives():
    generator = WaveGAN(SMALL)
    z = tf.random.stateless_uniform([3, 5], [1, 2], -1, 1)
    np.testing.assert_allclose(tf.function(generator, jit_compile=True)(z), generator(z), atol=1e-5)
    tangent = tf.random.stateless_normal([3, 5], [3, 4])
    with tf.autodiff.ForwardAccumulator(z, tangent) as accumulator:
        audio = generator(z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        total = tf.reduce_sum(generator(z) * audio)
    forward = tf.reduce_sum(accumulator.jvp(audio) * audio)
    np.testing.assert_allclose(forward, tf.reduce_sum(tape.gradient(total, z) * tangent), rtol=1e-3)


def test_frozen_generator_uses_moving_statistics_even_in_training():
    generator = WaveGAN(WaveGANConfig(dim=1, latent_dim=3, batchnorm=True))
    model = generator.to_model()
    z = tf.random.stateless_uniform([4, 3], [1, 2], -1, 1)
    np.testing.assert_allclose(model(z, training=True)[:1], generator(z[:1]), atol=1e-6)
    assert generator.trainable_variables == []


@pytest.mark.parametrize("field", [{"slice_len": 20000}, {"upsample": "linear"}])
def test_impossible_variants_are_refused_by_field(field):
    with pytest.raises(errors.InvalidArgumentError, match=next(iter(field))):
        WaveGANConfig(**field)


def test_stereo_has_channels_before_time_and_comes_back_from_files(tmp_path):
    generator = WaveGAN(WaveGANConfig(dim=1, latent_dim=5, num_channels=2))
    z = generator.draw_latents(3, seed=0)
    audio = generator(z).numpy()
    assert audio.shape == generator.compute_output_shape(z.shape) == (3, 2, 16384)
    np.testing.assert_array_equal(audio, generator.network(z).numpy().transpose(0, 2, 1))
    assert (audio[:, 0] != audio[:, 1]).any()
    generator.to_model().save(tmp_path / "stereo.keras")
    np.testing.assert_array_equal(load_generator(tmp_path / "stereo.keras")(z), audio)
    generator.to_model().export(tmp_path / "stereo", verbose=False)
    np.testing.assert_allclose(load_generator(tmp_path / "stereo")(z), audio, atol=1e-6)
    write_audio(tmp_path / "stereo.wav", audio[0], 16000)
    np.testing.assert_array_equal(soundfile.read(tmp_path / "stereo.wav", dtype="float32")[0], audio[0].T)


def test_stereo_is_adjusted_in_both_channels():
    generator = WaveGAN(WaveGANConfig(dim=1, latent_dim=5, num_channels=2))
    z = generator.draw_latents(2, seed=0)
    louder = Adjusted(generator, ("gain", "shift"))(np.concatenate([z, [[1.0, 0.0]] * 2], 1)).numpy()
    np.testing.assert_allclose(
        louder, 10 ** (UNITS["gain"] / 20) * generator(z).numpy(), rtol=1e-4, atol=1e-6
    )
