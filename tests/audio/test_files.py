"""Reading, writing and resampling of single files."""

import os
import struct
import threading

import numpy as np
import pytest
import soundfile
from encoded_audio import CONTAINERS, chunk, encoded, fmt, noise, riff

from tf_inversion import errors
from tf_inversion.audio import files

LOSSLESS = [kind for kind in CONTAINERS if "PCM" in kind]


def test_float_is_written_exactly_and_with_the_same_bytes_at_any_time(tmp_path):
    samples = 4 * noise(1000)[:, 0]  # beyond full scale too
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
        files.write_audio(tmp_path / "clip.wav", noise(10)[:, 0], 16000, subtype="VORBIS")
    assert not list(tmp_path.iterdir())


def test_channels_are_averaged_and_a_beginning_can_be_read(tmp_path):
    stereo = noise(500, channels=2)
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


@pytest.fixture
def read(tmp_path):
    def read(contents, name="clip", **options):
        (tmp_path / name).write_bytes(contents)
        return files.read(tmp_path / name, **options)

    return read


@pytest.mark.parametrize("kind", CONTAINERS)
def test_every_container_whole_in_part_and_cut(read, kind):
    samples = noise(40000)
    contents = encoded(kind, samples)
    whole, part = read(contents), read(contents, seconds=0.5)
    assert (whole.sample_rate, whole.num_frames, whole.num_channels) == (16000, 40000, 1)
    assert (whole.encoding, whole.oddities) == (tuple(kind.split("/")), frozenset())
    assert (len(part.samples), part.num_frames, part.oddities) == (8000, 40000, frozenset())
    np.testing.assert_array_equal(part.samples, whole.samples[:8000])
    cut = read(contents[: len(contents) * 2 // 3])
    assert cut.oddities == {"cut"}
    assert cut.num_frames == len(cut.samples) > 12000
    if kind in LOSSLESS:
        np.testing.assert_allclose(whole.samples, samples[:, 0], atol=2**-15)
        np.testing.assert_array_equal(cut.samples, whole.samples[: len(cut.samples)])


@pytest.mark.parametrize(("field", "right"), [(4, 8036), (40, 8000)])
@pytest.mark.parametrize("claim", [0, 8, 0x77359400, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_whatever_a_wav_file_claims_its_samples_are_read(read, field, right, claim):
    """But a length that is too small is believed, unless it is 0."""
    samples = noise()
    contents = bytearray(encoded("WAV/PCM_16", samples))
    assert struct.unpack_from("<I", contents, field) == (right,)
    struct.pack_into("<I", contents, field, claim)
    recording = read(contents)
    if (field, claim) == (40, 8):
        assert len(recording.samples) == 4
        return
    np.testing.assert_allclose(recording.samples, samples[:, 0], atol=2**-15)
    odd = {0x77359400: {"cut"}}.get(claim, {"endless"}) if field == 40 else set()
    assert recording.oddities == odd


@pytest.mark.parametrize(
    ("kind", "field", "claims"),
    [
        ("AU/PCM_16", 8, ["\0\0\0\0", "\x80\0\0\0", "\xff\xff\xff\xff"]),
        ("CAF/PCM_16", 4084, ["\0" * 8, "\xff" * 8, "\x7f" + "\xff" * 7]),
        ("W64/PCM_16", 96, ["\0" * 8, "\xff" * 8, "\xff" * 7 + "\x7f"]),
        ("RF64/PCM_16", 28, ["\0" * 8, "\xff" * 8]),
        ("FLAC/PCM_16", 22, ["\0\0\0\0"]),
    ],
)
def test_lengths_that_other_containers_do_not_tell(read, kind, field, claims):
    samples = noise()
    for claim in claims:
        contents = bytearray(encoded(kind, samples))
        contents[field : field + len(claim)] = claim.encode("latin-1")
        recording = read(contents)
        np.testing.assert_allclose(recording.samples, samples[:, 0], atol=2**-15)
        assert recording.oddities == {"endless"}
        assert len(read(contents, seconds=0.1).samples) == 1600
        assert recording.num_frames == 4000


def test_a_flac_with_damage_in_it_is_read_up_to_there(read):
    contents = bytearray(encoded("FLAC/PCM_16", noise(40000)))
    whole = read(contents).samples
    contents[40000:40100] = bytes(100)
    damaged = read(contents)
    assert damaged.oddities == {"cut"}
    assert 15000 < len(damaged.samples) < 40000
    np.testing.assert_array_equal(damaged.samples, whole[: len(damaged.samples)])
    again = read(contents, num_frames=len(damaged.samples))  # whether more is asked for or not
    np.testing.assert_array_equal(again.samples, damaged.samples)


def test_damage_in_the_beginning_of_a_flac_leaves_what_is_before_it(read):
    contents = bytearray(encoded("FLAC/PCM_16", noise(8000)))
    whole = read(contents).samples
    contents[len(contents) * 3 // 4] ^= 1
    damaged = read(contents)
    assert 1000 < len(damaged.samples) < 6000
    for count in (len(damaged.samples), len(damaged.samples) - 1, 1):
        np.testing.assert_array_equal(read(contents, num_frames=count).samples, whole[:count])


@pytest.mark.parametrize("rate", [0, 1, 999, 1_000_001, 0x7FFFFFFF, 0xFFFFFFFF])
def test_absurd_sample_rates_are_refused(read, rate):
    with pytest.raises(errors.AudioFileError, match=r"clip: has a sample rate of|clip: not readable"):
        read(riff(fmt(rate=rate), chunk(b"data", bytes(8000))))


def test_more_samples_than_memory_should_hold_are_refused(read, monkeypatch):
    monkeypatch.setattr(files, "MAX_FRAMES", 3999)
    contents = encoded("WAV/PCM_16", noise())
    with pytest.raises(errors.AudioFileError, match="holds more than 3,999 samples"):
        read(contents)
    assert len(read(contents, num_frames=3999).samples) == 3999


@pytest.mark.parametrize(
    "name", ["clip.au", "clip.raw", "clip.gsm", "clip.vox", "\udcff.wav", "[1]*?{a}.wav"]
)
def test_the_name_does_not_count(read, name):
    samples = noise()
    np.testing.assert_allclose(read(encoded("WAV/PCM_16", samples), name).samples, samples[:, 0], atol=2**-15)
    with pytest.raises(errors.AudioFileError, match="no format that is known"):
        read(b"no sound at all" * 99, name)


def test_what_libmpg123_says_is_kept_from_stderr_and_told_of_the_file(read, capfd):
    contents = bytearray(encoded("MP3/MPEG_LAYER_III", noise(40000)))
    contents[5000:5600] = bytes(600)
    recording = read(contents)
    assert recording.oddities == {"faulty"}
    assert len(recording.samples) > 30000
    assert capfd.readouterr().err == ""


def test_what_others_write_to_stderr_meanwhile_is_not_lost(capfd):
    writing, written = threading.Event(), threading.Event()

    def other():
        writing.wait(10)
        os.write(2, b"a progress bar\n")
        written.set()

    thread = threading.Thread(target=other)
    thread.start()
    with files._complaints() as found:
        writing.set()
        assert written.wait(10)
        os.write(2, b"[src/libmpg123/id3.c:364] error: bad frame\n")
    thread.join()
    assert found == ["[src/libmpg123/id3.c:364] error: bad frame"]
    assert capfd.readouterr().err == "a progress bar\n"
