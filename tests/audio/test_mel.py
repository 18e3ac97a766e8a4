"""Log-mel features against librosa and against what is known of a sine."""

import librosa
import numpy as np
import pytest
import tensorflow as tf

from tf_inversion.audio import mel


def sine(frequency, amplitude=1.0, sample_rate=16000, num_samples=16384):
    time = np.arange(num_samples) / sample_rate
    return (amplitude * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


@pytest.mark.parametrize("sample_rate", [16000, 22050])
def test_agrees_with_librosa(sample_rate):
    audio = np.random.default_rng(0).normal(0, 0.1, 16384).astype(np.float32)
    power = librosa.feature.melspectrogram(
        y=np.pad(audio, (0, 1024)),
        sr=sample_rate,
        n_fft=1024,
        hop_length=256,
        center=False,
        n_mels=80,
        fmin=0,
        htk=True,
        norm=None,
    ).T[:64]
    window = librosa.filters.get_window("hann", 1024)
    sine_power = np.sum(np.abs(np.fft.rfft(window * np.sin(2 * np.pi * 128 * np.arange(1024) / 1024))) ** 2)
    expected = np.log10(np.maximum(np.sqrt(power / sine_power), 1e-3))
    # librosa's triangles have straight sides in hertz, TensorFlow's in mel: nearly the same.
    np.testing.assert_allclose(mel.log_mel(audio[None], sample_rate)[0], expected, atol=5e-3)


def test_level_of_a_sine_and_of_silence():
    # A sine on the peak of a wide triangle keeps nearly all of its power: log10(0.1) = -1.
    middle = mel.log_mel(sine(6500, 0.1)[None], 16000)[0, 20]
    assert float(tf.reduce_max(middle)) == pytest.approx(-1, abs=0.05)
    np.testing.assert_array_equal(
        mel.log_mel(np.zeros([1, 4096], np.float32), 16000), np.full([1, 16, 80], -3)
    )


def test_every_band_hears_something():
    noise = np.random.default_rng(0).normal(0, 0.1, [1, 16384])
    for sample_rate in (8000, 16000, 44100, 48000):
        assert float(tf.reduce_min(tf.reduce_mean(mel.log_mel(noise, sample_rate)[0], 0))) > -2.5


def test_gradient_is_finite_for_silence_and_beside_it():
    audio = tf.Variable(np.stack([np.zeros(4096), sine(440, num_samples=4096)]))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(mel.log_mel(audio, 16000))
    gradient = tape.gradient(loss, audio).numpy()
    assert not gradient[0].any()
    assert np.isfinite(gradient[1]).all()
    assert gradient[1].any()
