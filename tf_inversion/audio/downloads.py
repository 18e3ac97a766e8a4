"""Fetching an archive so that it may break off, and unpacking it so that it can do no harm."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.client
import lzma
import math
import re
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tf_inversion import errors, paths

Progress = Callable[..., Iterable]  # tqdm, or anything that is called like it

_DAMAGED = (
    *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError),
    *(RuntimeError, NotImplementedError),  # an encrypted or oddly packed zip
)
_MEGABYTE = 10**6
_SECONDS_TO_ANSWER = 10
_MOST_BYTES_A_FILE = 20 * _MEGABYTE
_MOST_BYTES = 20_000 * _MEGABYTE


def no_progress(iterable: Iterable, **_: Any) -> Iterable:
    """Shows nothing."""
    return iterable


def download(url: str, path: Path, progress: Progress = no_progress) -> None:
    """Downloads to `path`, going on behind what an earlier attempt has left there.

    Raises:
      DatasetError: if the server can't be reached, has no such file, or breaks
        off; what has come by then stays, for the next attempt.
      OSError: if there is no room for it; then nothing stays.
    """
    present = path.stat().st_size if path.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={present}-"} if present else {})
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS_TO_ANSWER) as response:
            if response.status != http.client.PARTIAL_CONTENT:
                present = 0  # the server starts from the beginning
            length = response.headers["Content-Length"]
            total = present + int(length) if length else None
            with paths.making(path.parent), open(path, "ab" if present else "wb") as file:
                chunks = iter(lambda: response.read(_MEGABYTE), b"")
                for chunk in progress(
                    chunks,
                    total=total and math.ceil(total / _MEGABYTE),
                    initial=present // _MEGABYTE,
                    desc="downloading",
                    unit="MB",
                ):
                    file.write(chunk)
    except urllib.error.HTTPError as error:
        if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and present:
            return  # all of it is there
        raise errors.DatasetError(f"{url}: the server answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        if full := paths.disk_full(error):
            path.unlink(missing_ok=True)  # so that the disk is not left full
            raise OSError(full.errno, full.strerror, str(path)) from error
        reason = getattr(error, "reason", error)
        raise errors.DatasetError(
            f"{url}: no connection ({reason}); try again, it goes on from there"
        ) from error
    if total and path.stat().st_size < total:
        raise errors.DatasetError(f"{url}: the connection broke off; try again, it goes on from there")


def sha256(path: Path, progress: Progress = no_progress) -> str:
    """Returns the checksum of a file, in hexadecimal."""
    digest = hashlib.sha256()
    total = math.ceil(path.stat().st_size / _MEGABYTE)
    with open(path, "rb") as file:
        blocks = iter(lambda: file.read(_MEGABYTE), b"")
        for block in progress(blocks, total=total, desc="verifying", unit="MB"):
            digest.update(block)
    return digest.hexdigest()


def unpack(archive: Path, folder: Path, wanted: re.Pattern, progress: Progress = no_progress) -> int:
    """Writes the files of a tar or zip archive whose whole name fits `wanted`, and returns their number.

    Each goes to `folder` under what group 1 has matched, so nothing that the
    pattern does not allow for is written, wherever the archive would have it.

    Raises:
      DatasetError: if the archive is damaged or improbably large.
    """
    number = size = 0
    try:
        for name, bytes_, contents in progress(_regular_files(archive), desc="unpacking", unit=" files"):
            if not (match := wanted.fullmatch(name)):
                continue
            number, size = number + 1, size + bytes_
            if bytes_ > _MOST_BYTES_A_FILE or size > _MOST_BYTES:
                raise errors.DatasetError(f"{archive}: {name} is too large for a clip; not the right archive")
            target = folder / match[1]
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "wb") as file:
                shutil.copyfileobj(contents(), file)
    except _DAMAGED as error:
        raise errors.DatasetError(f"{archive}: damaged or no archive ({error}); download it again") from error
    return number


def _regular_files(archive: Path) -> Iterator[tuple[str, int, Callable[[], Any]]]:
    """Name, size and contents of each regular file, in the archive's order."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            for info in file.infolist():
                if not info.is_dir():
                    yield info.filename, info.file_size, functools.partial(file.open, info)
    else:
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.isreg():
                    yield member.name, member.size, functools.partial(tar.extractfile, member)
