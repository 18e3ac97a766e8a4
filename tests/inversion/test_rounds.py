"""The queue, with members whose work is to count down from the number that is their clip."""

from itertools import chain
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from tf_inversion.inversion import rounds


class State(NamedTuple):
    z: tf.Tensor
    value: tf.Tensor
    iterations: tf.Tensor
    evaluations: tf.Tensor
    status: tf.Tensor


class Countdown:
    """Latents [n, 1] number the members, clips [n, 1] say how many rounds each needs; keeps a diary."""

    def __init__(self):
        self.entered, self.worked = [], []

    def targets(self, audio, start):
        return {"number": start, "rounds": audio}

    def begin(self, z, targets):
        np.testing.assert_array_equal(z, targets["number"])  # its own targets, nobody else's
        self.entered.append(z[:, 0].numpy().astype(int).tolist())
        zeros = tf.zeros(len(z), tf.int32)
        return State(z, targets["rounds"][:, 0], zeros, zeros + 1, zeros)

    def advance(self, state, targets, limits, max_iterations):
        np.testing.assert_allclose([*limits, max_iterations], [0.1, 0.2, 7])
        np.testing.assert_array_equal(state.z, targets["number"])
        self.worked.append(state.z[:, 0].numpy().astype(int).tolist())
        value = state.value - 1
        status = tf.where(value <= 0, rounds.CONVERGED, rounds.RUNNING)
        return State(state.z, value, state.iterations + 10, state.evaluations + 2, status)


def run(needed, batch_size):
    diary, n = Countdown(), len(needed)
    clips = np.array(needed, np.float32)[:, None]
    start = np.arange(n, dtype=np.float32)[:, None]
    options = {"max_iterations": 7, "tolerance": 0.1, "goal": 0.2, "batch_size": batch_size}
    outcome = rounds.minimize(diary, clips, start, diary.begin, diary.advance, **options)
    return diary, outcome


def test_members_enter_as_others_leave():
    diary, _ = run([3, 1, 1, 2, 1], batch_size=2)
    assert diary.entered == [[0, 1], [2], [3], [4]]
    assert diary.worked == [[0, 1], [0, 2], [0, 3], [3, 4]]


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_every_member_is_worked_on_until_it_is_done_and_no_longer(batch_size):
    needed = [2, 4, 1, 1, 3, 2, 1]
    diary, outcome = run(needed, batch_size)
    assert max(map(len, diary.worked)) == min(batch_size, len(needed))
    assert list(chain(*diary.entered)) == list(range(7))
    assert [list(chain(*diary.worked)).count(member) for member in range(7)] == needed
    np.testing.assert_array_equal(outcome.latents[:, 0], range(7))
    np.testing.assert_array_equal(outcome.objective, np.zeros(7))
    np.testing.assert_array_equal(outcome.iterations, 10 * np.array(needed))
    np.testing.assert_array_equal(outcome.evaluations, 1 + 2 * np.array(needed))
    assert (outcome.status == rounds.CONVERGED).all()


def test_trace_and_time_are_of_the_rounds_that_a_member_took_part_in():
    _, outcome = run([3, 1], batch_size=2)
    assert outcome.trace == [[(10, 2.0), (20, 1.0), (30, 0.0)], [(10, 0.0)]]
    assert outcome.seconds[0] > outcome.seconds[1] > 0  # the round that they shared costs both the same


def test_a_member_that_is_not_finite_leaves_as_failed():
    diary, outcome = run([np.nan, 3], batch_size=2)
    assert diary.worked == [[0, 1], [1], [1]]
    assert list(outcome.status) == [rounds.FAILED, rounds.CONVERGED]


def test_who_watches_sees_the_latents_at_work():
    seen, done = [], []
    diary, clips = Countdown(), np.array([[2.0], [1.0]], np.float32)
    options = {"max_iterations": 7, "tolerance": 0.1, "goal": 0.2, "finished": done.append}
    watch = {"watch": lambda z: seen.append(z[:, 0].tolist())}
    rounds.minimize(diary, clips, clips, diary.begin, diary.advance, **options, **watch)
    assert seen == [[2.0, 1.0], [2.0]]
    assert [values.tolist() for values in done] == [[0.0], [0.0]]
