"""Retrieval: the clips that are nearest in latent space."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from tf_inversion import errors
from tf_inversion.latents import load_latents

_MANY = 64  # queries; threads for fewer wait for one another longer than they compute


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


class LatentIndex:
    """Tells which clips sound nearest in latent space.

    Attributes:
      names: of the n clips.
    """

    def __init__(self, latents: np.ndarray, names: Sequence[str]):
        """Takes latents float32 [n, latent_dim] and what their clips are called."""
        self.names = np.asarray(names)
        # In so many dimensions trees are slower than to look at every vector.
        self._index = NearestNeighbors(algorithm="brute").fit(latents)

    @classmethod
    def load(cls, path: str | os.PathLike) -> LatentIndex:
        """Reads what `load_latents` reads: a latents file, or a data set of `invert_dataset`."""
        return cls(*load_latents(path))

    def nearest(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the names and the Euclidean distances [n, k] of the k clips nearest to latents [n, dim].

        Raises:
          InvalidArgumentError: if there are fewer than k clips.
        """
        if len(self.names) < k:
            raise errors.InvalidArgumentError(f"k: {k}; the index has {len(self.names)} clips")
        queries = np.atleast_2d(queries)
        with threadpool_limits(1 if len(queries) < _MANY else None):
            distances, rows = self._index.kneighbors(queries, k)
        return self.names[rows], distances


def precision_at(
    k: int, queries: np.ndarray, query_labels: np.ndarray, gallery: np.ndarray, gallery_labels: np.ndarray
) -> float:
    """Returns the mean share of a query's k nearest that have its label."""
    found = gallery_labels[nearest(queries, gallery, k)]
    return float(np.mean(found == query_labels[:, None]))
