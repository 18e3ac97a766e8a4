"""Which files are found, and what is told of those that are not."""

import ast
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from encoded_audio import encoded, noise

from tf_inversion import errors
from tf_inversion.audio import containers
from tf_inversion.audio.folders import audio_below, audio_files


def make(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_files_folders_and_globs_are_expanded_once(tmp_path):
    make(tmp_path, "a.wav", "b[1].wav", "folder/c.mp3", "folder/deeper/d.wav", "folder/text.txt")
    paths = [
        tmp_path / "a.wav",
        tmp_path / "folder",
        str(tmp_path / "*.wav"),
        tmp_path / "b[1].wav",
        "absent.wav",
    ]
    names = ["a.wav", "folder/c.mp3", "folder/deeper/d.wav", "b[1].wav"]
    assert audio_files(paths) == [*(str(tmp_path / name) for name in names), "absent.wav"]
    with pytest.raises(errors.DatasetError, match="no audio files"):
        audio_files([tmp_path / "*.ogg"])


@pytest.mark.parametrize("folder", ["w[1]", "what?", "st*r", "{a,b}", "[", "a [b]/c*d"])
def test_folders_with_the_characters_of_globs(tmp_path, monkeypatch, folder):
    make(
        tmp_path, f"{folder}/x.wav", f"{folder}/y.wav", "w1/no.wav", "whata/no.wav", "star/no.wav", "a/no.wav"
    )
    expected = [f"{folder}/x.wav", f"{folder}/y.wav"]
    monkeypatch.chdir(tmp_path)
    for root in ("", f"{tmp_path}/"):
        for pattern in ("", "/*.wav", "/?.wav", "/[xy].wav"):
            assert audio_files([f"{root}{folder}{pattern}"]) == [root + name for name in expected]
    assert audio_files(["**/x.wav"]) == expected[:1]


def test_each_folder_is_entered_once_and_goes_by_its_own_name(tmp_path):
    make(tmp_path, "real/a.wav", "real/deep/b.wav")
    elsewhere = tmp_path / "elsewhere"
    make(elsewhere, "c.wav")
    root = tmp_path / "real"
    (root / "again").symlink_to(".")
    (root / "self").symlink_to(root)
    (root / "alias").symlink_to("deep")
    (root / "deep/up").symlink_to("..")
    (root / "linked").symlink_to(elsewhere)
    (root / "linked_too").symlink_to(elsewhere)
    (root / "loop").symlink_to("loop")
    (root / "nowhere").symlink_to("absent")
    assert audio_below(root) == ["a.wav", "deep/b.wav", "linked/c.wav"]


def test_outputs_are_not_found(tmp_path, monkeypatch):
    make(tmp_path, "a.wav", "out/own.wav", "out/reconstructions/a.wav", "earlier/reconstructions/a.wav")
    make(tmp_path, "earlier/latents.npz", "reconstructions/mine.wav")
    found = ["a.wav", "out/own.wav", "reconstructions/mine.wav"]
    own = tmp_path / "out/reconstructions"
    assert audio_files([tmp_path], exclude=[own]) == [str(tmp_path / name) for name in found]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("out")
    assert audio_files(["**/a.wav"], exclude=["link/reconstructions"]) == [
        "a.wav",
        "earlier/reconstructions/a.wav",
    ]
    assert audio_files([own / "a.wav"], exclude=[own]) == [str(own / "a.wav")]  # whoever names it gets it


def test_sound_that_is_not_read_is_counted_and_told(tmp_path, caplog):
    make(
        tmp_path, "a.wav", "b.m4a", "deep/c.M4A", "deep/d.webm", "notes.txt", ".hidden.m4a", "e.caf", "f.w64"
    )
    assert audio_below(tmp_path) == ["a.wav", "e.caf", "f.w64"]
    (message,) = caplog.messages
    assert "2 .m4a, 1 .webm" in message
    with pytest.raises(
        errors.DatasetError, match=r"deep: no audio files there \(left out, .*: 1 .m4a, 1 .webm"
    ):
        audio_below(tmp_path / "deep")
    assert len(caplog.messages) == 1


@pytest.fixture
def closed():
    """A folder with a folder that can't be opened, for a user who is not root."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make(root, "a.wav", "closed/b.wav", "locked.wav")
        user = os.geteuid()
        root.chmod(0o755)
        (root / "closed").chmod(0)
        (root / "locked.wav").chmod(0)
        if user == 0:
            os.seteuid(65534)
        yield root
        os.seteuid(user)
        (root / "closed").chmod(0o755)


def test_a_folder_that_can_not_be_opened_is_told(closed, caplog):
    assert audio_below(closed) == ["a.wav", "locked.wav"]
    (message,) = caplog.messages
    assert message == f"{closed}: left out, 1 folder that can't be opened: {closed}/closed"
    with pytest.raises(errors.DatasetError, match=r"closed: can't be opened \(Permission denied\)"):
        audio_below(closed / "closed")


def test_a_file_that_can_not_be_opened_is_told(closed):
    with pytest.raises(errors.AudioFileError, match=r"locked.wav: can't be opened \(Permission denied\)"):
        containers.inspect(closed / "locked.wav")


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_names_that_are_no_text_are_read_in_any_locale(tmp_path, encoding):
    names = [b"caf\xe9", "caf\xe9".encode(), b"two\nlines"]
    for name in names:
        Path(os.fsdecode(tmp_path), os.fsdecode(name + b".wav")).write_bytes(encoded("WAV/PCM_16", noise()))
    (tmp_path / "testing_list.txt").write_bytes(names[0] + b".wav\n")
    (tmp_path / "validation_list.txt").write_bytes(names[1] + b".wav\n")
    program = f"""if 1:
        import sys
        from tf_inversion.audio import files, layouts, names
        assert sys.getfilesystemencoding() == {encoding!r}
        folder = layouts.read_folder({str(tmp_path)!r})
        assert sorted(folder.splits) == ["test", "train", "valid"]
        assert all(len(files.read_audio(path)[0]) == 4000 for path in folder.clips.paths)
        print(ascii(names.unique_names(folder.clips.paths)))"""
    environment = {**os.environ, "LC_ALL": "C.utf8" if encoding == "utf-8" else "C", "PYTHONUTF8": "0"}
    environment["PYTHONCOERCECLOCALE"] = "0"
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert sorted(ast.literal_eval(ran.stdout)) == sorted(
        ["caf_", "caf__" if encoding == "ascii" else "caf\xe9", "two_lines"]
    )
