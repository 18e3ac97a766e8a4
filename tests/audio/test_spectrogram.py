import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_inversion.audio.spectrogram import LOG_FLOOR, Spectrogram


def _numpy_stft(clip: np.ndarray) -> np.ndarray:
    """The definition, frame by frame: periodic Hann window of 256, hop 128, zeros after the end."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    padded = np.pad(clip, (0, 256))
    return np.stack([np.fft.rfft(window * padded[start : start + 256]) for start in range(0, len(clip), 128)])


@pytest.mark.parametrize("num_samples", [16384, 16000])
@pytest.mark.parametrize("kind", ["real", "magnitude", "log_magnitude"])
def test_agrees_with_the_definition(kind, num_samples):
    clip = np.random.default_rng(0).uniform(-1, 1, num_samples).astype(np.float32)
    expected = _numpy_stft(clip.astype(np.float64))
    expected = expected.real if kind == "real" else np.abs(expected)
    if kind == "log_magnitude":
        expected = np.log(expected + LOG_FLOOR)
    layer = Spectrogram(kind)
    image = layer(clip[np.newaxis])
    assert image.shape == layer.compute_output_shape((1, num_samples)) == (1, num_samples // 128, 129, 1)
    np.testing.assert_allclose(image[0, ..., 0], expected, atol=2e-4)


def test_gradient_is_finite_on_silence():
    silence = tf.zeros([1, 1024])
    with tf.GradientTape() as tape:
        tape.watch(silence)
        loss = tf.reduce_sum(Spectrogram()(silence))
    assert np.all(np.isfinite(tape.gradient(loss, silence)))


def test_survives_its_config_and_refuses_unknown_kinds():
    assert (
        keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(Spectrogram("real"))).kind
        == "real"
    )
    with pytest.raises(ValueError, match="kind must be one of"):
        Spectrogram("mel")
