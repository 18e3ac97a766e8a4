"""explore_latents as a user runs it; the page itself is tested in tests/applications."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from tf_inversion import applications
from tf_inversion.applications.probe import Probe, save_probes

needs_gradio = pytest.mark.skipif(
    importlib.util.find_spec("gradio") is None, reason="needs Gradio: pip install 'tf-inversion[demo]'"
)


@pytest.fixture
def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return unused.getsockname()[1]


@needs_gradio
def test_serves_on_this_machine_and_leaves_nothing_behind(tiny_models, free_port, tmp_path):
    here, temporary = tmp_path / "here", tmp_path / "temporary"
    here.mkdir()
    temporary.mkdir()
    program = Path(sys.executable).parent / "explore_latents"
    running = subprocess.Popen(
        [program, *tiny_models, f"--port={free_port}"],
        cwd=here,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background has them ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        assert running.stdout.readline() == f"http://127.0.0.1:{free_port}/  (Ctrl-C ends it)\n"
        with urllib.request.urlopen(f"http://127.0.0.1:{free_port}/") as answer:
            assert b"Explore latents" in answer.read()
    finally:
        running.send_signal(signal.SIGINT)
        _, complaint = running.communicate(timeout=60)
    assert (running.returncode, complaint) == (130, "explore_latents: interrupted\n")
    assert [*here.iterdir(), *temporary.iterdir()] == []


def test_without_gradio(command, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    # As before the first import, of which the package keeps its own note.
    monkeypatch.delitem(sys.modules, "tf_inversion.applications.explorer_page", raising=False)
    monkeypatch.delattr(applications, "explorer_page", raising=False)
    result = command("explore_latents", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr == "explore_latents: gradio: not installed; pip install 'tf-inversion[demo]'\n"


@needs_gradio
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--probe=small.npz"], "--probe=small.npz: no probe of digits for 100 latents"),
        (["clip.wav"], "clip.wav"),
    ],
)
def test_mistakes_end_in_one_line(command, tiny_models, tmp_path, arguments, words):
    save_probes(tmp_path / "small.npz", {"digit": Probe(("one", "two"), np.eye(2, 3), np.zeros(2))})
    result = command("explore_latents", *tiny_models, *arguments, cwd=tmp_path)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert words in result.stderr


@needs_gradio
def test_a_port_that_is_taken(command, tiny_models, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = command("explore_latents", *tiny_models, f"--port={port}", cwd=tmp_path)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert str(port) in result.stderr
