"""Latent vectors: turned into clips, kept in files."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tf_inversion import errors, paths
from tf_inversion.batching import batches
from tf_inversion.corpus import store
from tf_inversion.generators.base import Generator


def synthesize(
    generator: Generator,
    latents: np.ndarray,
    *,
    batch_size: int = 64,
    progress: Callable[[Iterable], Iterable] = iter,
) -> Iterator[np.ndarray]:
    """Yields generator(latents) clip by clip, float32 [num_samples] or [channels, num_samples]."""
    for (batch,) in batches(latents, batch_size=batch_size, progress=progress):
        yield from generator(batch).numpy()


def save_latents(
    path: str | os.PathLike,
    latents: np.ndarray,
    names: Sequence[str],
    std: np.ndarray | None = None,
    clip_paths: Sequence[str] | None = None,
    condition: Sequence[str] | None = None,
) -> None:
    """Writes `latents` [n, latent_dim] and the n `names` of their clips as .npz, and what else is known.

    That is error bars `std`, `paths` and `condition`, see `InversionResult`.

    Read it by `load_latents` or np.load(path): nothing in it is pickled.
    """
    arrays: dict[str, Any] = {"latents": np.asarray(latents, np.float32), "names": np.asarray(names, np.str_)}
    if std is not None:
        arrays["std"] = np.asarray(std, np.float32)
    if clip_paths is not None:
        arrays["paths"] = np.asarray(clip_paths, np.str_)
    if condition is not None:
        arrays["condition"] = np.asarray(condition, np.str_)
    with paths.writing(path) as unfinished:
        np.savez(unfinished, **arrays)


def remove_earlier(path: str | os.PathLike, folder: str | os.PathLike, kept: Collection[str]) -> None:
    """Removes the WAV files of clips that an earlier run names in its latents file, if there is one.

    Args:
      path: the latents file of the earlier run.
      folder: of its WAV files, <name>.wav.
      kept: names of those that stay.
    """
    try:
        _, names = load_latents(path)
    except errors.InvalidArgumentError:
        return
    for name in set(names).difference(kept):
        paths.remove(Path(folder) / f"{Path(name).name}.wav")


def load_latents(path: str | os.PathLike, clips: Sequence[str] | None = None) -> tuple[np.ndarray, list[str]]:
    """Reads the latents float32 [n, latent_dim] and the n names of a file that `save_latents` wrote.

    Args:
      path: of the file; or of a data set that `invert_dataset` wrote, in which clips go by their paths and
        those without latents are left out.
      clips: of a data set only these are read; None for all.

    Raises:
      InvalidArgumentError: if there is none, or it is no such file.
    """
    if store.is_data_set(path):
        read = store.read(path, ["latents", "path"], clips)
        return read["latents"], read["path"].tolist()
    try:
        with np.load(path, allow_pickle=False) as file:
            latents, names = file["latents"].astype(np.float32), file["names"]
            if names.ndim != 1 or names.dtype.kind != "U":
                raise ValueError("names")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise errors.InvalidArgumentError(
            f"{path}: not a latents file (.npz, `latents` and `names`)"
        ) from error
    if latents.ndim != 2 or len(latents) != len(names) or not np.isfinite(latents).all():
        raise errors.InvalidArgumentError(f"{path}: its latents are not a finite row for each of its names")
    return latents, names.tolist()
