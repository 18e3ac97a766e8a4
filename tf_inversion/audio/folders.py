"""Which audio files there are: below a folder, or of files, folders and globs."""

from __future__ import annotations

import collections
import glob
import logging
import os
from collections.abc import Collection, Iterable
from pathlib import Path

from tf_inversion import errors

# fmt: off
#: Suffixes of what is read; a folder's other files are not taken for clips.
SUFFIXES = frozenset({
    ".wav", ".wave", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc",
    ".au", ".snd", ".caf",
})
#: Suffixes of sound that is not read, of which a warning says so.
FOREIGN_SUFFIXES = frozenset({
    ".m4a", ".m4b", ".mp4", ".aac", ".webm", ".mka", ".mkv", ".mov", ".3gp", ".wma", ".amr", ".ac3", ".ape",
    ".wv", ".mpc", ".tta", ".spx", ".ra", ".dsf",
})
# fmt: on
_NOT_CLIPS = {"_background_noise_"}  # minutes of noise that come with Speech Commands
_log = logging.getLogger(__name__)


def audio_files(
    patterns: Iterable[str | os.PathLike], exclude: Collection[str | os.PathLike] = ()
) -> list[str]:
    """Expands files, folders (all audio files below) and globs to a list of files, each once.

    What is neither folder nor matches as a glob is taken for a file, existing or not. Of folders and globs,
    what lies below a folder in `exclude` is left out.

    Raises:
      DatasetError: if a folder holds no audio files, or a glob matches nothing.
    """
    found: dict[str, None] = {}
    for pattern in (os.fspath(pattern) for pattern in patterns):
        if os.path.isdir(pattern):
            matches = [os.path.join(pattern, name) for name in audio_below(pattern, exclude)]
        elif glob.has_magic(pattern) and not os.path.lexists(pattern):
            matches = [path for path in _expand(pattern) if not _below(path, exclude)]
        else:
            matches = [pattern]
        if not matches:
            raise errors.DatasetError(f"{pattern}: no audio files there")
        found.update(dict.fromkeys(matches))
    return list(found)


def audio_below(root: str | os.PathLike, exclude: Collection[str | os.PathLike] = ()) -> list[str]:
    """Returns the names of all audio files below a folder, relative to it, with forward slashes, in order.

    Links to folders are followed, and each folder is entered once. Hidden files and folders, the noise of
    Speech Commands and the reconstructions that `invert_audio` has written are left out. What else is passed
    over, sound in formats that are not read and folders that can't be opened, is logged.

    Raises:
      DatasetError: if there are none, or the folder itself can't be opened.
    """
    root = Path(root)
    found, closed, outputs = [], [], 0
    foreign: collections.Counter[str] = collections.Counter()
    entered = {_identity(folder) for folder in exclude}
    ahead, links = [root], list[Path]()
    while ahead or links:  # links last, so that a folder goes by its own name
        folder = (ahead or links).pop()
        try:
            if (identity := _identity(folder)) in entered:
                continue
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name, reverse=True)
        except OSError as error:
            if folder == root:
                raise errors.DatasetError(f"{root}: can't be opened ({error.strerror})") from error
            closed.append(str(folder))
            continue
        entered.add(identity)
        names = {entry.name for entry in entries}
        for entry in entries:
            suffix = Path(entry.name).suffix.lower()
            if entry.name.startswith(".") or entry.name in _NOT_CLIPS:
                continue
            if _is_folder(entry):
                if entry.name == "reconstructions" and "latents.npz" in names:
                    outputs += 1
                else:
                    (links if entry.is_symlink() else ahead).append(folder / entry.name)
            elif suffix in SUFFIXES:
                found.append((folder / entry.name).relative_to(root).as_posix())
            elif suffix in FOREIGN_SUFFIXES:
                foreign[suffix] += 1
    passed_over = _passed_over(foreign, closed)
    if not found:
        kinds = "; ".join(passed_over) or f"{', '.join(sorted(SUFFIXES))}"
        raise errors.DatasetError(f"{root}: no audio files there ({kinds})")
    for line in passed_over:
        _log.warning("%s: %s", root, line)
    if outputs:
        _log.info("%s: %d folders of reconstructions are left out", root, outputs)
    return sorted(found)


def _passed_over(foreign: collections.Counter, closed: list[str]) -> list[str]:
    """Tells of files that are not read, and of folders."""
    lines = []
    if foreign:
        kinds = ", ".join(f"{number} {suffix}" for suffix, number in sorted(foreign.items()))
        lines.append(f"left out, of kinds that are not read: {kinds}; convert to WAV or FLAC")
    if closed:
        names = ", ".join(closed[:3]) + (", ..." if len(closed) > 3 else "")
        lines.append(f"left out, {len(closed)} folder{'s' * (len(closed) > 1)} that can't be opened: {names}")
    return lines


def _expand(pattern: str) -> list[str]:
    """Returns the files that a glob matches; folders that exist as they are written are no pattern."""
    parts, literal = Path(pattern).parts, 0
    while os.path.lexists(os.path.join(*parts[: literal + 1])):
        literal += 1
    exact = [glob.escape(os.path.join(*parts[:literal]))] if literal else []
    return sorted(filter(os.path.isfile, glob.glob(os.path.join(*exact, *parts[literal:]), recursive=True)))


def _below(path: str, folders: Collection[str | os.PathLike]) -> bool:
    """Whether a file lies in one of these folders, whatever links lead to either."""
    return any(Path(folder).resolve() in Path(path).resolve().parents for folder in folders)


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or to where one may not look
        return False


def _identity(folder: str | os.PathLike) -> tuple[int, int] | None:
    """What tells a folder from others, whatever links lead to it; None if there is none."""
    try:
        status = os.stat(folder)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino
