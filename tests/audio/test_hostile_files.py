"""Files that lie, made at random: right samples or one line, in little memory, and no end of the process.

TF_INVERSION_FUZZ sets how many (default 1,000); what failed is shrunk to the smallest file that fails.
"""

import base64
import collections
import functools
import json
import os
import selectors
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from encoded_audio import CONTAINERS, chunk, encoded, noise, riff
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

NUMBER = int(os.environ.get("TF_INVERSION_FUZZ", "1000"))
WORKER = Path(__file__).parents[1] / "audio_worker.py"
SECONDS = 0.1  # of sound that are read of each file
SECONDS_A_FILE = 20  # on a machine that has other things to do
BYTES_A_FILE = 100 * 2**20
WIDTHS = {1: (8, 16, 24, 32), 3: (32, 64)}  # bits of integers and of floats, by the tag of the format
SIZES = [0, 1, 2, 3, 4, 7, 8, 2**16, 2**24, 2_000_000_000, 2**31 - 1, 2**31, 2**32 - 36, 2**32 - 8, 2**32 - 1]
OTHERS = ["WAV/ULAW", "WAV/IMA_ADPCM", "WAV/MS_ADPCM", "WAV/GSM610", "AIFF/PCM_24", "AIFF/FLOAT", "AU/ULAW"]
OTHERS += ["CAF/ALAC_16", "CAF/FLOAT", "W64/PCM_24", "FLAC/PCM_24", "FLAC/PCM_S8", "NIST/ULAW", "WAVEX/FLOAT"]
SUFFIXES = [".wav", ".mp3", ".au", ".flac", ".raw", ".ogg", ""]


class Made:
    """A file, and what is known of its samples.

    Attributes:
      contents: bytes.
      expected: float32 [n], what must come, or None if the file may be refused too.
      oddities: what must be told of it.
      more: whether other bytes follow that are taken for sound, as the header says.
    """

    def __init__(self, contents, expected=None, oddities=(), more=False):
        self.contents, self.expected, self.oddities, self.more = contents, expected, oddities, more

    def __repr__(self):
        return f"Made({self.contents[:80]!r}... of {len(self.contents)} bytes)"


def once_in(draw, times):
    return draw(st.sampled_from([False] * (times - 1) + [True]))


def lie(draw, value, times):
    """The value, or once in so many times another."""
    return draw(st.sampled_from(SIZES)) if once_in(draw, times) else value


@st.composite
def wav_files(draw):
    """WAV files laid out by hand: what they must read as is known unless their format itself is a lie."""
    tag = draw(st.sampled_from([1, 1, 3]))
    bits = draw(st.sampled_from(WIDTHS[tag]))
    channels = draw(st.sampled_from([1, 1, 1, 2, 3, 8]))
    rate = draw(st.sampled_from([8000, 16000, 16000, 16000, 44100]))
    frames = draw(st.sampled_from([0, 1, 50, 800, 1500, 3000]))
    block = channels * bits // 8
    levels, sound = _samples(tag, bits, channels, frames, draw(st.integers(0, 9)))
    fields = [tag, channels, rate, rate * block, block, bits]
    honest = not once_in(draw, 4)
    if not honest:
        position = draw(st.integers(0, 5))
        size = 4 if position in (2, 3) else 2
        fields[position] = draw(st.sampled_from([*SIZES, 255, 0xFFFE])) % 2 ** (8 * size)
    form = b"".join(
        value.to_bytes(size, "little") for value, size in zip(fields, (2, 2, 4, 4, 2, 2), strict=True)
    )
    if draw(st.booleans()):
        form += b"\0\0"
    more = st.lists(
        st.builds(
            chunk, st.sampled_from([b"LIST", b"JUNK", b"note", b"id3 ", b"fact"]), st.binary(max_size=9)
        ),
        max_size=2,
    )
    before, between, after = draw(more), draw(more), draw(more)
    claim = lie(draw, len(sound), 3)
    parts = [*before, chunk(b"fmt ", form), *between, chunk(b"data", sound, claim), *after]
    if once_in(draw, 8):
        parts, honest = draw(st.permutations(parts)), False
    contents = riff(*parts, size=lie(draw, None, 4))
    held = contents[contents.index(b"data" + claim.to_bytes(4, "little")) + 8 :]
    if once_in(draw, 3):
        kept = len(contents) - draw(st.integers(1, max(1, len(held) + 20)))
        held = held[: max(0, kept - len(contents) + len(held))]
        contents = contents[:kept]
    if not honest or b"fact" in b"".join(parts) or not held:
        return Made(contents)
    endless = claim >= 0x7F000000 and claim > len(held)
    if claim == 0 and not endless:  # whether what follows is sound is a guess
        return Made(contents)
    count = min(len(sound), claim, len(held)) // block
    if not count or (tag == 3 and claim > len(sound) and after):  # whose bytes are huge as floats
        return Made(contents)
    cut = len(held) < claim and not endless
    oddities = {"endless"} if endless else {"cut"} if cut else ()
    return Made(contents, levels[:count], oddities, more=claim > len(sound))


@functools.cache
def _samples(tag, bits, channels, frames, seed):
    """Mono levels of noise as they come back, and its bytes."""
    samples = noise(frames, channels, seed)
    if tag == 3:
        raw = samples.astype(f"<f{bits // 8}").tobytes()
        return samples.mean(axis=1), raw
    full = 2 ** (bits - 1)
    values = np.round(samples.astype(np.float64) * full).astype(np.int64)
    stored = values + (128 if bits == 8 else 0)
    raw = stored.astype("<i8").view(np.uint8).reshape(-1, 8)[:, : bits // 8].tobytes()
    return (values / full).astype(np.float32).mean(axis=1), raw


@functools.cache
def _encoded(kind, channels, frames):
    return encoded(kind, noise(frames, channels))


@st.composite
def mutated_files(draw):
    """Files of every container, cut, with bytes changed, put in and taken out, most of them in the header."""
    kind = draw(st.sampled_from(CONTAINERS + OTHERS))
    channels = 1 if "GSM" in kind else draw(st.sampled_from([1, 1, 2]))
    contents = bytearray(_encoded(kind, channels, draw(st.sampled_from([1, 700, 1500, 9000]))))
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2, 4]))):
        near = draw(st.sampled_from([64, 64, 256, len(contents)]))
        position = draw(st.integers(0, max(0, min(near, len(contents)) - 1)))
        change = draw(st.sampled_from(["byte", "size", "long", "cut", "insert", "delete"]))
        if change == "byte":
            contents[position : position + 1] = draw(st.binary(min_size=1, max_size=1))
        elif change in ("size", "long"):
            width, order = 4 if change == "size" else 8, draw(st.sampled_from(["little", "big"]))
            value = draw(st.sampled_from([*SIZES, 2**62, 2**63 - 1, 2**63])) % 2 ** (8 * width)
            contents[position : position + width] = value.to_bytes(width, order)
        elif change == "cut":
            del contents[draw(st.integers(0, len(contents))) :]
        elif change == "insert":
            contents[position:position] = draw(st.binary(min_size=1, max_size=40))
        else:
            del contents[position : position + draw(st.integers(1, 40))]
    return Made(bytes(contents))


@st.composite
def marked_files(draw):
    """Anything behind the first bytes of a format."""
    marks = [
        b"RIFF\0\0\0\0WAVEfmt ",
        b"RIFX",
        b"RF64",
        b"FORM\0\0\0\0AIFF",
        b".snd",
        b"caff\0\1\0\0",
        b"NIST_1A\n   1024\n",
    ]
    marks += [
        b"fLaC\0\0\0\x22",
        b"OggS",
        b"\xff\xfb\x90\x64",
        b"ID3\4\0\0\0\0\0\x0a",
        b"riff\x2e\x91\xcf\x11",
        b"",
    ]
    return Made(draw(st.sampled_from(marks)) + draw(st.binary(max_size=200)))


class Reader:
    """The process that reads. If it dies or hangs, the next file gets a new one."""

    def __init__(self):
        self.process = None

    def ask(self, question, seconds):
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, str(WORKER), str(SECONDS)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            seconds += 120  # TensorFlow is slow to import
        self.process.stdin.write(json.dumps(question).encode() + b"\n")
        self.process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            answered = selector.select(seconds)
        answer = self.process.stdout.readline() if answered else b""
        if answer:
            return json.loads(answer)
        self.process.kill()
        _, stderr = self.process.communicate()
        code, self.process = self.process.returncode, None
        what = f"died with {code}" if answered else f"took more than {seconds} s"
        raise AssertionError(f"the process {what}: {stderr[-2000:].decode(errors='replace')}")

    def close(self):
        if self.process:
            self.process.kill()
            self.process.communicate()


@pytest.fixture(scope="module")
def reader():
    reader = Reader()
    yield reader
    reader.close()


def test_right_samples_or_one_line(reader, tmp_path_factory):
    folder, counts = tmp_path_factory.mktemp("hostile"), collections.Counter()

    @settings(
        max_examples=NUMBER,
        deadline=None,
        database=None,
        derandomize="TF_INVERSION_FUZZ" not in os.environ,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    @given(
        st.one_of(wav_files(), wav_files(), mutated_files(), mutated_files(), marked_files()),
        st.sampled_from(SUFFIXES),
    )
    def check(made, suffix):
        path = folder / f"{counts.total()}{suffix}"
        path.write_bytes(made.contents)
        answer = reader.ask(str(path), SECONDS_A_FILE)
        note(str({name: value for name, value in answer.items() if name != "samples"}))
        counts["refused" if "error" in answer else "native" if answer["native"] else "read"] += 1
        counts["known"] += made.expected is not None
        assert answer["memory"] < BYTES_A_FILE
        if "error" in answer:
            assert made.expected is None
            assert len(answer["error"].splitlines()) == 1
            assert str(path) in answer["error"]
            path.unlink()
            return
        samples = np.frombuffer(base64.b64decode(answer["samples"]), np.float32)
        assert 0 < len(samples) <= answer["rate"] * SECONDS + 1
        assert np.isfinite(samples).all()
        if made.expected is not None:
            wanted = made.expected[: int(np.ceil(answer["rate"] * SECONDS))]
            np.testing.assert_allclose(samples[: len(wanted)], wanted, atol=1e-6)
            assert len(samples) == len(wanted) or made.more
            assert set(answer["oddities"]) == set(made.oddities)

    check()
    assert reader.ask(None, 60 + NUMBER // 10) == []  # all that were read are read the same in a training
    print(dict(counts))
    for kind in ("refused", "read", "known"):
        assert counts[kind] > NUMBER // 20
