"""Finding the clips of a folder: their labels and splits, by looking at it.

Labels and splits are found apart from each other, each by the first rule that
fits:

  labels  FSDD names ({digit}_{speaker}_{index}.wav), SC09 names (Zero_*.wav),
          a folder per class (Speech Commands too), none
  splits  folders train/, valid/, test/ (SC09) or what else they are called,
          above or below those of the classes; validation_list.txt and
          testing_list.txt (Speech Commands), FSDD's index (0-4 test, 5-9
          valid, the rest train), a hash of the name (10% valid, 10% test)
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from tf_inversion import errors
from tf_inversion.audio import splits
from tf_inversion.audio.folders import audio_below

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SPLITS = ("train", "valid", "test", "all")

_SC09_NAME = re.compile(rf"({'|'.join(DIGITS)})_.+", re.IGNORECASE)
_NOHASH_NAME = re.compile(r"(?:.*_)?([^_]+)_nohash_.*")
_MANY_CLASSES = 40  # of more only the numbers of clips are listed


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


@dataclasses.dataclass(frozen=True)
class ClipFolder:
    """A folder's clips, each in a split.

    Attributes:
      root: the folder.
      clips: all of them.
      splits: of each, "train", "valid" or "test".
      rule: what says so, such as "its folders".
    """

    root: Path
    clips: ClipList
    splits: list[str]
    rule: str

    def split(self, name: str = "train") -> ClipList:
        """Returns the clips of "train", "valid" or "test", which do not overlap, or of "all".

        Raises:
          DatasetError: if there are none.
          InvalidArgumentError: if there is no such split.
        """
        if name not in SPLITS:
            raise errors.InvalidArgumentError(f"split: {name!r} is none of {', '.join(SPLITS)}")
        found = self.clips.pick(i for i, split in enumerate(self.splits) if name in (split, "all"))
        if not len(found):
            raise errors.DatasetError(
                f"{self.root}: no clips in split {name!r}; its {len(self.clips)} clips are in: "
                f"{', '.join(sorted(set(self.splits)))}; add some, or lay them out in folders train/, valid/ "
                "and test/"
            )
        return found

    def summary(self) -> list[str]:
        """Returns lines that tell how many clips of which class each split has."""
        names = self.clips.label_names
        classes = f"{len(names)} classes" if names else "no labels"
        lines = [f"{self.root}: {len(self.clips):,} clips, {classes}; splits by {self.rule}"]
        for split in SPLITS[:-1]:
            labels = [label for i, label in enumerate(self.clips.labels or ()) if self.splits[i] == split]
            counts = [labels.count(label) for label in range(len(names))]
            if 0 < len(names) <= _MANY_CLASSES:
                counted = ": " + ", ".join(f"{name} {count:,}" for name, count in zip(names, counts))
            else:
                counted = f": {min(counts):,} to {max(counts):,} of a class" if names else ""
            lines.append(f"  {split} {self.splits.count(split):,}{counted}")
        return lines


def find_clips(data_dir: str | os.PathLike, split: str = "train") -> ClipList:
    """Lists the clips of a split of a folder in any of the layouts above; see `read_folder`."""
    return read_folder(data_dir).split(split)


def read_folder(data_dir: str | os.PathLike) -> ClipFolder:
    """Lists the clips of a folder in any of the layouts above.

    Raises:
      DatasetError: if the folder is missing or can't be opened, holds no clips, or has folders of splits
        beside others; if a list of Speech Commands can't be read or names none of the files.
    """
    root = Path(data_dir)
    if not root.is_dir():
        raise errors.DatasetError(f"{data_dir}: no such folder; give one with audio files")
    names = audio_below(root)
    found, rule, folders = splits.find(root, names)
    paths = [str(root / name) for name in names]
    classes = _classes(names, folders)
    if classes is None:
        return ClipFolder(root, ClipList(paths), found, rule)
    label_names = _ordered(set(classes))
    positions = {name: i for i, name in enumerate(label_names)}
    clips = ClipList(paths, [positions[name] for name in classes], label_names)
    return ClipFolder(root, clips, found, rule)


def speakers(paths: Iterable[str | os.PathLike]) -> list[str] | None:
    """Returns who speaks in each file, by names of FSDD or Speech Commands; None if one has another name."""
    found = []
    for path in paths:
        stem = Path(path).stem
        if match := splits.FSDD_NAME.fullmatch(stem):
            found.append(match[2])
        elif match := _NOHASH_NAME.fullmatch(stem):
            found.append(match[1])
        else:
            return None
    return found


def _classes(names: list[str], folders: list[list[str]]) -> list[str] | None:
    """Class of each clip, by its name or the first folder in which clips differ; None if there are none."""
    for pattern, word in (
        (splits.FSDD_NAME, lambda m: DIGITS[int(m[1])]),
        (_SC09_NAME, lambda m: m[1].lower()),
    ):
        matches = [pattern.fullmatch(Path(name).stem) for name in names]
        if all(matches):
            return [word(match) for match in matches]
    depth = splits.shared(folders)
    if all(len(parts) > depth for parts in folders):
        return [parts[depth] for parts in folders]
    return None


def _ordered(classes: set[str]) -> list[str]:
    """Spoken digits by value before the others by letter."""
    return [*filter(classes.__contains__, DIGITS), *sorted(classes.difference(DIGITS))]
