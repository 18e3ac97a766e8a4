"""Reading, writing and resampling of single files."""

import numpy as np
import pytest
import soundfile

from tf_inversion import errors
from tf_inversion.audio import files


def noise(shape, seed=0):
    return np.random.default_rng(seed).uniform(-0.9, 0.9, shape).astype(np.float32)


def test_float_is_written_exactly_and_with_the_same_bytes_at_any_time(tmp_path):
    samples = noise(1000) * 2  # beyond full scale too
    files.write_audio(tmp_path / "new" / "clip.wav", samples, 16000)
    read, rate = files.read_audio(tmp_path / "new" / "clip.wav")
    np.testing.assert_array_equal(read, samples)
    assert rate == 16000
    assert soundfile.info(tmp_path / "new" / "clip.wav").subtype == "FLOAT"
    assert b"PEAK" not in (tmp_path / "new" / "clip.wav").read_bytes()  # it would hold the time


def test_pcm_16_is_rounded_and_clipped(tmp_path):
    files.write_audio(tmp_path / "clip.wav", np.array([0.5, 2.0, -2.0], np.float32), 8000, subtype="PCM_16")
    read, rate = files.read_audio(tmp_path / "clip.wav")
    np.testing.assert_allclose(read, [0.5, 1, -1], atol=1 / 32767)
    assert rate == 8000


def test_an_impossible_subtype_leaves_nothing_behind(tmp_path):
    with pytest.raises(errors.InvalidArgumentError, match="VORBIS"):
        files.write_audio(tmp_path / "clip.wav", noise(10), 16000, subtype="VORBIS")
    assert not list(tmp_path.iterdir())


def test_channels_are_averaged_and_a_beginning_can_be_read(tmp_path):
    stereo = noise((500, 2))
    soundfile.write(tmp_path / "stereo.wav", stereo, 16000, subtype="FLOAT")
    np.testing.assert_allclose(files.read_audio(tmp_path / "stereo.wav")[0], stereo.mean(1), atol=1e-7)
    assert len(files.read_audio(tmp_path / "stereo.wav", 99)[0]) == 99


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (None, "no such file"),
        (b"not audio", "not readable"),
        ("empty", "no audio"),
        (np.nan, "not finite"),
        (1e30, r"over 1e\+10"),
    ],
)
def test_what_can_not_be_used_is_refused_by_name(tmp_path, contents, reason):
    path = tmp_path / "bad.wav"
    if isinstance(contents, bytes):
        path.write_bytes(contents)
    elif contents:
        samples = np.array([] if contents == "empty" else [0.0, contents, 0.0], np.float32)
        soundfile.write(path, samples, 16000, subtype="FLOAT")
    with pytest.raises(errors.AudioFileError, match=rf"bad\.wav.*{reason}"):
        files.read_audio(path)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
@pytest.mark.parametrize("frequency", [100, 1000, 3500])
def test_resampling_keeps_level_and_time(rate, frequency):
    """A sine stays the same sine: no gain, no delay, no other frequencies."""
    sine = 0.5 * np.sin(2 * np.pi * frequency * np.arange(rate) / rate)
    resampled = files.resample(sine.astype(np.float32), rate, 16000)
    assert len(resampled) == 16000
    expected = 0.5 * np.sin(2 * np.pi * frequency * np.arange(16000) / 16000)
    np.testing.assert_allclose(resampled[500:-500], expected[500:-500], atol=1e-4)
