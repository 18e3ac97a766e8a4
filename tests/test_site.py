"""The documentation site builds without a warning, and asks the network for nothing."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The built site: broken links, anchors and references are warnings, and warnings errors."""
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", folder]
    result = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return folder


def test_every_page_is_there(site):
    pages = {str(path.relative_to(ROOT / "docs").with_suffix("")) for path in ROOT.glob("docs/**/*.md")}
    notebooks = {f"notebooks/{path.stem}" for path in ROOT.glob("docs/notebooks/*.ipynb")}
    built = {str(path.relative_to(site).with_suffix("")) for path in site.rglob("*.html")}
    assert built == pages | notebooks | {"404", "commands"}


def test_commands_and_python_are_described(site):
    commands, python = ((site / f"{page}.html").read_text(encoding="utf-8") for page in ("commands", "api"))
    assert 'id="invert_audio"' in commands
    assert "<code>--max_iterations</code>" in commands
    assert 'id="tf_inversion.inversion.invert.invert"' in python
    assert "Recovers the latent vectors of audio clips under a frozen generator." in python


def test_nothing_is_loaded_from_elsewhere(site):
    loads = r"""<(?:script|img|audio|iframe|source|link)\b[^>]*\s(?:src|href)=["'](?:https?:)?//"""
    for page in site.rglob("*.html"):
        assert re.findall(loads, page.read_text(encoding="utf-8")) == [], page.name
