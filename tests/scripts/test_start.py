"""Every command answers --help at once, and lists its examples and flags."""

import re
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

COMMANDS = [
    point.name for point in entry_points(group="console_scripts") if point.value.startswith("tf_inversion.")
]


@pytest.mark.parametrize("name", COMMANDS)
def test_help(command, tmp_path, name):
    result = command(name, "--help", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert f"  {name} " in result.stdout, "a worked example"
    assert ("--port" if name == "explore_latents" else "--output_dir") in result.stdout


@pytest.mark.parametrize("name", ["invert_audio", "evaluate_inversion"])
def test_help_names_every_method(command, tmp_path, name):
    from tf_inversion.inversion.methods import METHODS

    words = set(re.findall(r"\w+", command(name, "--help", cwd=tmp_path).stdout))
    assert set(METHODS) <= words


@pytest.mark.parametrize("name", COMMANDS)
def test_starts_without_the_slow_imports_and_ready_for_ctrl_c(name):
    slow = "{'tensorflow', 'keras', 'librosa', 'matplotlib'}"
    program = (
        f"from tf_inversion.scripts.start import {name}; import signal, sys; "
        f"print(*{slow} & set(sys.modules), signal.getsignal(signal.SIGINT).name)"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "SIG_DFL"
