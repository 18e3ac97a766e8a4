"""The wheel and the sdist: what is in them, and that they run without the checkout."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOT_OURS = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "data", "out", "runs")
COMMANDS = [
    point.name for point in entry_points(group="console_scripts") if point.value.startswith("tf_inversion.")
]


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> tuple[Path, Path]:
    """An sdist, and the wheel that is built from it."""
    checkout = tmp_path_factory.mktemp("checkout") / "tf_inversion"
    shutil.copytree(ROOT, checkout, ignore=NOT_OURS)
    packages = checkout.parent / "packages"
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", packages, checkout]
    subprocess.run(command, check=True, capture_output=True)
    (sdist,), (wheel,) = packages.glob("*.tar.gz"), packages.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def installed(packages, tmp_path_factory) -> Path:
    """A folder that holds what the wheel installs."""
    folder = tmp_path_factory.mktemp("installed")
    zipfile.ZipFile(packages[1]).extractall(folder)
    return folder


def run(installed: Path, command: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    program = (
        f"import sys, tf_inversion; from tf_inversion.scripts.start import {command}; code = {command}(); "
        "print(tf_inversion.__file__); sys.exit(code)"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )


def files(folder: str) -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_has_everything_and_nothing_at_the_top(packages, installed):
    assert packages[1].name == "tf_inversion-0.2.0-py3-none-any.whl"
    assert sorted(path.name for path in installed.iterdir()) == [
        "tf_inversion",
        "tf_inversion-0.2.0.dist-info",
    ]
    package = installed / "tf_inversion"
    inside = {str(path.relative_to(package)) for path in package.rglob("*")}
    library = {name.removeprefix("tf_inversion/") for name in files("tf_inversion")}
    scripts = {name for name in files("scripts") if name.endswith(".py")}
    assert library | scripts | files("flags") | files("saved_models") <= inside


def test_the_sdist_can_be_tested(packages):
    with tarfile.open(packages[0]) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert files("tests") | {"setup.py", "requirements.lock", "scripts/test.sh", "CITATION.cff"} <= inside


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_runs_without_the_checkout(installed, tmp_path, name):
    (metadata,) = installed.glob("*.dist-info")
    assert f"{name} = tf_inversion.scripts.start:{name}" in (metadata / "entry_points.txt").read_text()
    result = run(installed, name, "--help", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert f"  {name} " in result.stdout


def test_inverts_without_the_checkout(installed, tmp_path):
    result = run(installed, "invert_audio", "--quiet", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "out" / "inversion" / "report.html").is_file()
    assert result.stdout.endswith(f"\n{installed / 'tf_inversion' / '__init__.py'}\n")
