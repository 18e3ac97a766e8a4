"""Writes of commands and settings what their own flags and fields say, so that the two can't drift apart."""

from __future__ import annotations

import dataclasses
import html
import importlib
import re
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


def on_page_markdown(markdown: str, **_) -> str:
    """Puts a table of its fields where a page says `fields of module.Class`, in braces."""
    return re.sub(r"\{fields of ([\w.]+)\.(\w+)\}", lambda match: _fields(*match.groups()), markdown)


def _section(name: str) -> str:
    module = importlib.import_module(f"tf_inversion.scripts.{name}")
    paragraphs = [
        f"```sh\n{textwrap.dedent(part)}\n```" if part.startswith(" ") else _escape(part)
        for part in module.__doc__.strip("\n").split("\n\n")
    ]
    flags = map(module.FLAGS.__getitem__, sorted(module.FLAGS))
    table = _table("flag", [(f"--{flag.name}", flag.value, flag.help) for flag in flags])
    return "\n\n".join([f"## {name}", *paragraphs, table]) + "\n"


def _fields(module: str, name: str) -> str:
    fields = dataclasses.fields(getattr(importlib.import_module(module), name))
    return _table("field", [(field.name, field.default, field.metadata["help"]) for field in fields])


def _table(what: str, rows: list[tuple[str, object, str]]) -> str:
    lines = [f"| {what} | default | what it is |", "|---|---|---|"]
    for name, default, text in rows:
        shown = "" if default in (None, "", [], ()) else f"`{default}`"
        lines.append(f"| `{name}` | {shown} | {_escape(text)} |")
    return "\n".join(lines)


def _escape(text: str) -> str:
    return re.sub(r"([|*_\[\]])", r"\\\1", html.escape(" ".join(text.split()), quote=False))
