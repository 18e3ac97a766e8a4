"""The public data sets, made of small archives of the same layout."""

import dataclasses
import functools
import http.server
import io
import shutil
import subprocess
import tarfile
import threading

import pytest

from tf_inversion import errors
from tf_inversion.audio import datasets, downloads
from tf_inversion.audio.layouts import DIGITS, find_clips


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
