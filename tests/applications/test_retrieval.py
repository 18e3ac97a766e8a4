"""Nearest clips in latent space."""

import numpy as np
import pytest

from tf_inversion import errors
from tf_inversion.applications.retrieval import nearest, precision_at

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
