"""Nearest clips in latent space."""

import numpy as np
import pytest

from tf_inversion import errors
from tf_inversion.applications.retrieval import LatentIndex, nearest, precision_at
from tf_inversion.latents import save_latents

GALLERY = np.array([[0.0, 0], [1, 0], [0, 2], [5, 5]])


def test_nearest_first():
    assert nearest(np.array([[0.9, 0], [4, 4]]), GALLERY, 3).tolist() == [[1, 0, 2], [3, 2, 1]]


def test_precision_is_the_share_of_the_label_among_the_nearest():
    queries, labels = np.array([[0.9, 0], [4, 4]]), np.array(["a", "b"])
    gallery_labels = np.array(["b", "a", "a", "b"])
    assert precision_at(1, queries, labels, GALLERY, gallery_labels) == 1
    assert precision_at(3, queries, labels, GALLERY, gallery_labels) == pytest.approx((2 / 3 + 1 / 3) / 2)


def test_too_few_to_find_any_in():
    with pytest.raises(errors.InvalidArgumentError, match="gallery: 4 clips"):
        nearest(GALLERY, GALLERY, 5)


def test_an_index_of_latents_finds_clips_by_name(tmp_path):
    latents = np.eye(4, dtype=np.float32)
    save_latents(tmp_path / "latents.npz", latents, ["a", "b", "c", "d"])
    index = LatentIndex.load(tmp_path / "latents.npz")
    names, distances = index.nearest([[0, 0.9, 0.1, 0], [0, 0, 0, 1]], k=2)
    assert names[:, 0].tolist() == ["b", "d"]
    assert names[0, 1] == "c"
    np.testing.assert_allclose(distances[:, 0], [0.02**0.5, 0], atol=1e-6)
    with pytest.raises(errors.InvalidArgumentError, match="k: 5; the index has 4 clips"):
        index.nearest(latents, k=5)
