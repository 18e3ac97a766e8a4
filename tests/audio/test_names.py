"""Names that tell which clip is which."""

import os

import pytest

from tf_inversion.audio.names import unique_names


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a/x.wav", "b/y.wav"], ["x", "y"]),
        (["a/x.wav", "b/x.wav", "c/y.wav"], ["a_x", "b_x", "y"]),
        (["x.wav", "b/x.wav"], ["x", "b_x"]),
        (["1/a/x.wav", "2/a/x.wav", "b/x.wav"], ["1_a_x", "2_a_x", "b_x"]),
        (["x.wav", "x.mp3"], ["x_wav", "x_mp3"]),
        (["a/x.wav", "a/x.mp3", "b/x.wav"], ["x_wav", "x_mp3", "x"]),
        (["a/x.wav", "b/x.wav", "c/a_x.wav", "d/x_2.wav"], ["a_x_2", "b_x", "a_x", "x_2"]),
        (["/a/x.wav", "/x.wav"], ["a_x", "x"]),
        (["x.wav", "./x.wav", "x.wav", "x_2.wav"], ["x_wav", "x_wav_2", "x_wav_3", "x_2"]),
        ([os.fsdecode(b"caf\xe9.wav"), "two\nlines.wav", "caf_.wav"], ["caf_", "two_lines", "caf__2"]),
        ([], []),
    ],
)
def test_names_of_files(paths, names):
    assert unique_names(paths) == names


def test_long_names_leave_room():
    names = unique_names(["é" * 120 + "a.wav", "é" * 120 + "b.wav", "x" * 251 + ".wav"])
    assert len(set(names)) == 3
    assert max(len(name.encode()) for name in names) <= 202
