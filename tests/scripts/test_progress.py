"""What commands tell of their progress: a bar on a terminal, lines elsewhere, nothing if asked."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import tarfile
import termios
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tf_inversion.scripts.lines import Lines


def program(name: str) -> Path:
    return Path(sys.executable).parent / name


@pytest.fixture
def archive(tmp_path):
    """Of a few files like those of the Free Spoken Digit Dataset."""
    with tarfile.open(tmp_path / "fsdd.tar.gz", "w:gz") as file:
        for i in range(20):
            file.addfile(tarfile.TarInfo(f"recordings/3_theo_{i}.wav"))
    return tmp_path / "fsdd.tar.gz"


def on_a_terminal(name: str, *arguments, cwd: Path) -> tuple[int, list[str]]:
    """Runs a command on a terminal of 100 columns; returns its code and the lines as they came."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    command = [program(name), *arguments]
    output = b""
    with subprocess.Popen(command, cwd=cwd, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        try:
            while chunk := os.read(ours, 65536):
                output += chunk
        except OSError:  # how Linux says that the other side is closed
            pass
    os.close(ours)
    return process.returncode, output.decode().removesuffix("\r\n").split("\r\n")


def test_a_terminal_has_a_bar_that_is_gone_at_the_end(archive, tmp_path):
    code, lines = on_a_terminal("prepare_dataset", f"--archive={archive}", cwd=tmp_path)
    assert code == 0
    first = lines[0].split("\r")
    assert any(re.match(r"unpacking: .*0 files \[00:00", text) for text in first)
    assert first[-2].strip() == ""
    assert first[-1].startswith("prepare_dataset: ")
    assert lines[-1].startswith("data/fsdd: ")


def test_an_error_erases_the_bar(archive, tmp_path):
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    code, lines = on_a_terminal("prepare_dataset", f"--archive={archive}", cwd=tmp_path)
    assert code == 1
    bar, blank, message = lines[-1].split("\r")[-3:]
    assert "unpacking: " in bar
    assert blank.strip() == ""
    assert message.startswith("prepare_dataset: ")


def test_quiet_has_no_bar(archive, tmp_path):
    code, lines = on_a_terminal("prepare_dataset", f"--archive={archive}", "--quiet", cwd=tmp_path)
    assert code == 0
    assert [line.split(": ")[0] for line in lines] == ["prepare_dataset", "data/fsdd"]


def test_a_pipe_has_lines(archive, tmp_path):
    command = [program("prepare_dataset"), f"--archive={archive}"]
    process = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=300, check=False)
    assert process.returncode == 0, process.stderr
    assert b"\r" not in process.stderr
    assert process.stderr.endswith(b"\n")


@pytest.mark.usefixtures("eagerly")
def test_a_training_has_a_line_for_each_epoch(command, tmp_path):
    rng = np.random.default_rng(0)
    for split in ("train", "valid"):
        (tmp_path / split).mkdir()
        for word in ("Zero", "One"):
            soundfile.write(tmp_path / split / f"{word}_a.wav", rng.uniform(-0.5, 0.5, 8000), 16000)
    arguments = ["--architecture=mel_cnn", "--width=2", "--batch_size=2", "--epochs=2", "--data_dir=."]
    result = command("train_classifier", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "\r" not in result.stderr
    assert result.stderr.endswith("\n")
    lines = [line for line in result.stderr.splitlines() if line.startswith("epoch ")]
    assert [line.split("|")[0] for line in lines] == ["epoch 1/2: 100%", "epoch 2/2: 100%"]
    for line in lines:
        assert re.search(r"\| 1/1 \[\d\d:\d\d<00:00, .*loss \d", line), line


@pytest.fixture
def clock(monkeypatch):
    """A clock that tqdm reads and the test sets."""
    times = [1000.0]
    monkeypatch.setattr("tqdm.std.time", lambda: times[0])
    return times


def written(clock, seconds: list[float], **options) -> list[str]:
    """The lines about a loop whose turns take so many seconds."""
    log = io.StringIO()
    for duration in Lines(seconds, file=log, desc="working", **options):
        clock[0] += duration
    assert "\r" not in log.getvalue()
    return log.getvalue().splitlines()


def test_a_line_every_ten_seconds_and_the_last(clock):
    lines = written(clock, [4.0] * 10)
    assert [re.search(r"\d+/10", line)[0] for line in lines] == ["3/10", "6/10", "9/10", "10/10"]
    assert lines[0].startswith("working:  30%|")
    assert "[00:12<00:28, " in lines[0]
    assert lines[-1].startswith("working: 100%|")


def test_a_loop_that_slows_down_has_its_lines_in_time(clock):
    lines = written(clock, [0.01] * 1200 + [6.0] * 4)
    assert [re.search(r"\d+/1204", line)[0] for line in lines][1:] == ["1202/1204", "1204/1204"]


def test_the_last_line_is_not_repeated(clock):
    assert [re.search(r"\d/2", line)[0] for line in written(clock, [30.0, 30.0])] == ["1/2", "2/2"]


def test_what_is_brief_and_leaves_nothing_has_no_line(clock):
    assert written(clock, [0.5, 0.5], leave=False) == []
    assert len(written(clock, [1.5, 1.5], leave=False)) == 1
    assert len(written(clock, [0.5, 0.5])) == 1
