"""Interpolation and moves, which stay where latents are drawn from."""

import numpy as np
import pytest

from tf_inversion import errors
from tf_inversion.applications.editing import find_direction, interpolate, interpolations, move, moves
from tf_inversion.applications.probe import Probe
from tf_inversion.applications.settings import EditSettings
from tf_inversion.priors import PRIORS


def test_interpolation_is_straight_and_inside():
    latents = interpolate(np.array([0.0, -1, 3]), np.array([1.0, 1, -0.5]), 5)
    assert latents.dtype == np.float32
    np.testing.assert_allclose(latents[:, 0], [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(latents[:, 1], [-1, -0.5, 0, 0.5, 1])
    np.testing.assert_allclose(latents[:, 2], [1, 0.625, 0.25, -0.125, -0.5])  # 3 is no latent
    with pytest.raises(errors.InvalidArgumentError, match="steps: 1"):
        interpolate(np.zeros(2), np.ones(2), 1)


def test_moves_stop_at_the_border():
    moved = move(np.array([0.5, 0.5]), np.array([0.6, -0.8]), [0, 0.5, 10, -1])
    assert moved.dtype == np.float32
    np.testing.assert_allclose(moved, [[0.5, 0.5], [0.8, 0.1], [1, -1], [-0.1, 1]], atol=1e-6)


def test_directions_by_name():
    probes = {"digit": Probe(("one", "two"), np.array([[3.0, 0], [0, 2]]), np.zeros(2))}
    np.testing.assert_array_equal(find_direction(probes, "digit:1"), [1, 0])
    np.testing.assert_array_equal(find_direction(probes, "digit:two"), [0, 1])
    with pytest.raises(errors.InvalidArgumentError, match="'speaker:theo' names no probe; give one of digit"):
        find_direction(probes, "speaker:theo")
    with pytest.raises(errors.InvalidArgumentError, match="'' is none of one, two"):
        find_direction(probes, "digit")


def test_edits_are_named_after_clips_and_what_was_done():
    clips = {"a": np.zeros(2, np.float32), "b": np.full(2, 0.5, np.float32)}
    found = interpolations(clips, ("end", np.ones(2)), 3, PRIORS["uniform"])
    assert {name: [*edits] for name, edits in found.items()} == {
        name: [f"{name}_to_end_0{step}" for step in range(3)] for name in "ab"
    }
    np.testing.assert_array_equal(found["b"]["b_to_end_01"], [0.75, 0.75])
    found = moves(clips, ("digit:3", np.array([0.6, 0.8])), [-1, 0.5], PRIORS["normal"])
    assert {name: [*edits] for name, edits in found.items()} == {
        name: [f"{name}_digit_3_-1", f"{name}_digit_3_+0.5"] for name in "ab"
    }
    np.testing.assert_allclose(found["b"]["b_digit_3_+0.5"], [0.8, 0.9], atol=1e-6)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"to": "a.wav", "direction": "digit:3"}, "to, direction: give one"),
        ({"to": "a.wav", "more": ("pitch",)}, "to, more: give one"),
        ({"more": ("pitch",), "evaluate": 1}, "evaluate: 1; give 2 or more"),
        ({"evaluate": 8}, "evaluate: 8; give 2 or more, and what to measure"),
        ({"strength": ("far",)}, "strength: far"),
        ({"strength": ("1", "1.0")}, "strength: 1,1.0; give different numbers"),
        ({"strength": ("1", "nan")}, "strength: 1,nan"),
        ({"strength": ("1", "2000")}, "strength: 1,2000"),
        ({"strength": ()}, "strength: ; give"),
        ({"steps": 1}, "steps: 1"),
    ],
)
def test_settings_that_make_no_sense(given, words):
    with pytest.raises(errors.InvalidArgumentError, match=words):
        EditSettings(**given)
