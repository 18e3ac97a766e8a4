"""Which Python and which packages demo.sh and test.sh choose."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BASH = shutil.which("bash")
ENTER = 'set -euo pipefail; source scripts/environment.sh; enter_environment "$@"'
# A Python that answers what environment.sh asks, installs nothing and notes what it was told.
PYTHON = """#!{bash}
case "$*" in
  *"(3, 11) <="*) exit {unsupported:d} ;;
  *"< (3, 13)"*) exit {old:d} ;;
  *"import venv"*) exit {without_venv:d} ;;
  "-m venv"* | venv*) for folder; do :; done; mkdir -p "$folder/bin"; cp "$0" "$folder/bin/python" ;;
esac
echo "{name} $*" >> calls
"""


@pytest.fixture
def enter(tmp_path):
    """Returns a function that enters the environment of a checkout where only some programs are at hand."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "bin").mkdir()
    for name in ("scripts/environment.sh", "requirements.lock", "requirements-latest.lock", "setup.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("cat", "cksum", "cp", "dirname", "mkdir", "rm"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))

    def enter(*arguments: str, programs: dict[str, dict[str, bool]], **environment: str):
        for name, answers in programs.items():
            answers = {"unsupported": False, "old": False, "without_venv": False, **answers}
            (tmp_path / "bin" / name).write_text(PYTHON.format(bash=BASH, name=name, **answers))
            (tmp_path / "bin" / name).chmod(0o755)
        result = subprocess.run(
            [BASH, "-c", ENTER, "-", *arguments],
            cwd=tmp_path,
            env={"PATH": str(tmp_path / "bin"), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        calls = tmp_path / "calls"
        return result.returncode, result.stderr, calls.read_text() if calls.exists() else ""

    return enter


@pytest.mark.parametrize(
    ("programs", "arguments", "lock", "installer"),
    [
        ({"python3": {"old": True}}, [], "requirements.lock", "python3 -m pip"),
        ({"python3": {"old": True}}, ["--latest"], "requirements-latest.lock", "python3 -m pip"),
        ({"python3": {}}, [], "requirements-latest.lock", "python3 -m pip"),
        (
            {"python3": {"unsupported": True}, "python3.12": {"old": True}},
            [],
            "requirements.lock",
            "python3.12 ",
        ),
        ({"python3": {"old": True}, "uv": {}}, [], "requirements.lock", "uv pip"),
        ({"python3": {"unsupported": True}, "uv": {}}, [], "requirements-latest.lock", "uv pip"),
    ],
)
def test_the_python_that_is_there_chooses(enter, programs, arguments, lock, installer):
    code, complaints, calls = enter(*arguments, programs=programs)
    assert (code, complaints) == (0, "")
    assert f" -r {lock}\n" in calls
    assert all(call.startswith(installer.split(" ")[0]) for call in calls.splitlines())
    count = calls.count("\n")
    assert enter(*arguments, programs={})[2].count("\n") == count, "nothing is installed twice"


def test_uv_fetches_a_python_where_there_is_none(enter):
    _, _, calls = enter(programs={"uv": {}})
    assert calls.startswith("uv venv --quiet --python 3.13 .venv-latest\n")


@pytest.mark.parametrize(
    ("programs", "environment", "words"),
    [
        ({"python3": {"unsupported": True}}, {}, "needs Python 3.11 to 3.13"),
        ({"python3": {}, "uv": {}}, {"PYTHON": "python3.9"}, "needs Python 3.11 to 3.13"),
        ({"python3": {"without_venv": True}}, {}, "python3-venv"),
    ],
)
def test_what_is_missing_is_named(enter, programs, environment, words):
    code, complaints, calls = enter(programs=programs, **environment)
    assert (code, calls) == (1, "")
    assert len(complaints.splitlines()) == 1
    assert words in complaints
