"""Retrieval: the clips that are nearest in latent space."""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors

from tf_inversion import errors


def nearest(queries: np.ndarray, gallery: np.ndarray, k: int) -> np.ndarray:
    """Returns the positions in `gallery` [m, dim] of the k vectors nearest to each of `queries` [n, dim].

    Returns:
      int [n, k], the nearest first; the distance is Euclidean.

    Raises:
      InvalidArgumentError: if the gallery has fewer than k vectors.
    """
    if len(gallery) < k:
        raise errors.InvalidArgumentError(f"gallery: {len(gallery)} clips; give {k} or more to find {k} in")
    return NearestNeighbors(n_neighbors=k).fit(gallery).kneighbors(queries, return_distance=False)


def precision_at(
    k: int, queries: np.ndarray, query_labels: np.ndarray, gallery: np.ndarray, gallery_labels: np.ndarray
) -> float:
    """Returns the mean share of a query's k nearest that have its label."""
    found = gallery_labels[nearest(queries, gallery, k)]
    return float(np.mean(found == query_labels[:, None]))
