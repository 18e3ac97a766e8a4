"""The data set that an inverted corpus becomes: a Parquet file for each shard, whole or not there.

Each row is a clip:

  path                     of its file, relative to the corpus
  label, speaker, split    as `audio.layouts` finds them; null if unknown
  status                   "ok", or why there are no latents; numbers are then null
  latents                  float32 [latent_dim]; NaN if there are none
  latent_std               the same, with error bars
  nmse_db, ...             float32, the metrics that were asked for
  search                   how it ended, a word of `inversion.result.STATUSES`
  objective, iterations, evaluations, gain, shift

What else lies in the folder begins with "_", which readers of Parquet pass over: reconstructions, logs.
Each file's metadata say under "tf_inversion", in JSON, by which settings and models it was made.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import dataset, parquet

from tf_inversion import errors, paths
from tf_inversion.settings import difference

_KEY = b"tf_inversion"
_SUFFIX = ".parquet"
_TEXTS = ("path", "label", "speaker", "split", "status", "search")


def path_of(folder: str | os.PathLike, number: int) -> Path:
    """Returns the file of a shard."""
    return Path(folder) / f"{number:06d}{_SUFFIX}"


def write(path: str | os.PathLike, columns: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    """Writes a shard: the same rows give the same bytes.

    Args:
      path: the file to make.
      columns: arrays [n] or [n, latent_dim] of float32, or lists of n texts, in the order of the file.
      record: by what they were made, as JSON can hold it.
    """
    known = np.array([status == "ok" for status in columns["status"]])
    table = pa.table({name: _array(name, values, known) for name, values in columns.items()})
    table = table.replace_schema_metadata({_KEY: json.dumps(record, sort_keys=True)})
    with paths.writing(path) as unfinished:
        parquet.write_table(table, unfinished)


def _array(name: str, values: Any, known: np.ndarray) -> pa.Array:
    if name in _TEXTS:
        return pa.array(values, pa.string())
    if values.ndim == 1:
        return pa.array(values, mask=~known)
    # Parquet can't hold a list of fixed size that is null.
    values = np.where(known[:, None], values, np.float32(np.nan))
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ravel(values)), values.shape[1])


def finished(folder: str | os.PathLike, sizes: Sequence[int], record: Mapping[str, Any]) -> dict[int, int]:
    """Tells which shards of a run are there already, with how many clips that failed.

    Args:
      folder: where the shards are, if there are any.
      sizes: the number of clips in each shard.
      record: by what the run makes them.

    Returns:
      From the number of a shard to that of its clips without latents; files that are damaged do not count.

    Raises:
      InvalidArgumentError: if a file is of other settings, models or clips, which is named.
    """
    found = {}
    for path in sorted(Path(folder).glob(f"*{_SUFFIX}")):
        try:
            file = parquet.ParquetFile(path)
            before = json.loads(file.schema_arrow.metadata[_KEY])
            statuses = file.read(["status"])["status"]
        except (OSError, ValueError, TypeError, KeyError):
            continue
        if (name := difference(before, record)) is not None:
            raise errors.InvalidArgumentError(
                f"{name}: {before.get(name)!r} made what is in {folder}, not {record.get(name)!r}; give the "
                "same, or another output_dir"
            )
        number = int(path.stem)
        if number < len(sizes) and len(statuses) == sizes[number]:
            found[number] = sum(status != "ok" for status in statuses.to_pylist())
    return found


def is_data_set(path: str | os.PathLike) -> bool:
    """Whether a path is a folder of shards, or one shard."""
    path = Path(path)
    return path.suffix == _SUFFIX or (path.is_dir() and any(path.glob(f"*{_SUFFIX}")))


def read(
    folder: str | os.PathLike, columns: Sequence[str], names: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Reads columns of the clips that have latents; of the files no more than these.

    Args:
      folder: of shards, or one of them.
      columns: which, see above.
      names: paths of the clips that are wanted; None for all.

    Returns:
      Arrays [n], of vectors float32 [n, latent_dim], in the order of the corpus; None for an unknown text.

    Raises:
      InvalidArgumentError: if there is no such data set, or it lacks a column or one of the clips.
    """
    wanted = dataset.field("status") == "ok"
    if names is not None:
        wanted &= dataset.field("path").isin(list(names))
    files = sorted(Path(folder).glob(f"*{_SUFFIX}")) if Path(folder).is_dir() else [Path(folder)]
    try:
        if not files:
            raise FileNotFoundError
        data = dataset.dataset([os.fspath(path) for path in files], format="parquet")
        table = data.to_table(columns=list(dict.fromkeys([*columns, "path"])), filter=wanted)
    except (OSError, pa.ArrowException) as error:
        raise errors.InvalidArgumentError(
            f"{folder}: not a data set of invert_dataset, or one without {', '.join(columns)}"
        ) from error
    if absent := sorted(set(names or ()).difference(table["path"].to_pylist())):
        raise errors.InvalidArgumentError(f"{folder}: has no latents of {', '.join(absent)}")
    return {name: _values(table[name].combine_chunks()) for name in columns}


def _values(array: pa.Array) -> np.ndarray:
    if pa.types.is_fixed_size_list(array.type):
        return array.flatten().to_numpy().reshape(len(array), array.type.list_size)
    return array.to_numpy(zero_copy_only=False)
