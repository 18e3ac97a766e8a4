"""prepare_dataset as a user runs it, offline and with an archive at hand."""

import io
import tarfile
import urllib.request

import pytest

from tf_inversion import paths
from tf_inversion.audio import splits


@pytest.fixture
def archive(tmp_path):
    """As GitHub packs the Free Spoken Digit Dataset, but small."""
    with tarfile.open(tmp_path / "fsdd.tar.gz", "w:gz") as file:
        for name in (f"fsdd-x/recordings/{digit}_theo_{i}.wav" for digit in range(10) for i in (0, 5, 10)):
            info = tarfile.TarInfo(name)
            info.size = 4
            file.addfile(info, io.BytesIO(b"RIFF"))
    return tmp_path / "fsdd.tar.gz"


def test_an_archive_at_hand(command, archive, tmp_path):
    result = command("prepare_dataset", f"--archive={archive}", "--quiet", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (
        0,
        "data/fsdd: 10 clips to train, 10 clips to valid, 10 clips to test\n",
    )
    assert "SHA-256" in result.stderr
    assert len(list((tmp_path / "data/fsdd/recordings").iterdir())) == 30
    again = command(
        "prepare_dataset", "--dataset=fsdd", cwd=tmp_path
    )  # needs neither archive nor network now
    assert (again.returncode, again.stdout, again.stderr) == (0, result.stdout, "")


@pytest.mark.parametrize("dataset", ["sc09", "fsdd", "speech_commands"])
def test_offline_it_says_so_in_one_line_and_leaves_nothing(command, tmp_path, monkeypatch, dataset):
    for proxy in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")  # where nobody answers
    monkeypatch.setattr(urllib.request, "_opener", None)  # which keeps the proxies of its making
    result = command("prepare_dataset", f"--dataset={dataset}", "--output_dir=new/data", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1
    assert "no connection" in result.stderr
    assert "--archive=FILE" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--archive=absent.tar.gz"], 1, "absent.tar.gz: no such file"),
        (["--dataset=mnist"], 1, "--dataset=mnist"),
        (["--dataset=speech_commands", "--words=zero,nada"], 1, "words: nada unknown"),
        (["--dataset=speech_commands", "--list=absent.txt"], 1, "absent.txt: no such file"),
        (["--words=zero"], 1, "only for --dataset=speech_commands"),
        (["--data=fsdd"], 2, "data"),
        (["fsdd"], 1, "fsdd: not a flag"),
    ],
)
def test_mistakes_are_told_in_one_line(command, tmp_path, arguments, code, words):
    result = command("prepare_dataset", *arguments, cwd=tmp_path)
    assert result.returncode == code
    assert len(result.stderr.splitlines()) == 1
    assert words in result.stderr
    assert not list(tmp_path.iterdir())


def test_the_words_of_the_pretrained_models(command, tmp_path):
    """From an archive of the corpus' layout, with each word by a speaker of each split."""
    words = ("zero", "one", "five", "eight", "right", "left", "up", "down", "go")
    trained = paths.bundled("speech_commands_training.txt").read_text().splitlines()
    names = [next(name for name in trained if name.startswith(f"{word}/")) for word in words]
    names += [f"{word}/{speaker}_nohash_0.wav" for word in words for speaker in ("a1", "not-listed", "b2")]
    with tarfile.open(tmp_path / "corpus.tar.gz", "w:gz") as file:
        for name in (*names, "cat/a1_nohash_0.wav", "_background_noise_/noise.wav"):
            info = tarfile.TarInfo(f"./{name}")
            info.size = 4
            file.addfile(info, io.BytesIO(b"RIFF"))
    arguments = ("--dataset=speech_commands", f"--words={','.join(words)}", "--list=pretrained")
    result = command("prepare_dataset", *arguments, "--archive=corpus.tar.gz", "--quiet", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    kept = {
        path.relative_to(tmp_path / "data/speech_commands").as_posix() for path in tmp_path.rglob("*.wav")
    }
    assert set(trained) & kept == set(trained) & set(names)
    assert all(splits._hashed_split(name) == "test" for name in kept - set(trained))
