"""Writes the page of commands from the commands' own flags, so that the two can't drift apart."""

from __future__ import annotations

import html
import importlib
import re
import sys
import textwrap
from pathlib import Path

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent


def on_files(files: Files, config) -> Files:
    """Adds commands.md, a section for each console script of setup.py."""
    names = re.search(r"COMMANDS = \[(.*?)\]", (ROOT / "setup.py").read_text(), re.DOTALL)[1]
    sections = [_section(name) for name in re.findall(r'"(\w+)"', names)]
    page = "# Commands\n\nWhat each command's `--help` says.\n\n" + "\n".join(sections)
    files.append(File.generated(config, "commands.md", content=page))
    return files


def _section(name: str) -> str:
    module = importlib.import_module(f"tf_inversion.scripts.{name}")
    first, _, rest = module.__doc__.partition("\n\n")
    rows = ["| flag | default | what it is |", "|---|---|---|"]
    for flag in map(module.FLAGS.__getitem__, sorted(module.FLAGS)):
        default = "" if flag.value in (None, "", []) else f"`{flag.value}`"
        rows.append(f"| `--{flag.name}` | {default} | {_escape(flag.help)} |")
    table = "\n".join(rows)
    return f"## {name}\n\n{first}\n\n```text\n{textwrap.dedent(rest).strip()}\n```\n\n{table}\n"


def _escape(text: str) -> str:
    return re.sub(r"([|*_\[\]])", r"\\\1", html.escape(" ".join(text.split()), quote=False))


sys.path.insert(0, str(ROOT))
