"""Which clips are for training, validation and test, by their folders, by lists or by their names."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Collection
from pathlib import Path

from tf_inversion import errors

FSDD_NAME = re.compile(r"(\d)_([^_]+)_(\d+)")  # digit, speaker, number of the recording
_SPLIT_FOLDER = re.compile(
    r"(?:(?P<train>train(?:ing)?)|(?P<valid>val(?:id(?:ation)?)?|dev(?:el(?:opment)?)?)"
    r"|(?P<test>test(?:ing)?)|(?P<eval>eval(?:uation)?))"
    r"(?:[-_ ]?(?:set|data|split|clips|audio)|[-_ ](?:clean|other)(?:[-_ ]\d+)?)?",
    re.IGNORECASE,
)
LISTS = {"valid": "validation_list.txt", "test": "testing_list.txt"}  # of Speech Commands
_log = logging.getLogger(__name__)


def find(root: Path, names: list[str]) -> tuple[list[str], str, list[list[str]]]:
    """Finds the split of each clip; see `layouts`.

    Args:
      root: a folder.
      names: of the files in it, relative to it, with forward slashes.

    Returns:
      The split of each; what says so, in words; the folders of each but those that say it, or say nothing.

    Raises:
      DatasetError: if folders of splits stand beside others, or a list is missing, no text or of other files.
    """
    folders = [name.split("/")[:-1] for name in names]
    outer = _outer(folders)
    folders = [parts[outer:] for parts in folders]
    depth = _depth_of_splits(root, folders)
    if depth is not None:
        found = _splits_of_folders([parts[depth] for parts in folders])
        return found, "its folders", [parts[:depth] + parts[depth + 1 :] for parts in folders]
    above = names[0].split("/")[:outer]
    for home in (root.joinpath(*above[:i]) for i in range(outer + 1)):
        if any((home / name).exists() for name in LISTS.values()):
            present = [os.fsencode((root / name).relative_to(home).as_posix()) for name in names]
            listed = _listed(home, set(present))
            return [listed.get(name, "train") for name in present], "its lists", folders
    if all(FSDD_NAME.fullmatch(Path(name).stem) for name in names):
        return [_fsdd_split(name) for name in names], "the recordings' numbers", folders
    return [_hashed_split(name) for name in names], "a hash of the names", folders


def shared(folders: list[list[str]]) -> int:
    """Returns how many folders, counted from the outermost, are the same for all clips."""
    first, last = min(folders), max(folders)
    return next((i for i, (a, b) in enumerate(zip(first, last)) if a != b), min(len(first), len(last)))


def _outer(folders: list[list[str]]) -> int:
    """How many folders tell nothing, since all clips are in them: those above the first of a split."""
    above = folders[0][: shared(folders)]
    return next((i for i, name in enumerate(above) if _SPLIT_FOLDER.fullmatch(name)), len(above))


def _depth_of_splits(root: Path, folders: list[list[str]]) -> int | None:
    """At what depth the folders are those of splits, or None."""
    for depth in (0, 1):
        named = {parts[depth] if len(parts) > depth else "" for parts in folders}
        of_splits = {name for name in named if _SPLIT_FOLDER.fullmatch(name)}
        several = len(set(_splits_of_folders(sorted(of_splits)))) > 1
        if named == of_splits and (several or depth == 0):
            return depth
        if several:
            others = ", ".join(sorted(named - of_splits)[:3]) or "clips in none"
            raise errors.DatasetError(
                f"{root}: has folders of splits, {', '.join(sorted(of_splits))}, and others beside them: "
                f"{others}; move those elsewhere"
            )
    return None


def _splits_of_folders(names: list[str]) -> list[str]:
    """The split that each name of a folder means. "eval" is the test set where there is no other."""
    found = [str(match.lastgroup) for match in map(_SPLIT_FOLDER.fullmatch, names) if match]
    evaluation = "valid" if "test" in found else "test"
    return [evaluation if split == "eval" else split for split in found]


def _listed(home: Path, present: Collection[bytes]) -> dict[bytes, str]:
    """The splits that the lists of Speech Commands give to names, by their bytes, whatever their encoding."""
    listed: dict[bytes, str] = {}
    for split, name in LISTS.items():
        if not (home / name).exists():
            raise errors.DatasetError(
                f"{home / name}: missing; Speech Commands' splits need {' and '.join(LISTS.values())}"
            )
        names = read_list(home / name, present)
        if both := len(listed.keys() & names):
            _log.warning(
                "%s: %d of its entries are in another list too; they are taken for %s", name, both, split
            )
        listed.update(dict.fromkeys(names, split))
    return listed


def read_list(path: Path, present: Collection[bytes]) -> list[bytes]:
    """Reads the names of clips from a file, one a line, in the bytes that they have in the file system.

    How many of them are none of those present is logged.

    Raises:
      DatasetError: if the file can't be read, is no text, or all of its names are of other files.
    """
    try:
        contents = path.read_bytes()
    except OSError as error:
        raise errors.DatasetError(f"{path}: can't be read ({error.strerror})") from error
    if b"\0" in contents:
        raise errors.DatasetError(f"{path}: no text file; give one with the name of a clip in each line")
    lines = contents.removeprefix(b"\xef\xbb\xbf").splitlines()
    names = [name.removeprefix(b"./") for line in lines if (name := line.strip())]
    absent = [os.fsdecode(name) for name in names if name not in present]
    if absent and len(absent) == len(names):
        raise errors.DatasetError(
            f"{path}: none of its {len(names)} entries is a file there, as {absent[0]}; write them as "
            "class/name.wav, with the suffix that the files have"
        )
    if absent:
        _log.warning("%s: %d of its %d entries are no files: %s", path, len(absent), len(names), absent[0])
    return names


def _fsdd_split(name: str) -> str:
    """The data set's own test set is index 0-4 and the rest is for training, of which we hold out 5-9."""
    index = int(Path(name).stem.rpartition("_")[2])
    return "test" if index < 5 else "valid" if index < 10 else "train"


def _hashed_split(name: str) -> str:
    """The rule of Speech Commands (Warden 2018): a clip stays in its split whatever else comes or goes.

    What follows "_nohash_" in a name does not count, so that a speaker's
    repetitions fall in the same split.
    """
    speaker = re.sub(r"_nohash_.*$", "", Path(name).name)
    most = 2**27 - 1
    percentage = int(hashlib.sha1(os.fsencode(speaker)).hexdigest(), 16) % (most + 1) * (100.0 / most)
    return "valid" if percentage < 10 else "test" if percentage < 20 else "train"
