"""Names to call clips by, and the files of their results."""

from __future__ import annotations

import collections
import os
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path

_LONGEST = 200  # bytes: a file system takes 255, of which those who name files by it add some


def unique_names(paths: Iterable[str | os.PathLike]) -> list[str]:
    """Returns a different name for each file: its own without suffix, or what tells it from its namesakes.

    a/x.wav and b/x.wav become a_x and b_x, x.wav and x.mp3 become x_wav and x_mp3. None is another file's own
    name. What can't be printed, such as bytes that are no text, becomes "_".
    """
    files = [Path(path) for path in paths]
    own = [_printable(file.stem) for file in files]
    base = list(own)
    for i in _shared([(file.parent, file.stem) for file in files]):
        base[i] = _printable(f"{files[i].stem}_{files[i].suffix[1:]}")
    names = list(base)
    for depth in range(1, max((len(file.parts) for file in files), default=0)):
        for i in _shared(names):
            folders = [part for part in files[i].parts[-1 - depth : -1] if part.strip(os.sep)]
            names[i] = _printable("_".join([*folders, base[i]]))
    taken, given = set(own), set()
    for i, name in enumerate(names):
        if name == own[i] and name not in given:
            given.add(name)
        else:
            names[i] = unused_name(name, taken)
    return names


def unused_name(name: str, taken: set[str]) -> str:
    """Returns the name, with a number behind it if it is taken, and takes it."""
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    taken.add(candidate)
    return candidate


def _shared(names: Sequence[Hashable]) -> list[int]:
    """Positions of the names that occur more than once."""
    counts = collections.Counter(names)
    return [i for i, name in enumerate(names) if counts[name] > 1]


def _printable(name: str) -> str:
    text = "".join(character if character.isprintable() else "_" for character in name)
    return text.encode()[:_LONGEST].decode(errors="ignore")
