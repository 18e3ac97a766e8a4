"""Tests of batching: every row once, in order, whatever the size of a batch."""

import numpy as np
import pytest
import tensorflow as tf

from tf_inversion.batching import batches, in_batches


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_results_of_batches_are_those_of_all_rows(batch_size):
    x, y = np.arange(14.0).reshape(7, 2), np.arange(7.0)
    total, parts = in_batches(
        lambda a, b: (tf.reduce_sum(a, 1) + b, {"last": a[:, -1], "first": a[:, 0].numpy()}),
        x,
        y,
        batch_size=batch_size,
    )
    np.testing.assert_array_equal(total, x.sum(1) + y)
    np.testing.assert_array_equal(parts["last"], x[:, 1])
    assert list(parts) == ["last", "first"]
    assert all(isinstance(array, np.ndarray) for array in (total, *parts.values()))


def test_progress_wraps_the_loop_over_batches():
    seen = []

    def progress(loop):
        for item in loop:
            seen.append(item)
            yield item

    sizes = [len(batch) for (batch,) in batches(np.zeros((5, 2)), batch_size=2, progress=progress)]
    assert sizes == [2, 2, 1]
    assert len(seen) == 3


def test_no_rows_keep_the_shape_and_type():
    empty = in_batches(lambda z: tf.tile(z, [1, 4]), np.zeros((0, 3), np.float32), batch_size=2)
    assert empty.shape == (0, 12)
    assert empty.dtype == np.float32
