"""What is told of clips that are unlike the models' training data, or that can't be read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

_MAX_REASONS = 10  # unreadable files whose fault is named


@dataclasses.dataclass
class ClipReport:
    """What is unlike the models' training data, or wrong, in a list of clips.

    Attributes:
      unreadable: path -> what is wrong with it; these clips are left out.
      silent, clipped, longer, resampled: paths of clips whose slice is silent
        or clipped, that go on after it, or that had another sample rate.
      cut: of files that end before their header says, of which what there is is read.
      endless: of files without a true length in the header, read to their end.
      faulty: of files with errors that the decoder has passed over.
    """

    unreadable: dict[str, str] = dataclasses.field(default_factory=dict)
    silent: list[str] = dataclasses.field(default_factory=list)
    clipped: list[str] = dataclasses.field(default_factory=list)
    longer: list[str] = dataclasses.field(default_factory=list)
    resampled: list[str] = dataclasses.field(default_factory=list)
    cut: list[str] = dataclasses.field(default_factory=list)
    endless: list[str] = dataclasses.field(default_factory=list)
    faulty: list[str] = dataclasses.field(default_factory=list)

    def lines(self) -> list[str]:
        """Returns what to tell: of each kind that occurs the number and the first names, of files why."""
        reasons = list(self.unreadable.values())
        kinds = {
            "unreadable, hence left out": self.unreadable if len(reasons) > 1 else (),
            "cut off before the end that the header tells": self.cut,
            "without a true length in the header, hence read to the end": self.endless,
            "faulty in places, as the decoder says": self.faulty,
            "silent": self.silent,
            "clipped, recorded or scaled too loud": self.clipped,
            "longer than the slice, only their beginning counts": self.longer,
            "resampled from another rate": self.resampled,
        }
        further = [
            f"{len(paths)} clip{'s are' if len(paths) > 1 else ' is'} {what}: {few(paths)}"
            for what, paths in kinds.items()
            if paths
        ]
        return reasons[:_MAX_REASONS] + further


def few(names: Iterable[str], most: int = 3) -> str:
    """Returns the first of some names, as a message has them."""
    names = list(names)
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
