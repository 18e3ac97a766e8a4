"""WAV files decoded by operations of a graph, against the way that Python reads them."""

import io

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from tf_inversion.audio.clips import load_clips
from tf_inversion.export import wav

NUM_SAMPLES, RATE = 16384, 16000
ENCODINGS = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]


@pytest.fixture(scope="module")
def decode():
    """The operations as a served model has them, compiled for any batch."""
    return tf.function(
        lambda contents: wav.decode(contents, NUM_SAMPLES, RATE, "audio_bytes"),
        input_signature=[tf.TensorSpec([None], tf.string)],
    )


def encoded(samples, rate=RATE, subtype="PCM_16", container="WAV"):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, subtype=subtype, format=container)
    return file.getvalue()


def noise(*shape):
    return np.random.default_rng(0).uniform(-0.5, 0.5, shape)


def read_by_python(contents, folder):
    """Returns [n, NUM_SAMPLES] as load_clips reads them."""
    paths = [folder / f"{i}.wav" for i in range(len(contents))]
    for path, content in zip(paths, contents):
        path.write_bytes(content)
    return load_clips(paths, NUM_SAMPLES, RATE).audio


@pytest.mark.parametrize("container", ["WAV", "WAVEX"])
def test_every_encoding_length_and_number_of_channels(decode, tmp_path, container):
    shapes = [(4000, 1), (20000, 2), (1, 3)]
    contents = [encoded(noise(*shape), RATE, e, container) for e in ENCODINGS for shape in shapes]
    expected = read_by_python(contents, tmp_path)
    np.testing.assert_allclose(decode(tf.constant(contents)), expected, atol=1e-7)


@pytest.mark.parametrize("rate", [8000, 11025, 12345, 22050, 44100, 48000, 192000])
def test_other_rates(decode, tmp_path, rate):
    """A sine at 0.85 of the lower Nyquist frequency stays one; noise comes out as soxr makes it, nearly."""
    frequency = 0.85 * min(rate, RATE) / 2
    sine = 0.5 * np.sin(2 * np.pi * frequency / rate * np.arange(2 * rate))
    same = 0.5 * np.sin(2 * np.pi * frequency / RATE * np.arange(NUM_SAMPLES))
    sounds = (sine, noise(2 * rate, 2), noise(rate // 3))
    contents = [encoded(sound, rate, "FLOAT") for sound in sounds]
    clips = decode(tf.constant(contents)).numpy()
    np.testing.assert_allclose(clips[0, 300:], same[300:], atol=2e-6)
    expected = read_by_python(contents, tmp_path)
    assert (np.std(clips - expected, 1) < 0.003 * np.std(expected, 1)).all()
    assert (clips[2, RATE // 3 + 1 :] == 0).all()


def test_chunks_before_and_after_the_samples(decode, tmp_path):
    whole = encoded(noise(999))
    header, samples = whole[:36], whole[36:]
    odd = b"note\3\0\0\0odd\0"
    for content in (header + odd + samples, whole + odd, whole[:-501], whole[:40] + b"\xff" * 4 + whole[44:]):
        np.testing.assert_array_equal(decode(tf.constant([content])), read_by_python([content], tmp_path))


GOOD = encoded(noise(100))
BROKEN = {
    "is not a WAV file": [b"", b"RIFF", b"x" * 100, encoded(noise(100), container="FLAC")],
    "is a WAV file without format or samples": [GOOD[:30], GOOD[:12] + GOOD[36:]],
    "holds no audio": [GOOD[:44]],
    "of another encoding": [
        encoded(noise(100), subtype="ULAW"),
        GOOD[:32] + b"\0\0" + GOOD[34:],
        GOOD[:22] + b"\0\0" + GOOD[24:],
    ],
    "sample rate": [GOOD[:24] + b"\0\0\0\0" + GOOD[28:], GOOD[:24] + b"\xff\xff\xff\xff" + GOOD[28:]],
    "holds NaN or infinity": [encoded([0, np.nan], subtype="FLOAT"), encoded([np.inf], subtype="DOUBLE")],
}


# By number, for a name that stays: float files hold the time of their making.
@pytest.mark.parametrize(
    ("words", "number"), [(words, i) for words in BROKEN for i in range(len(BROKEN[words]))]
)
def test_a_broken_item_is_named(decode, words, number):
    content = BROKEN[words][number]
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"audio_bytes: item 2 .*{words}"):
        decode(tf.constant([GOOD, GOOD, content, GOOD]))
