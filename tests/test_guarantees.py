"""The tests that docs/guarantees.md names exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_each_promise_is_held_by_a_test():
    page = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/\S+\.py)::(\w+)`", page)
    assert len(named) > 20
    assert [
        f"{file}::{name}" for file, name in named if f"def {name}(" not in (ROOT / file).read_text()
    ] == []
