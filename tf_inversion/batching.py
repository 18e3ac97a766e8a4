"""Functions of a batch, applied to any number of rows in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf


def batches(
    *arrays: np.ndarray, batch_size: int, progress: Callable[[Iterable], Iterable] = iter
) -> Iterator[tuple[tf.Tensor, ...]]:
    """Yields the next `batch_size` rows of each array, as tensors; fewer at the end.

    Args:
      *arrays: [n, ...], the same n each; without rows there is one batch, an empty one.
      batch_size: rows at once.
      progress: wraps the loop over batches; tqdm for a bar.
    """
    for start in progress(range(0, max(1, len(arrays[0])), batch_size)):
        yield tuple(tf.convert_to_tensor(array[start : start + batch_size]) for array in arrays)


def in_batches(
    function: Callable[..., Any],
    *arrays: np.ndarray,
    batch_size: int,
    progress: Callable[[Iterable], Iterable] = iter,
) -> Any:
    """Applies a function to batches of rows and joins what it returns.

    Args:
      function: takes tensors [b, ...], one for each of `arrays`, and returns an array or tensor [b, ...],
        or a tuple or dict of such.
      *arrays, batch_size, progress: see `batches`.

    Returns:
      The function's results in NumPy, joined along the first axis: [n, ...] each.
    """
    parts = [
        tf.nest.map_structure(np.asarray, function(*batch))
        for batch in batches(*arrays, batch_size=batch_size, progress=progress)
    ]
    return tf.nest.map_structure(lambda *rows: np.concatenate(rows), *parts)
