"""What `tf_inversion` offers by name."""

from pathlib import Path

import tf_inversion


def test_every_name_is_there_and_a_type_checker_sees_it():
    source = Path(tf_inversion.__file__).read_text(encoding="utf-8")
    for name in tf_inversion.__all__:
        assert getattr(tf_inversion, name).__name__ == name
        assert f"import {name} as {name}\n" in source
