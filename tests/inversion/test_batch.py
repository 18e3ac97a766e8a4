"""The queue, with items whose work is to count down from the number that is their clip."""

from itertools import chain

import numpy as np
import pytest
import tensorflow as tf

from tf_inversion.inversion import batch
from tf_inversion.inversion.solvers.base import State

OPTIONS = batch.Options(maxiter=7, tol=0.1, stopval=0.2, seed=3)


class Countdown:
    """Latents [n, 1] number the items, clips [n, 1] say how many rounds each needs; keeps a diary."""

    def __init__(self):
        self.entered, self.worked = [], []
        self.objective, self.compiled = self, (self.init, self.update)
        self.max_batch_size = None

    def targets(self, audio, start):
        return {"number": start, "rounds": audio}

    def init(self, z, targets):
        np.testing.assert_array_equal(z, targets["number"])  # its own targets, nobody else's
        self.entered.append(z[:, 0].numpy().astype(int).tolist())
        zeros = tf.zeros(len(z), tf.int32)
        return State(z, targets["rounds"][:, 0], zeros, zeros + 1, zeros)

    def error_db(self, value):
        return value + 1

    def update(self, state, targets, options):
        np.testing.assert_allclose(list(map(float, options)), [7, 0.1, 0.2, 0, 3])
        np.testing.assert_array_equal(state.z, targets["number"])
        self.worked.append(state.z[:, 0].numpy().astype(int).tolist())
        value = state.value - 1
        status = tf.where(value <= 0, batch.CONVERGED, batch.RUNNING)
        return State(state.z, value, state.iterations + 10, state.evaluations + 2, status)


def run(needed, batch_size):
    diary, n = Countdown(), len(needed)
    clips = np.array(needed, np.float32)[:, None]
    start = np.arange(n, dtype=np.float32)[:, None]
    outcome = batch.run(diary, clips, start, OPTIONS, batch_size)
    return diary, outcome


def test_items_enter_as_others_leave():
    diary, _ = run([3, 1, 1, 2, 1], batch_size=2)
    assert diary.entered == [[0, 1], [2], [3], [4]]
    assert diary.worked == [[0, 1], [0, 2], [0, 3], [3, 4]]


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_every_item_is_worked_on_until_it_is_done_and_no_longer(batch_size):
    needed = [2, 4, 1, 1, 3, 2, 1]
    diary, outcome = run(needed, batch_size)
    assert max(map(len, diary.worked)) == min(batch_size, len(needed))
    assert list(chain(*diary.entered)) == list(range(7))
    assert [list(chain(*diary.worked)).count(item) for item in range(7)] == needed
    np.testing.assert_array_equal(outcome.latents[:, 0], range(7))
    np.testing.assert_array_equal(outcome.objective, np.zeros(7))
    np.testing.assert_array_equal(outcome.error_db, np.ones(7))
    np.testing.assert_array_equal(outcome.iterations, 10 * np.array(needed))
    np.testing.assert_array_equal(outcome.evaluations, 1 + 2 * np.array(needed))
    assert (outcome.status == batch.CONVERGED).all()


def test_trace_and_time_are_of_the_rounds_that_a_item_took_part_in():
    _, outcome = run([3, 1], batch_size=2)
    assert outcome.trace == [[(10, 2.0), (20, 1.0), (30, 0.0)], [(10, 0.0)]]
    assert outcome.seconds[0] > outcome.seconds[1] > 0  # the round that they shared costs both the same


def test_a_item_that_is_not_finite_leaves_as_failed():
    diary, outcome = run([np.nan, 3], batch_size=2)
    assert diary.worked == [[0, 1], [1], [1]]
    assert list(outcome.status) == [batch.FAILED, batch.CONVERGED]


def test_who_watches_sees_the_state_after_each_round():
    seen = []
    clips = np.array([[2.0], [1.0]], np.float32)

    def on_round(rows, state):
        seen.append((rows.tolist(), state.z[:, 0].tolist(), state.value.tolist(), state.status.tolist()))

    batch.run(Countdown(), clips, clips, OPTIONS, 2, on_round)
    assert seen == [
        ([0, 1], [2.0, 1.0], [1.0, 0.0], [batch.RUNNING, batch.CONVERGED]),
        ([0], [2.0, 1.0], [0.0, 0.0], [batch.CONVERGED, batch.CONVERGED]),
    ]
