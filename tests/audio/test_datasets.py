"""The public data sets, made of small archives of the same layout."""

import dataclasses
import functools
import http.server
import io
import shutil
import subprocess
import tarfile
import threading
from pathlib import Path

import pytest

from tf_inversion import errors, paths
from tf_inversion.audio import datasets, downloads, splits
from tf_inversion.audio.layouts import DIGITS, find_clips, read_folder, speakers

PRETRAINED_LIST = paths.bundled("speech_commands_training.txt")


def archive_of(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, contents in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(contents)
            archive.addfile(info, io.BytesIO(contents))
    return path


@pytest.fixture
def speech_commands(tmp_path):
    """Three speakers, each in another split, and things that are not wanted."""
    files = {
        f"./{digit}/{who}_nohash_0.wav": digit.encode() for digit in DIGITS for who in ("aa", "bb", "cc")
    }
    files |= {
        "./validation_list.txt": "".join(f"{digit}/bb_nohash_0.wav\n" for digit in DIGITS).encode(),
        "./testing_list.txt": "".join(f"{digit}/cc_nohash_0.wav\n" for digit in DIGITS).encode(),
        "./cat/aa_nohash_0.wav": b"cat",
        "./_background_noise_/noise.wav": b"noise",
    }
    return archive_of(tmp_path / "speech_commands.tar.gz", files)


@pytest.fixture
def recordings(tmp_path):
    files = {f"fsdd-x/recordings/{digit}_theo_{i}.wav": b"%d" % i for digit in range(10) for i in range(12)}
    return archive_of(tmp_path / "recordings.tar.gz", files | {"fsdd-x/metadata.py": b"import os"})


@pytest.fixture
def server(tmp_path):
    """Serves tmp_path; it knows no ranges."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_sc09_is_laid_out_by_the_lists(speech_commands, tmp_path, caplog):
    counts = datasets.prepare(datasets.DATASETS["sc09"], tmp_path / "sc09", speech_commands)
    assert counts == {"train": 10, "valid": 10, "test": 10}
    assert (tmp_path / "sc09/train/Zero_aa_nohash_0.wav").read_bytes() == b"zero"
    assert {path.name for path in (tmp_path / "sc09").iterdir()} == {"train", "valid", "test", "README.md"}
    assert find_clips(tmp_path / "sc09", "valid").label_names == list(DIGITS)
    assert "SHA-256" in caplog.text  # it is not the published archive, and that is said


def test_words_of_speech_commands_by_its_lists(speech_commands, tmp_path, caplog):
    dataset = datasets.speech_commands(["two", "nine"])
    folder = tmp_path / "words"
    assert datasets.prepare(dataset, folder, speech_commands) == {"train": 2, "valid": 2, "test": 2}
    assert find_clips(folder, "valid").label_names == ["two", "nine"]
    assert (folder / "validation_list.txt").read_text() == "nine/bb_nohash_0.wav\ntwo/bb_nohash_0.wav\n"
    assert {path.name for path in folder.iterdir()} == {
        *("two", "nine", "README.md", "validation_list.txt", "testing_list.txt")
    }
    assert datasets.prepare(dataset, folder, None)["train"] == 2  # it is there already
    with pytest.raises(errors.DatasetError, match="holds other things"):  # which are other words
        datasets.prepare(datasets.speech_commands(["two"]), folder, speech_commands)
    assert "no files" not in caplog.text  # the lists name what is there


def test_only_the_listed_clips_are_for_training(speech_commands, tmp_path, caplog):
    chosen = tmp_path / "list.txt"
    chosen.write_text("two/aa_nohash_0.wav\nnine/bb_nohash_0.wav\ntwo/gone_nohash_0.wav\n")
    folder = tmp_path / "words"
    counts = datasets.prepare(datasets.speech_commands(["two", "nine"], chosen), folder, speech_commands)
    assert counts == {"train": 1, "valid": 1, "test": 2}
    assert find_clips(folder, "train").paths == [str(folder / "two/aa_nohash_0.wav")]
    assert find_clips(folder, "valid").paths == [str(folder / "nine/bb_nohash_0.wav")]
    assert "list.txt: 1 of its 3 entries are no files" in caplog.text


@pytest.mark.parametrize(
    ("words", "contents", "error"),
    [
        (["two", "bed"], None, "words: the archive has no clips of bed"),
        (["two"], "zero/aa_nohash_0.wav", r"list\.txt: none of its 1 entries is a file there"),
        (["two"], "two/aa.wav\n\0", r"list\.txt: no text file"),
    ],
)
def test_words_and_lists_that_do_not_fit_leave_nothing(speech_commands, tmp_path, words, contents, error):
    (tmp_path / "list.txt").write_text(contents or "two/aa_nohash_0.wav")
    with pytest.raises(errors.DatasetError, match=error):
        datasets.prepare(
            datasets.speech_commands(words, tmp_path / "list.txt"), tmp_path / "new", speech_commands
        )
    assert {path.name for path in tmp_path.iterdir()} == {"list.txt", speech_commands.name}


def test_words_and_lists_that_are_none_are_told_before_a_download():
    with pytest.raises(errors.InvalidArgumentError, match="words: twoo unknown; there are bed"):
        datasets.speech_commands(["twoo"])
    with pytest.raises(errors.DatasetError, match=r"absent\.txt: no such file"):
        datasets.speech_commands(["two"], "absent.txt")


def test_no_speaker_of_the_test_split_has_trained_the_pretrained_models():
    """Speech Commands gives a speaker's clips to splits by a hash of the speaker's name."""
    names = PRETRAINED_LIST.read_text().splitlines()
    assert len(names) == len(set(names)) == 5037
    assert {splits._hashed_split(name) for name in names} == {"train", "valid"}
    assert {name.split("/")[0] for name in names} == {
        *("zero", "one", "five", "eight", "right", "left", "up", "down", "go")
    }


def test_the_list_is_of_the_corpus_at_hand():
    folder = Path(__file__).resolve().parents[2].parent / "shared/data/commands"
    if not folder.is_dir():
        pytest.skip("needs the nine words of Speech Commands that the pretrained models were trained on")
    corpus = read_folder(folder)
    told = {path.removeprefix(f"{folder}/").removesuffix(".flac") for path in corpus.clips.paths}
    listed = {name.removesuffix(".wav") for name in PRETRAINED_LIST.read_text().splitlines()}
    test = {name for name, split in zip(sorted(told), corpus.splits) if split == "test"}
    assert listed == told - test
    assert not set(speakers(listed)) & set(speakers(test))


def test_fsdd(recordings, tmp_path):
    dataset = datasets.DATASETS["fsdd"]
    assert datasets.prepare(dataset, tmp_path / "fsdd", recordings) == {"train": 20, "valid": 50, "test": 50}
    assert {path.name for path in (tmp_path / "fsdd").iterdir()} == {"recordings", "README.md"}
    recordings.unlink()
    assert datasets.prepare(dataset, tmp_path / "fsdd", recordings)["test"] == 50  # it is there already


def test_a_download_is_checked_unpacked_and_cleared_away(recordings, server, tmp_path):
    dataset = dataclasses.replace(
        datasets.DATASETS["fsdd"],
        url=f"{server}/{recordings.name}",
        archive_sha256=downloads.sha256(recordings),
        clips_sha256=None,
    )
    assert datasets.prepare(dataset, tmp_path / "data" / "fsdd")["train"] == 20
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["fsdd"]


@pytest.mark.parametrize("which", ["archive_sha256", "clips_sha256"])
def test_a_wrong_checksum_leaves_nothing(recordings, server, tmp_path, which):
    checksums = {"archive_sha256": None, "clips_sha256": None, which: "0" * 64}
    url = f"{server}/{recordings.name}"
    dataset = dataclasses.replace(datasets.DATASETS["fsdd"], url=url, **checksums)
    with pytest.raises(errors.DatasetError, match="SHA-256 differs"):
        datasets.prepare(dataset, tmp_path / "data" / "fsdd")
    assert not list((tmp_path / "data").iterdir())


def test_other_things_in_the_folder_are_left_alone(recordings, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    with pytest.raises(errors.DatasetError, match="holds other things"):
        datasets.prepare(datasets.DATASETS["fsdd"], tmp_path / "home", recordings)
    assert (tmp_path / "home" / "thesis.tex").read_text() == "years of work"


def test_the_wrong_archive_is_refused_and_leaves_nothing(recordings, tmp_path):
    with pytest.raises(errors.DatasetError, match="holds none of the clips"):
        datasets.prepare(datasets.DATASETS["sc09"], tmp_path / "sc09", recordings)
    assert not (tmp_path / "sc09").exists()


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="needs the command sha256sum")
def test_the_checksum_of_the_clips_is_that_of_sha256sum(tmp_path):
    (tmp_path / "recordings").mkdir()
    for name in ("1_b_10.wav", "1_b_1.wav", "1_a_2.wav"):
        (tmp_path / "recordings" / name).write_text(name)
    command = "LC_ALL=C; export LC_ALL; sha256sum recordings/*.wav | sha256sum"
    printed = subprocess.run(
        command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert datasets.clips_sha256(tmp_path) == printed.split()[0]


def test_the_published_checksum_of_fsdd_is_that_of_the_real_one(fsdd_dir):
    assert datasets.clips_sha256(fsdd_dir) == datasets.DATASETS["fsdd"].clips_sha256
