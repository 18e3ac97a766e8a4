"""The public data sets of spoken digits that `prepare_dataset` fetches."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from tf_inversion import errors, paths
from tf_inversion.audio import downloads, layouts

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class PublicDataset:
    """Where a data set comes from and what of it is wanted.

    Attributes:
      url: its archive.
      wanted: names of the files in it; group 1 is where to put them.
      about: what to write beside the clips: their authors and licence.
      arrange: brings the unpacked folder into its layout.
      archive_sha256: of the archive, where its publisher's bytes never change.
      clips_sha256: of the clips (see `clips_sha256`), where they do.
    """

    url: str
    wanted: re.Pattern
    about: str
    arrange: Callable[[Path], None] = lambda folder: None
    archive_sha256: str | None = None
    clips_sha256: str | None = None


def _arrange_sc09(folder: Path) -> None:
    """From Speech Commands' folders and lists to SC09: {train,valid,test}/Zero_<name>.wav (Donahue 2018)."""
    clips = {split: layouts.find_clips(folder, split).paths for split in ("train", "valid", "test")}
    for split, files in clips.items():
        (folder / split).mkdir()
        for file in map(Path, files):
            file.rename(folder / split / f"{file.parent.name.capitalize()}_{file.name}")
    for name in layouts.DIGITS:
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("validation_list.txt", "testing_list.txt"):
        (folder / name).unlink()


DATASETS = {
    "sc09": PublicDataset(
        url="http://download.tensorflow.org/data/speech_commands_v0.01.tar.gz",
        wanted=re.compile(
            rf"(?:\./|[\w.-]+/)?((?:{'|'.join(layouts.DIGITS)})/\w+\.wav|(?:validation|testing)_list\.txt)"
        ),
        about="""# SC09: the digits of Speech Commands v0.01

Zero to nine, spoken by many, one second each at 16 kHz; split by the data set's own lists.
Pete Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition" (2018), CC BY 4.0.
""",
        arrange=_arrange_sc09,
        # _CHECKSUMS in torchaudio's datasets/speechcommands.py; not computed by us from the archive.
        archive_sha256="743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d",
    ),
    "fsdd": PublicDataset(
        url="https://github.com/Jakobovski/free-spoken-digit-dataset/archive/"
        "26eb9aaf76e81b692f806f9140c2d2777410d7a1.tar.gz",
        wanted=re.compile(r"(?:[\w.-]+/)?(recordings/\d_[a-z]+_\d+\.wav)"),
        about="""# Free Spoken Digit Dataset

Zero to nine, 50 times by each of 6 speakers, 8 kHz; index 0-4 is the test set.
Zohar Jackson and contributors, github.com/Jakobovski/free-spoken-digit-dataset, CC BY-SA 4.0.
""",
        # GitHub makes its archives anew, not always of the same bytes, so the recordings are what
        # is checked: this is the sum of those at the above commit.
        clips_sha256="04e1baae96c6a26e39c623f2b01d0182ddae627ba0ac02a3cdc17ba2af99fd9b",
    ),
}


def prepare(
    dataset: PublicDataset,
    output_dir: str | os.PathLike,
    archive: str | os.PathLike | None = None,
    progress: downloads.Progress = downloads.no_progress,
) -> dict[str, int]:
    """Makes a folder that `find_clips` understands, or finds that it has done so before.

    Args:
      dataset: one of DATASETS.
      output_dir: the folder, new or empty.
      archive: a tar or zip file at hand, used even if it is another version;
        None downloads one to `output_dir`.part, which is removed at the end.
      progress: wraps loops; tqdm for bars.

    Returns:
      The number of clips in each split.

    Raises:
      DatasetError: if `output_dir` holds other things, the download fails (what
        has come stays for the next attempt), or the archive is not the right one.
    """
    output_dir = Path(output_dir).absolute()
    about = output_dir / "README.md"
    if not (about.is_file() and about.read_text("utf-8", "replace") == dataset.about):
        if output_dir.exists() and (not output_dir.is_dir() or any(output_dir.iterdir())):
            raise errors.DatasetError(f"{output_dir}: holds other things already; name a new folder")
        if archive is not None:
            if not Path(archive).is_file():
                raise errors.DatasetError(f"{archive}: no such file; leave --archive out to download it")
            _unpack(dataset, Path(archive), output_dir, progress, _log.warning)
        else:
            _fetch(dataset, output_dir, progress)
    return {split: len(layouts.find_clips(output_dir, split)) for split in ("train", "valid", "test")}


def clips_sha256(folder: Path) -> str:
    """Checksum of all clips below a folder: of the lines "<sha256 of file>  <name>", in order of the names.

    FSDD's is what `sha256sum recordings/*.wav | sha256sum` prints.
    """
    files = sorted(folder.rglob("*.wav"))
    lines = "".join(f"{downloads.sha256(file)}  {file.relative_to(folder).as_posix()}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def _fetch(dataset: PublicDataset, output_dir: Path, progress: downloads.Progress) -> None:
    part = output_dir.with_name(f"{output_dir.name}.part")

    def refuse(problem: str) -> None:
        raise errors.DatasetError(problem)

    try:
        downloads.download(dataset.url, part, progress)
    except errors.DatasetError as error:
        raise errors.DatasetError(f"{error}; or give the archive as --archive=FILE") from error
    try:
        _unpack(dataset, part, output_dir, progress, refuse)
    except errors.DatasetError:
        part.unlink()
        raise
    part.unlink()


def _unpack(
    dataset: PublicDataset,
    archive: Path,
    output_dir: Path,
    progress: downloads.Progress,
    complain: Callable[[str], None],
) -> None:
    what = f"{archive}: not what {dataset.url} should be (SHA-256 differs)"
    if dataset.archive_sha256 and downloads.sha256(archive, progress) != dataset.archive_sha256:
        complain(what)
    with paths.writing(output_dir) as folder:
        folder.mkdir()
        if not downloads.unpack(archive, folder, dataset.wanted, progress):
            raise errors.DatasetError(f"{archive}: holds none of the clips of {dataset.url}")
        dataset.arrange(folder)
        if dataset.clips_sha256 and clips_sha256(folder) != dataset.clips_sha256:
            complain(what)
        (folder / "README.md").write_text(dataset.about)
