"""Cuts a folder of clips into shards: which clips shard k has depends on the folder's files and k alone."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

from tf_inversion.audio.layouts import ClipFolder, speakers


@dataclasses.dataclass(frozen=True)
class Shard:
    """Some clips of a folder that are next to each other in the order of their names.

    Attributes:
      number: its place among the shards.
      root: the folder, an absolute path.
      names: of n files, relative to it.
      splits: n times "train", "valid" or "test".
      labels, speakers: of the n clips; None if they have none.
    """

    number: int
    root: str
    names: list[str]
    splits: list[str]
    labels: list[str] | None = None
    speakers: list[str] | None = None

    @property
    def paths(self) -> list[str]:
        """The n files."""
        return [os.path.join(self.root, name) for name in self.names]

    def __len__(self) -> int:
        return len(self.names)


def cut(folder: ClipFolder, size: int) -> Iterator[Shard]:
    """Yields the shards of a folder, `size` clips each, in the last one the rest."""
    clips, root = folder.clips, os.path.abspath(folder.root)
    said = speakers(clips.paths)
    for number, start in enumerate(range(0, len(clips), size)):
        part = slice(start, start + size)
        names = [Path(path).relative_to(folder.root).as_posix() for path in clips.paths[part]]
        labels = [clips.label_names[i] for i in clips.labels[part]] if clips.labels else None
        yield Shard(number, root, names, folder.splits[part], labels, said and said[part])
