"""Finding the clips of a folder: their labels and splits, by looking at it.

Labels and splits are found apart from each other, each by the first rule that
fits:

  labels  FSDD names ({digit}_{speaker}_{index}.wav), SC09 names (Zero_*.wav),
          a folder per class (Speech Commands too), none
  splits  folders train/, valid/, test/ (SC09), validation_list.txt and
          testing_list.txt (Speech Commands), FSDD's index (0-4 test, 5-9
          valid, the rest train), a hash of the name (10% valid, 10% test)
"""

from __future__ import annotations

import dataclasses
import glob
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tf_inversion import errors
from tf_inversion.audio.files import SUFFIXES

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SPLITS = ("train", "valid", "test", "all")

_FSDD_NAME = re.compile(r"(\d)_([^_]+)_(\d+)")
_SC09_NAME = re.compile(rf"({'|'.join(DIGITS)})_.+", re.IGNORECASE)
_NOT_CLIPS = {"_background_noise_"}  # minutes of noise that come with Speech Commands


@dataclasses.dataclass(frozen=True)
class ClipList:
    """Clips of a data set.

    Attributes:
      paths: their files, in the order of their names.
      labels: a class per clip, an index of `label_names`; None if unlabelled.
      label_names: the classes that the folder has, in all its splits; spoken digits by value, first.
    """

    paths: list[str]
    labels: list[int] | None = None
    label_names: list[str] = dataclasses.field(default_factory=list)

    def __len__(self) -> int:
        return len(self.paths)

    def repeat(self, times: Mapping[str, int]) -> ClipList:
        """Returns the list with each clip of a class so many times, once if the class is not named.

        Raises:
          DatasetError: if there are no clips of such a class.
        """
        names = [self.label_names[label] for label in self.labels or ()] or [""] * len(self)
        if unknown := sorted(set(times).difference(names)):
            have = (
                ", ".join(name for name in self.label_names if name in names) or "none, they have no labels"
            )
            raise errors.DatasetError(
                f"no clips of {', '.join(unknown)} to repeat; classes of the clips: {have}"
            )
        return self.pick(i for i, name in enumerate(names) for _ in range(times.get(name, 1)))

    def pick(self, indices: Iterable[int]) -> ClipList:
        """Returns the clips of these positions."""
        indices = list(indices)
        labels = None if self.labels is None else [self.labels[i] for i in indices]
        return ClipList([self.paths[i] for i in indices], labels, self.label_names)


def find_clips(data_dir: str | os.PathLike, split: str = "train") -> ClipList:
    """Lists the clips of a split of a folder in any of the layouts above.

    Args:
      data_dir: the folder.
      split: "train", "valid", "test" (they do not overlap), or "all".

    Raises:
      DatasetError: if the folder is missing, holds no clips, or none of this split, or if one of the
        lists of Speech Commands can't be read.
      InvalidArgumentError: if there is no such split.
    """
    if split not in SPLITS:
        raise errors.InvalidArgumentError(f"split: {split!r} is none of {', '.join(SPLITS)}")
    root = Path(data_dir)
    if not root.is_dir():
        raise errors.DatasetError(f"{data_dir}: no such folder; give one with audio files")
    names = _audio_below(root)
    if not names:
        raise errors.DatasetError(f"{data_dir}: no audio files in it ({', '.join(sorted(SUFFIXES))})")
    split_of = _split_rule(root, names)
    splits = {name: split_of(name) for name in names}
    names = [name for name in names if split == "all" or splits[name] == split]
    if not names:
        there = ", ".join(sorted(set(splits.values())))
        raise errors.DatasetError(
            f"{data_dir}: no clips in split {split!r}; its {len(splits)} clips are in: {there}; add some, or "
            "lay them out in folders train/, valid/ and test/"
        )
    classes = _classes(list(splits))
    paths = [str(root / name) for name in names]
    if classes is None:
        return ClipList(paths)
    label_names = _ordered(set(classes.values()))
    return ClipList(paths, [label_names.index(classes[name]) for name in names], label_names)


def speakers(paths: Iterable[str | os.PathLike]) -> list[str] | None:
    """Returns who speaks in each file, by FSDD names; None if one has another name."""
    matches = [_FSDD_NAME.fullmatch(_stem(os.fspath(path))) for path in paths]
    return [match[2] for match in matches] if all(matches) else None


def audio_files(patterns: Iterable[str | os.PathLike]) -> list[str]:
    """Expands files, folders (all audio files below) and globs to a list of files, each once.

    What is neither folder nor matches as a glob is taken for a file, existing or not.

    Raises:
      DatasetError: if a folder holds no audio files, or a glob matches nothing.
    """
    found: dict[str, None] = {}
    for pattern in map(os.fspath, patterns):
        if os.path.isdir(pattern):
            matches = [os.path.join(pattern, name) for name in _audio_below(Path(pattern))]
        elif glob.has_magic(pattern) and not os.path.exists(pattern):
            matches = sorted(filter(os.path.isfile, glob.glob(pattern, recursive=True)))
        else:
            matches = [pattern]
        if not matches:
            raise errors.DatasetError(f"{pattern}: no audio files there")
        found.update(dict.fromkeys(matches))
    return list(found)


def _audio_below(root: Path) -> list[str]:
    """Names of all audio files below `root`, relative to it, with forward slashes, in order."""
    found = []
    for folder, folders, names in os.walk(root, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _NOT_CLIPS]
        relative = Path(folder).relative_to(root)
        found += [
            (relative / name).as_posix()
            for name in names
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES
        ]
    return sorted(found)


def _stem(name: str) -> str:
    return Path(name).stem


def _classes(names: list[str]) -> dict[str, str] | None:
    """Class of each name, or None if there are none."""
    for pattern, word in ((_FSDD_NAME, lambda m: DIGITS[int(m[1])]), (_SC09_NAME, lambda m: m[1].lower())):
        matches = {name: pattern.fullmatch(_stem(name)) for name in names}
        if all(matches.values()):
            return {name: word(match) for name, match in matches.items()}
    inside = [name.split("/")[_has_split_folders(names) :] for name in names]
    if all(len(parts) > 1 for parts in inside) and len({parts[0] for parts in inside}) > 1:
        return {name: parts[0] for name, parts in zip(names, inside)}
    return None


def _ordered(classes: set[str]) -> list[str]:
    """Spoken digits by value before the others by letter."""
    return [*filter(classes.__contains__, DIGITS), *sorted(classes.difference(DIGITS))]


def _has_split_folders(names: list[str]) -> bool:
    folders = {name.split("/")[0] for name in names if "/" in name}
    return folders <= {"train", "valid", "test"} and all("/" in name for name in names)


def _split_rule(root: Path, names: list[str]) -> Callable[[str], str]:
    """Returns the function that gives the split of each name."""
    if _has_split_folders(names):
        return lambda name: name.split("/")[0]
    lists = {"valid": root / "validation_list.txt", "test": root / "testing_list.txt"}
    if any(path.exists() for path in lists.values()):
        listed = {name: split for split, path in lists.items() for name in _listed(path)}
        return lambda name: listed.get(name, "train")
    if all(_FSDD_NAME.fullmatch(_stem(name)) for name in names):
        return _fsdd_split
    return _hashed_split


def _listed(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise errors.DatasetError(
            f"{path}: missing or no text file; the splits of Speech Commands need validation_list.txt and "
            "testing_list.txt"
        ) from error


def _fsdd_split(name: str) -> str:
    """The data set's own test set is index 0-4 and the rest is for training, of which we hold out 5-9."""
    index = int(_FSDD_NAME.fullmatch(_stem(name))[3])
    return "test" if index < 5 else "valid" if index < 10 else "train"


def _hashed_split(name: str) -> str:
    """The rule of Speech Commands (Warden 2018): a clip stays in its split whatever else comes or goes.

    What follows "_nohash_" in a name does not count, so that a speaker's
    repetitions fall in the same split.
    """
    speaker = re.sub(r"_nohash_.*$", "", Path(name).name)
    most = 2**27 - 1
    percentage = int(hashlib.sha1(speaker.encode()).hexdigest(), 16) % (most + 1) * (100.0 / most)
    return "valid" if percentage < 10 else "test" if percentage < 20 else "train"
