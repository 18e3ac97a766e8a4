"""Each degradation does what its name says, and no more."""

import numpy as np
import pytest
import soundfile

from tf_inversion.audio.degradations import degradations, with_noise

RATE = 16000


@pytest.fixture
def clip():
    """A low and a high tone."""
    seconds = np.arange(16384) / RATE
    tones = 0.3 * np.sin(2 * np.pi * 500 * seconds) + 0.2 * np.sin(2 * np.pi * 6000 * seconds)
    return tones.astype(np.float32)


def after(name, clip, seed=0):
    return degradations(RATE, np.random.default_rng(seed))[name](clip)


def level_at(clip, hertz):
    """Amplitude of a tone of that frequency."""
    window = np.hanning(len(clip))
    phase = np.exp(-2j * np.pi * hertz * np.arange(len(clip)) / RATE)
    return 2 * np.abs(np.sum(window * clip * phase)) / np.sum(window)


def test_files(clip):
    np.testing.assert_array_equal(after("32-bit float WAV", clip), clip)
    error = np.abs(after("16-bit WAV", clip) - clip)
    assert 0 < error.max() <= 2**-15


@pytest.mark.skipif("MP3" not in soundfile.available_formats(), reason="libsndfile is older than 1.1")
def test_mp3(clip):
    degraded = after("MP3, 128 kbit/s", clip)
    assert (degraded.shape, degraded.dtype) == (clip.shape, np.float32)
    correlation = np.corrcoef(clip, degraded)[0, 1]
    assert 0.99 < correlation < 1


@pytest.mark.parametrize("snr_db", [40, 20])
def test_noise(clip, snr_db):
    name = f"white noise, SNR {snr_db} dB"
    noise = after(name, clip) - clip
    assert 10 * np.log10(np.mean(clip**2) / np.mean(noise**2)) == pytest.approx(snr_db, abs=0.2)
    np.testing.assert_array_equal(after(name, clip), after(name, clip))
    assert (after(name, clip) != after(name, clip, seed=1)).any()
    assert after(name, clip).dtype == np.float32


def test_noise_is_drawn_anew(clip):
    rng = np.random.default_rng(0)
    assert (with_noise(clip, 20, rng) != with_noise(clip, 20, rng)).any()


def test_resampling_takes_the_upper_half_of_the_band(clip):
    degraded = after("8 kHz and back", clip)
    assert degraded.shape == clip.shape
    assert level_at(degraded, 500) == pytest.approx(0.3, rel=0.01)
    assert level_at(degraded, 6000) < 1e-3


def test_level(clip):
    np.testing.assert_array_equal(after("twice the level", clip), 2 * clip)


def test_delay(clip):
    np.testing.assert_array_equal(after("3 samples late", clip), [0, 0, 0, *clip[:-3]])
