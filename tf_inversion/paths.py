"""Where the pretrained models lie, and how output files come into being."""

from __future__ import annotations

import contextlib
import contextvars
import errno
import glob
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tf_inversion import errors

_PACKAGE = Path(__file__).resolve().parent
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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


class _Unfinished:
    """Outputs that are not in their places yet, but in fresh folders beside."""

    def __init__(self):
        self._stack = contextlib.ExitStack()
        self._beside: dict[Path, Path] = {}  # folders of outputs, and the fresh one in each
        self._done: list[Path] = []
        self._unwanted: list[Path] = []

    def place(self, path: Path) -> Path:
        """Returns where to write what is to be at `path`."""
        if path.parent not in self._beside:
            self._stack.enter_context(making(path.parent))
            folder = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=path.parent))
            self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
            self._beside[path.parent] = folder
        # Inside a fresh folder the name and its suffix stay as they are: writers choose a format by them.
        return self._beside[path.parent] / path.name

    def finish(self) -> None:
        """Moves everything into its place, and removes what is not wanted any more."""
        for path in self._done:
            if path.is_dir() and not self.place(path).is_dir():
                raise IsADirectoryError(f"{path}: is a folder")
        for path in self._done:
            if path.is_dir():
                os.replace(path, self.place(path).with_name(f"{path.name}.previous"))
            os.replace(self.place(path), path)
        for path in self._unwanted:
            path.unlink(missing_ok=True)

    def done(self, path: Path) -> None:
        self._done.append(path)

    def remove(self, path: Path) -> None:
        self._unwanted.append(path)

    def clear(self) -> None:
        """Removes what is not in its place, and the folders that were made for it alone."""
        self._stack.close()


_all: set[_Unfinished] = set()
_current: contextvars.ContextVar[_Unfinished | None] = contextvars.ContextVar("outputs", default=None)


@contextlib.contextmanager
def _finishing() -> Iterator[_Unfinished]:
    outputs = _Unfinished()
    _all.add(outputs)
    try:
        yield outputs
        outputs.finish()
    finally:
        outputs.clear()
        _all.discard(outputs)


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Has all that blocks of `writing` and calls of `remove` inside do happen at the end, or not at all."""
    with _finishing() as outputs:
        token = _current.set(outputs)
        try:
            yield
        finally:
            _current.reset(token)


@contextlib.contextmanager
def writing(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a path beside `path` to write to, renamed into it at the end.

    Works for a file or a folder. If the block raises, nothing is left behind, nor any folder made for it,
    and what was at `path` before is still there. A file does not replace a folder.

    Raises:
      OSError: if it can't be written, also where TensorFlow says so in an error of its own.
    """
    absolute = Path(path).absolute()
    whole = _current.get()
    with contextlib.nullcontext(whole) if whole else _finishing() as outputs:
        try:
            unfinished = outputs.place(absolute)
            yield unfinished
        except Exception as error:
            if cause := disk_full(error):
                raise OSError(cause.errno, cause.strerror, os.fspath(path)) from error
            tensorflow = sys.modules.get("tensorflow")  # which takes seconds to import
            if tensorflow and isinstance(error, tensorflow.errors.OpError):
                raise OSError(f"{path}: can't be written ({str(error).splitlines()[0][:120]})") from error
            raise
        outputs.done(absolute)


def remove(path: str | os.PathLike) -> None:
    """Removes a file, if there is one."""
    path = Path(path).absolute()
    if outputs := _current.get():
        outputs.remove(path)
    else:
        path.unlink(missing_ok=True)


def remove_unfinished() -> None:
    """Removes what blocks of `writing` have written so far, for a process that ends without leaving them."""
    for outputs in list(_all):
        outputs.clear()


@contextlib.contextmanager
def making(folder: str | os.PathLike) -> Iterator[None]:
    """Makes a folder that is absent; at the end those are gone that were made for it and are empty."""
    folder = Path(folder).absolute()
    absent = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        with contextlib.suppress(OSError):  # not empty
            for path in absent:
                path.rmdir()


def disk_full(error: BaseException | None) -> OSError | None:
    """Returns the system's word that there is no more room, if that is behind an error."""
    while error:
        for code in _FULL:
            # TensorFlow and HDF5 have it in their texts only.
            if getattr(error, "errno", None) == code or os.strerror(code) in str(error):
                return OSError(code, os.strerror(code), getattr(error, "filename", None))
        error = error.__cause__ or error.__context__
    return None


@contextlib.contextmanager
def without_wildcards(path: str | os.PathLike) -> Iterator[Path]:
    """Yields another path to a folder or to the files of a prefix, with nothing like a pattern in it.

    TensorFlow looks for checkpoints by globs, so that it would find none called run[1].
    """
    path = Path(path)
    if glob.escape(os.fspath(path)) == os.fspath(path) and "\\" not in os.fspath(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        for file in path.absolute().parent.iterdir():
            if file.name == path.name or file.name.startswith(f"{path.name}."):
                Path(folder, f"files{file.name.removeprefix(path.name)}").symlink_to(file)
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            yield Path(f"/proc/self/fd/{descriptor}/files")  # the temporary folder may have any name too
        finally:
            os.close(descriptor)
