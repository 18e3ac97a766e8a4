"""The public data sets of spoken words that `prepare_dataset` fetches."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import os
import re
import shutil
from collections.abc import Callable, Collection
from pathlib import Path

from tf_inversion import errors, paths
from tf_inversion.audio import downloads, layouts, splits

# fmt: off
#: The words of Speech Commands v0.01.
WORDS = (
    "bed", "bird", "cat", "dog", "down", "eight", "five", "four", "go", "happy", "house", "left", "marvin",
    "nine", "no", "off", "on", "one", "right", "seven", "sheila", "six", "stop", "three", "tree", "two", "up",
    "wow", "yes", "zero",
)
# fmt: on
_SPEECH_COMMANDS_URL = "http://download.tensorflow.org/data/speech_commands_v0.01.tar.gz"
# _CHECKSUMS in torchaudio's datasets/speechcommands.py; not computed by us from the archive.
_SPEECH_COMMANDS_SHA256 = "743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d"
_SPEECH_COMMANDS_BY = """Pete Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition"
(2018), CC BY 4.0.
"""
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
    found = layouts.read_folder(folder)
    for split in ("train", "valid", "test"):
        (folder / split).mkdir()
    for file, split in zip(map(Path, found.clips.paths), found.splits):
        file.rename(folder / split / f"{file.parent.name.capitalize()}_{file.name}")
    for name in layouts.DIGITS:
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in splits.LISTS.values():
        (folder / name).unlink(missing_ok=True)


def _arrange_speech_commands(
    folder: Path, words: Collection[str], training_list: str | os.PathLike | None
) -> None:
    """Leaves out what is not in the list, and writes the data set's own lists of what there is."""
    if absent := [word for word in words if not (folder / word).is_dir()]:
        raise errors.DatasetError(f"words: the archive has no clips of {', '.join(absent)}")
    paths_of = {os.fsencode(path.relative_to(folder)): path for path in sorted(folder.glob("*/*.wav"))}
    for path in (folder / file for file in splits.LISTS.values()):
        if path.exists():
            lines = path.read_bytes().splitlines(keepends=True)
            path.write_bytes(b"".join(line for line in lines if line.strip() in paths_of))
    found = layouts.read_folder(folder)
    listed = splits.read_list(Path(training_list), paths_of) if training_list else paths_of
    left_out = set(paths_of).difference(listed)
    names: dict[str, list[bytes]] = {"train": [], "valid": [], "test": []}
    for (name, path), split in zip(paths_of.items(), found.splits):
        if split != "test" and name in left_out:
            path.unlink()
        else:
            names[split].append(name)
    for split, file in splits.LISTS.items():
        (folder / file).write_bytes(b"".join(name + b"\n" for name in names[split]))


def speech_commands(
    words: Collection[str] = (), training_list: str | os.PathLike | None = None
) -> PublicDataset:
    """Returns the data set of spoken words of Speech Commands v0.01, a folder each, split by its own lists.

    Args:
      words: which of `WORDS`; all if empty.
      training_list: a text file with a clip a line, as zero/0a7c2a8d_nohash_0.wav; clips for training and
        validation that are not in it are left out. Clips for test stay.

    Raises:
      InvalidArgumentError: if a word is not one of the data set's.
      DatasetError: if there is no such list.
    """
    if unknown := sorted(set(words).difference(WORDS)):
        raise errors.InvalidArgumentError(
            f"words: {', '.join(unknown)} unknown; there are {', '.join(WORDS)}"
        )
    if training_list and not Path(training_list).is_file():
        raise errors.DatasetError(f"{training_list}: no such file; the list of clips to train on is missing")
    wanted = "|".join(words or WORDS)
    about = f"""# Speech Commands v0.01: {", ".join(words) or "all words"}

Single words, spoken by many, one second each at 16 kHz; split by the data set's own lists.
Clips for training and validation: {f"those in {Path(training_list).name}" if training_list else "all"}.
{_SPEECH_COMMANDS_BY}"""
    return PublicDataset(
        url=_SPEECH_COMMANDS_URL,
        wanted=re.compile(rf"(?:\./|[\w.-]+/)?((?:{wanted})/\w+\.wav|(?:validation|testing)_list\.txt)"),
        about=about,
        arrange=lambda folder: _arrange_speech_commands(folder, words, training_list),
        archive_sha256=_SPEECH_COMMANDS_SHA256,
    )


DATASETS = {
    "sc09": dataclasses.replace(
        speech_commands(layouts.DIGITS),
        about=f"""# SC09: the digits of Speech Commands v0.01

Zero to nine, spoken by many, one second each at 16 kHz; split by the data set's own lists.
{_SPEECH_COMMANDS_BY}""",
        arrange=_arrange_sc09,
    ),
    "speech_commands": speech_commands(),
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
      dataset: one of DATASETS, or `speech_commands` of some words.
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
    found = layouts.read_folder(output_dir).splits
    return {split: found.count(split) for split in ("train", "valid", "test")}


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
    finally:
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
