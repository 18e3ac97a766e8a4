"""What files claim, held against what they hold; and what they are, whatever their names say."""

import os
import struct

import pytest
from encoded_audio import CONTAINERS, chunk, encoded, fmt, noise, ogg_page, riff

from tf_inversion import errors
from tf_inversion.audio import containers

PCM = noise().tobytes()[:8000]


@pytest.fixture
def inspect(tmp_path):
    def inspect(contents, name="clip"):
        (tmp_path / name).write_bytes(contents)
        return containers.inspect(tmp_path / name)

    return inspect


@pytest.mark.parametrize("kind", CONTAINERS)
def test_whole_files_and_cut_ones(inspect, kind):
    contents = encoded(kind, noise(40000))
    whole = inspect(contents)
    assert (whole.kind, whole.cut, whole.endless, whole.patch) == (kind.split("/")[0], False, False, None)
    assert whole.canonical == (kind == "WAV/PCM_16")
    for share in (0.99, 0.5):
        cut = inspect(contents[: int(share * len(contents))])
        assert cut.cut == (whole.kind != "FLAC")  # which says nothing of bytes
        assert not cut.endless
        assert not cut.canonical


@pytest.mark.parametrize("riff_size", [0, 36, 8036, 0xFFFFFFFF])
@pytest.mark.parametrize("claim", [0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFDB, 0xFFFFFFFF])
def test_sizes_that_streams_and_broken_recorders_write(inspect, riff_size, claim):
    found = inspect(riff(fmt(), chunk(b"data", PCM, claim), size=riff_size))
    assert (found.cut, found.endless, found.canonical) == (False, True, False)
    assert found.patch == (40, struct.pack("<I", 8000))


def test_a_claim_of_two_gigabytes_is_a_cut_file(inspect):
    found = inspect(riff(fmt(), chunk(b"data", PCM[:200], 2_000_000_000)))
    assert (found.cut, found.endless, found.patch) == (True, False, (40, struct.pack("<I", 200)))


def test_no_samples_and_more_chunks_are_no_samples(inspect):
    found = inspect(riff(fmt(), chunk(b"data", b""), chunk(b"LIST", b"INFO")))
    assert (found.cut, found.endless) == (False, False)
    silence = inspect(riff(fmt(), chunk(b"data", bytes(8000), 0)))
    assert silence.endless


@pytest.mark.parametrize(
    ("contents", "canonical"),
    [
        (riff(fmt(), chunk(b"data", PCM)), True),
        (riff(chunk(b"JUNK", bytes(28)), fmt(), chunk(b"data", PCM), chunk(b"LIST", b"INFO")), True),
        (riff(fmt(), chunk(b"data", PCM[:7999])), False),  # half a sample
        (riff(fmt(bits=8), chunk(b"data", PCM[:7999]), chunk(b"LIST", b"INFO")), False),  # padding
        (riff(chunk(b"data", PCM), fmt()), False),
        (riff(fmt(), chunk(b"data", PCM), chunk(b"data", PCM)), False),
        (riff(fmt(), chunk(b"data", PCM), chunk(b"note", b"", 0x80000000)), False),
        (riff(fmt(), chunk(b"data", PCM)) + b"more", False),
        (riff(fmt(), chunk(b"data", PCM), size=0x80000000), False),
        (riff(fmt(block=0), chunk(b"data", PCM)), False),
        (riff(fmt(block=4), chunk(b"data", PCM)), False),
        (riff(fmt(channels=0), chunk(b"data", PCM)), False),
        (riff(chunk(b"fmt ", b"\1\0\1\0"), chunk(b"data", PCM)), False),
        (riff(fmt(), chunk(b"data", PCM), mark=b"RIFX"), False),
        (riff(fmt(), *[chunk(b"JUNK", b"")] * 2000, chunk(b"data", PCM)), False),
    ],
)
def test_canonical_is_what_can_be_read_by_its_sizes(inspect, contents, canonical):
    assert inspect(contents).canonical == canonical


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (b"\0\0\0\x20ftypM4A \0\0\0\0", "MP4"),
        (b"\x1a\x45\xdf\xa3webm", "WebM"),
        (ogg_page(b"\x7fFLAC\1\0\0\1fLaC", flags=2), "FLAC inside Ogg"),
        (ogg_page(b"Speex   1.2"), "Speex"),
        (ogg_page(b"\x80theora"), "Ogg of another kind"),
        (b"\xff\xf1\x50\x80" * 9, "AAC"),
        (b"RIFF\0\0\0\0AVI LIST", "AVI"),
        (b"PK\3\4 a model", "ZIP"),
        (b"<!DOCTYPE html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        (b"\x12\x34\x56" + b"\0" * 500, "no format that is known"),
        (b"", "is empty"),
    ],
)
@pytest.mark.parametrize("name", ["a.mp3", "a.wav", "a.au"])
def test_the_true_reason_whatever_the_name_says(inspect, contents, reason, name):
    with pytest.raises(errors.AudioFileError, match=rf"{name}: .*{reason}") as raised:
        inspect(contents, name)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize("kind", ["FLAC/PCM_16", "MP3/MPEG_LAYER_III"])
def test_tags_before_the_sound_are_passed_over(inspect, kind):
    tag = b"ID3\4\0\0\0\0\2\0" + bytes(256)
    assert inspect(tag + tag + encoded(kind, noise())).kind == kind.split("/")[0]


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    (tmp_path / "nowhere.wav").symlink_to("absent")
    for path, reason in {
        tmp_path / "pipe.wav": "no regular file",
        tmp_path: "no regular file",
        "/dev/zero": "no regular file",
        tmp_path / "loop.wav": "can't be opened",
        tmp_path / "nowhere.wav": "no such file",
        tmp_path / ("x" * 300): "can't be opened",
        f"{tmp_path}/a\0b": "can't be opened",
    }.items():
        with pytest.raises(errors.AudioFileError, match=reason):
            containers.inspect(path)
