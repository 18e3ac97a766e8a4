"""Tells what a file holds that is no model for this package, and how to get one from it."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from tf_inversion import errors

# What a file begins with, and what that makes it.
_SIGNATURES = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file of Keras 2; a generator can be converted, see docs/your_gan.md",
    b"\x1f\x8b": "an archive; unpack it and give the folder",
    b"\x80\x02": "a pickle, as PyTorch writes them; only models of TensorFlow and Keras are read",
}
_TFLITE = b"TFL3"  # after four bytes


def refuse_foreign(path: str | os.PathLike) -> None:
    """Raises a ModelFileError if a file is of a format that is known, but not read.

    Args:
      path: of anything; a `.keras` file, a folder or nothing at all pass.
    """
    if what := _format(Path(path)):
        raise errors.ModelFileError(f"{path}: is {what}")


def _format(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        start = file.read(8)
    if start[4:8] == _TFLITE:
        return "a TensorFlow Lite file, which has no gradients; give the model that it was made of"
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        if any(name.endswith("data.pkl") for name in names):
            return "a PyTorch file; only models of TensorFlow and Keras are read"
        return None if "config.json" in names else _SIGNATURES[b"\x1f\x8b"]
    return next((what for signature, what in _SIGNATURES.items() if start.startswith(signature)), None)
