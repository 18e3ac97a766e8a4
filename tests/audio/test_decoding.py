"""Decoding inside tf.data, by tensorflow-io or without it, against soundfile."""

import io
import struct
import sys

import numpy as np
import pytest
import soundfile
import tensorflow as tf

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


def encoded(channels, kind, num_frames=4000):
    container, encoding = kind.split("/")
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (num_frames, channels))
    file = io.BytesIO()
    soundfile.write(file, samples, 16000, format=container, subtype=encoding)
    return file.getvalue()


def decoded(*opened):
    """Through tf.data, as clips are."""
    paths, decoders, wanted = zip(*((file.path, file.decoder, file.wanted) for file in opened))
    data = tf.data.Dataset.from_tensor_slices((list(paths), list(decoders), np.array(wanted)))
    return list(data.map(decoding.decode).as_numpy_iterator())


def test_every_format_reads_as_soundfile_reads_it(tmp_path, library):
    opened = {}
    for kind in NATIVE + OTHERS:
        for channels in (1, 2):
            path = tmp_path / f"{kind.replace('/', '_')}_{channels}"
            path.write_bytes(encoded(channels, kind))
            opened[kind, channels] = file, samples = decoding.open_audio(str(path))
            np.testing.assert_array_equal(samples, files.read_audio(path)[0])
            assert file.sample_rate == 16000
            assert (file.decoder > 0) == (library == "tensorflow-io" and kind in NATIVE), kind
    again = decoded(*(file for file, _ in opened.values()))
    for key, audio in zip(opened, again):
        np.testing.assert_allclose(audio, opened[key][1], atol=2e-6, err_msg=str(key))


def test_only_the_beginning_of_a_long_file_is_read(tmp_path, library):
    opened = []
    for kind in ("WAV/PCM_16", "FLAC/PCM_16", "MP3/MPEG_LAYER_III"):
        path = tmp_path / kind.replace("/", "_")
        path.write_bytes(encoded(1, kind, num_frames=160000))
        opened.append(decoding.open_audio(str(path), seconds=0.1))
        file, samples = opened[-1]
        assert len(samples) == file.wanted == 1600
        assert file.num_frames == 160000
        assert file.decoder == 0  # soundfile's, which need not decode the rest
    np.testing.assert_array_equal(decoded(*(file for file, _ in opened)), [samples for _, samples in opened])


def wav(*chunks, block=2):
    layout = struct.pack("<HHIIHH", 1, 1, 16000, 32000, block, 16)
    body = b"WAVE" + b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
        for name, data in ((b"fmt ", layout), *chunks)
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


PCM = np.arange(-1000, 1000, dtype="<i2").tobytes()
ODD_FILES = {
    "a list before the samples": wav((b"LIST", b"INFOISFT\4\0\0\0abc\0"), (b"data", PCM)),
    "an odd chunk after the samples": wav((b"data", PCM), (b"note", b"odd")),
    "cut off": wav((b"data", PCM))[:-501],
    "blocks of no bytes, by which tensorflow-io divides": wav((b"data", PCM), block=0),
}


def test_odd_wav_files(tmp_path, library):
    whole = np.arange(-1000, 1000) / 32768
    opened = []
    for name, contents in ODD_FILES.items():
        (tmp_path / name).write_bytes(contents)
        opened.append(decoding.open_audio(str(tmp_path / name)))
        samples = opened[-1][1]
        np.testing.assert_array_equal(samples, whole[: len(samples)], err_msg=name)
        assert len(samples) == (1749 if name == "cut off" else 2000)
    for audio, (_, samples) in zip(decoded(*(file for file, _ in opened)), opened):
        np.testing.assert_array_equal(audio, samples)


def test_a_header_that_claims_hours_takes_neither_memory_nor_time(tmp_path, library):
    contents = bytearray(encoded(1, "FLAC/PCM_16"))
    contents[21:26] = b"\xf7\xff\xff\xff\xff"  # 36 bits: the number of samples
    (tmp_path / "bad.flac").write_bytes(contents)
    file, samples = decoding.open_audio(str(tmp_path / "bad.flac"), seconds=0.1)
    assert file.decoder == 0
    assert len(samples) == 1600
    with pytest.raises(errors.AudioFileError, match=r"bad\.flac"):
        decoding.open_audio(str(tmp_path / "bad.flac"))
