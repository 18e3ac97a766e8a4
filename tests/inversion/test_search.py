"""Where searches end, and what is compiled for them."""

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import invert
from tf_inversion.inversion import solvers
from tf_inversion.inversion.compiled import for_any_number, kept
from tf_inversion.losses import PRESETS, Objective


@pytest.mark.parametrize("method", ["least_squares", "hybrid"])
@pytest.mark.parametrize("weight", [1e-3, 1e3])
def test_a_scaled_objective_ends_where_the_unscaled_one_does(curved, curved_clips, method, weight):
    """A clip at -10 dB is not solved because a thousandth of its error is small."""
    noise = 0.3 * np.random.default_rng(0).normal(0, 0.3, (1, 64))
    clips = np.concatenate([curved_clips[1], curved_clips[1][:1] + noise]).astype(np.float32)
    options = {"init": "random", "starts": 3, "max_iterations": 40, "seed": 3}
    one, scaled = (
        invert(clips, curved, method, objective=f"{weight}*waveform", **options) for weight in (1, weight)
    )
    np.testing.assert_allclose(scaled.objective, weight * one.objective, rtol=0.1, atol=weight * 1e-6)
    np.testing.assert_array_equal(scaled.status, one.status)
    assert (scaled.iterations[-1] > 8) == (one.iterations[-1] > 8)


def test_the_error_is_relative_whatever_the_weight_and_unknown_without_the_waveform(curved):
    values = np.array([0.05, np.nan, 0.0], np.float32)

    def error_db(weights):
        return solvers.make(curved, "lbfgs", weights).error_db(values)

    np.testing.assert_allclose(error_db({"waveform": 0.5}), [-10, np.nan, -np.inf], atol=1e-5)
    np.testing.assert_allclose(error_db({"waveform": 5.0, "prior": 1.0}), [-20, np.nan, -np.inf], atol=1e-5)
    np.testing.assert_array_equal(error_db({"log_mel": 1.0}), np.inf)


def test_a_goal_is_of_the_relative_error(curved):
    for name, stopval in (("lbfgs", 1e-8), ("gauss_newton", 1e-12)):
        for weight in (1.0, 0.001):
            solver = solvers.make(curved, name, {"waveform": weight})
            assert solver.options(10).stopval == pytest.approx(weight * stopval)
    assert solvers.make(curved, "lbfgs", {"log_mel": 1.0}).options(10).stopval == 0
    assert solver.options(10, tol=0.5, stopval=3, restart=True, seed=4) == (10, 0.5, 3.0, True, 4)


def test_a_solver_is_made_once_for_a_generator_and_ends_with_it(curved, curved_clips):
    made = solvers.make(curved, "lbfgs", PRESETS["synthesized"])
    assert solvers.make(curved, "lbfgs", {"waveform": 1.0}) is made
    assert solvers.make(curved, "lbfgs", {"waveform": 2.0}) is not made
    assert solvers.make(curved, "gauss_newton", {"waveform": 1.0}, steps=1).steps == 1
    assert isinstance(made.objective, Objective)

    other = type(curved)()
    options = {"init": "random", "max_iterations": 2, "adjust": ["gain"], "error_bars": True}
    invert(curved_clips[1], other, "hybrid", objective="synthesized", **options)
    assert solvers.make(other, "lbfgs", {"waveform": 1.0}) is not made
    generator, solver = weakref.ref(other), weakref.ref(solvers.make(other, "lbfgs", {"waveform": 1.0}))
    del other
    gc.collect()
    assert generator() is None
    assert solver() is None


def test_what_is_kept_is_made_once(curved):
    made = []

    def make(generator, argument):
        made.append(argument)
        return generator, argument

    assert kept(curved, make, 1) is kept(curved, make, 1)
    assert kept(curved, make, 2) == (curved, 2)
    assert made == [1, 2]


def test_what_is_compiled_is_compiled_once_for_any_number():
    sizes = []

    @for_any_number
    def doubled(x, factor):
        sizes.append(x.shape[0])
        return factor * x

    for size in (1, 3, 2):
        np.testing.assert_array_equal(doubled(tf.ones([size, 4]), tf.constant(2.0)), np.full((size, 4), 2))
    assert sizes == [None]
