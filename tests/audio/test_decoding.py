"""Decoding inside tf.data, by tensorflow-io or without it, against soundfile."""

import os
import sys

import numpy as np
import pytest
import tensorflow as tf
from encoded_audio import chunk, encoded, fmt, noise, riff

from tf_inversion import errors
from tf_inversion.audio import decoding, files

NATIVE = [
    "WAV/PCM_U8",
    "WAV/PCM_16",
    "WAV/PCM_24",
    "WAV/FLOAT",
    "WAVEX/PCM_16",
    "WAVEX/PCM_24",
    "WAVEX/FLOAT",
]
NATIVE += ["FLAC/PCM_S8", "FLAC/PCM_16", "FLAC/PCM_24", "OGG/VORBIS", "MP3/MPEG_LAYER_III"]
OTHERS = ["WAV/PCM_32", "WAV/DOUBLE", "WAVEX/PCM_32", "WAVEX/ULAW", "WAV/ALAW", "OGG/OPUS", "AIFF/PCM_16"]


@pytest.fixture(params=["tensorflow-io", "soundfile"])
def library(request, monkeypatch):
    """Both ways to decode; the second as on a TensorFlow into which tensorflow-io does not load."""
    if request.param == "soundfile":
        monkeypatch.setitem(sys.modules, "tensorflow_io", None)
    decoding.tensorflow_io.cache_clear()
    if request.param == "tensorflow-io" and decoding.tensorflow_io() is None:
        pytest.skip("tensorflow-io's native library does not load into this TensorFlow")
    yield request.param
    decoding.tensorflow_io.cache_clear()


def decoded(opened):
    """Through tf.data, as clips are."""
    data = tf.data.Dataset.range(len(opened)).map(decoding.reader(opened, 16000))
    with decoding.file_errors():
        return list(data.as_numpy_iterator())


def test_every_format_reads_as_soundfile_reads_it(tmp_path, library):
    opened = {}
    for kind in NATIVE + OTHERS:
        for channels in (1, 2):
            path = tmp_path / f"{kind.replace('/', '_')}_{channels}"
            path.write_bytes(encoded(kind, noise(4000, channels)))
            opened[kind, channels] = file, samples = decoding.open_audio(str(path))
            np.testing.assert_array_equal(samples, files.read_audio(path)[0])
            assert file.sample_rate == 16000
            assert (file.decoder > 0) == (library == "tensorflow-io" and kind in NATIVE), kind
    again = decoded([file for file, _ in opened.values()])
    for key, audio in zip(opened, again):
        np.testing.assert_allclose(audio, opened[key][1], atol=2e-6, err_msg=str(key))


def test_only_the_beginning_of_a_long_file_is_read(tmp_path, library):
    opened = []
    for kind in ("WAV/PCM_16", "FLAC/PCM_16", "MP3/MPEG_LAYER_III"):
        path = tmp_path / kind.replace("/", "_")
        path.write_bytes(encoded(kind, noise(160000)))
        opened.append(decoding.open_audio(str(path), seconds=0.1))
        file, samples = opened[-1]
        assert len(samples) == file.wanted == 1600
        assert file.num_frames == 160000
        assert file.decoder == 0  # soundfile's, which need not decode the rest
    np.testing.assert_array_equal(decoded([file for file, _ in opened]), [samples for _, samples in opened])


PCM = np.arange(-1000, 1000, dtype="<i2").tobytes()
ODD_FILES = {  # samples that are read, and the file
    "a list before the samples": (
        2000,
        riff(fmt(), chunk(b"LIST", b"INFOISFT\4\0\0\0abc\0"), chunk(b"data", PCM)),
    ),
    "an odd chunk after the samples": (2000, riff(fmt(), chunk(b"data", PCM), chunk(b"note", b"odd"))),
    "cut off": (1749, riff(fmt(), chunk(b"data", PCM))[:-501]),
    "blocks of no bytes": (2000, riff(fmt(block=0), chunk(b"data", PCM))),
    "blocks larger than their samples": (2000, riff(fmt(block=4), chunk(b"data", PCM))),
    "more than 2 GB claimed": (2000, riff(fmt(), chunk(b"data", PCM, 0x80000000))),
    "4 GB claimed": (2000, riff(fmt(), chunk(b"data", PCM, 0xFFFFFFFF), size=0xFFFFFFFF)),
    "2 GB claimed": (2000, riff(fmt(), chunk(b"data", PCM, 2_000_000_000))),
    "nothing claimed": (2000, riff(fmt(), chunk(b"data", PCM, 0))),
    "a chunk that leads back": (2000, riff(fmt(), chunk(b"data", PCM), chunk(b"LIST", b"", 0xFFFFFFF8))),
}


def test_odd_wav_files(tmp_path, library):
    whole = np.arange(-1000, 1000) / 32768
    opened = []
    for name, (length, contents) in ODD_FILES.items():
        (tmp_path / name).write_bytes(contents)
        opened.append(decoding.open_audio(str(tmp_path / name)))
        samples = opened[-1][1]
        assert len(samples) == length, name
        np.testing.assert_array_equal(samples, whole[: len(samples)], err_msg=name)
    for audio, (_, samples) in zip(decoded([file for file, _ in opened]), opened):
        np.testing.assert_array_equal(audio, samples)


def test_a_header_that_claims_hours_takes_neither_memory_nor_time(tmp_path, library):
    contents = bytearray(encoded("FLAC/PCM_16", noise()))
    contents[21:26] = b"\xf7\xff\xff\xff\xff"  # 36 bits: the number of samples
    (tmp_path / "bad.flac").write_bytes(contents)
    for seconds, length in ((0.1, 1600), (None, 4000)):
        file, samples = decoding.open_audio(str(tmp_path / "bad.flac"), seconds)
        assert (file.decoder, len(samples)) == (0, length)
    assert file.oddities == {"cut"}


def test_a_file_that_changes_after_it_was_opened_is_not_trusted(tmp_path, library):
    for name in ("same.wav", "louder.wav", "liar.wav", "shorter.wav", "slower.wav", "gone.wav", "text.wav"):
        (tmp_path / name).write_bytes(encoded("WAV/PCM_16", noise()))
    opened = {path.name: decoding.open_audio(str(path))[0] for path in sorted(tmp_path.iterdir())}
    half = encoded("WAV/PCM_16", noise() / 2)
    (tmp_path / "louder.wav").write_bytes(half)
    (tmp_path / "liar.wav").write_bytes(half[:40] + b"\0\0\0\x80" + half[44:])
    (tmp_path / "shorter.wav").write_bytes(half[:5000])
    (tmp_path / "slower.wav").write_bytes(encoded("WAV/PCM_16", noise(), rate=8000))
    (tmp_path / "text.wav").write_text("not any more")
    os.unlink(tmp_path / "gone.wav")
    same, louder, liar = decoded([opened[name] for name in ("same.wav", "louder.wav", "liar.wav")])
    np.testing.assert_allclose(same, 2 * louder, atol=2**-14)
    np.testing.assert_array_equal(louder, liar)
    for name in ("shorter.wav", "slower.wav", "gone.wav", "text.wav"):
        with pytest.raises(errors.AudioFileError, match=name) as raised:
            decoded([opened["same.wav"], opened[name]])
        assert len(str(raised.value).splitlines()) == 1
