"""Where the pretrained models lie, and how output files come into being."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tf_inversion import errors

_PACKAGE = Path(__file__).resolve().parent
_unfinished: set[Path] = set()


def bundled(name: str) -> Path:
    """Returns the path of a pretrained model, or of what else lies in saved_models/.

    In an installed package saved_models/ lies inside it, in a checkout beside.

    Raises:
      ModelFileError: if there is none of that name.
    """
    for home in (_PACKAGE, _PACKAGE.parent):
        if (path := home / "saved_models" / name).exists():
            return path
    raise errors.ModelFileError(f"saved_models/{name}: not in this installation; reinstall tf-inversion")


@contextlib.contextmanager
def writing(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a path beside `path` to write to, renamed into it at the end.

    Works for a file or a folder. If the block raises, nothing is left behind
    and what was at `path` before is still there. A file does not replace a folder.

    Raises:
      OSError: if it can't be written, also where TensorFlow says so in an error of its own.
    """
    path = Path(path).absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    # Inside a fresh folder the name and its suffix stay as they are: writers choose a format by them.
    folder = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=path.parent))
    _unfinished.add(folder)
    try:
        yield folder / path.name
        if path.is_dir():
            if not (folder / path.name).is_dir():
                raise IsADirectoryError(f"{path}: is a folder")
            os.replace(path, folder / "previous")
        os.replace(folder / path.name, path)
    except Exception as error:
        tensorflow = sys.modules.get("tensorflow")  # which takes seconds to import
        if tensorflow and isinstance(error, tensorflow.errors.OpError):
            raise OSError(f"{path}: can't be written ({str(error).splitlines()[0][:120]})") from error
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _unfinished.discard(folder)


def remove_unfinished() -> None:
    """Removes what blocks of `writing` have written so far, for a process that ends without leaving them."""
    for folder in list(_unfinished):
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def without_wildcards(folder: str | os.PathLike) -> Iterator[Path]:
    """Yields a path to a folder that exists, in which TensorFlow takes nothing for a pattern.

    It looks for checkpoints by globs, so that none would be found in a folder called run[1].
    """
    if glob.escape(os.fspath(folder)) == os.fspath(folder) and "\\" not in os.fspath(folder):
        yield Path(folder)
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
