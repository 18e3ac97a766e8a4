"""Outputs come into being whole, together, or not at all."""

import errno
import os

import pytest

from tf_inversion import paths


def write(path, text):
    with paths.writing(path) as unfinished:
        unfinished.write_text(text)


def test_several_outputs_together(tmp_path):
    write(tmp_path / "old.txt", "old")
    with paths.together():
        write(tmp_path / "old.txt", "new")
        write(tmp_path / "deep/er/new.txt", "new")
        paths.remove(tmp_path / "stale.txt")
        write(tmp_path / "stale.txt", "stale")
        assert (tmp_path / "old.txt").read_text() == "old"
    assert (tmp_path / "old.txt").read_text() == (tmp_path / "deep/er/new.txt").read_text() == "new"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["deep", "er", "new.txt", "old.txt"]


@pytest.mark.parametrize("problem", [OSError(errno.ENOSPC, "No space"), KeyboardInterrupt()])
def test_none_of_them_if_one_fails(tmp_path, problem):
    @paths.together()
    def fail():
        write(tmp_path / "old.txt", "new")
        write(tmp_path / "deep/er/new.txt", "new")
        paths.remove(tmp_path / "old.txt")
        raise problem

    write(tmp_path / "old.txt", "old")
    with pytest.raises(type(problem)):
        fail()
    assert [path.name for path in tmp_path.rglob("*")] == ["old.txt"]
    assert (tmp_path / "old.txt").read_text() == "old"


def test_a_file_does_not_replace_a_folder_nor_anything_before_it(tmp_path):
    @paths.together()
    def write_both():
        write(tmp_path / "first.txt", "first")
        write(tmp_path / "taken", "file")

    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError, match="taken: is a folder"):
        write_both()
    assert [path.name for path in tmp_path.rglob("*")] == ["taken"]


def test_a_full_disk_is_named_with_the_file_whatever_wraps_it(tmp_path):
    @paths.writing(tmp_path / "a/b")
    def write_archive():
        try:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise ValueError("archive can't be closed") from error

    with pytest.raises(OSError, match="No space left") as caught:
        write_archive()
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "a/b"))
    assert not list(tmp_path.iterdir())
