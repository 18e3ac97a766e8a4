"""Settings, and the methods that they name and change."""

import pytest

from tf_inversion import errors
from tf_inversion.generators.adjusted import UNITS
from tf_inversion.inversion.methods import METHODS, plan
from tf_inversion.inversion.settings import InversionSettings
from tf_inversion.inversion.solvers import LBFGS_BACKENDS, SOLVERS, solver_class
from tf_inversion.inversion.solvers.base import Solver
from tf_inversion.settings import field_types


def planned(has_inverter=True, **options):
    return plan(InversionSettings(**options), has_inverter)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_its_own_plan(name):
    assert planned(method=name) == METHODS[name]
    assert METHODS[name].refine in SOLVERS


def test_every_name_is_known_to_who_does_it():
    assert all(issubclass(solver_class(name), Solver) for name in SOLVERS)
    assert set(LBFGS_BACKENDS.values()) <= set(SOLVERS)
    assert set(field_types(InversionSettings)) >= {"method", "init", "refine"}
    assert all(InversionSettings(adjust=(name,)).adjust == (name,) for name in UNITS)


def test_the_baseline_is_that_of_tensorflow_probability_by_default():
    assert METHODS["gradient"].refine == "tfp_lbfgs"
    assert METHODS["hybrid"].refine == "lbfgs"
    for name, solver in LBFGS_BACKENDS.items():
        assert planned(method="gradient", backend=name).refine == solver
        assert planned(method="hybrid", backend=name).refine == solver
        assert planned(method="least_squares", backend=name).refine == "gauss_newton"
    assert planned(method="hybrid", backend="tfp").phase_free_iterations == 60


def test_another_solver_does_without_the_method_s_own_options():
    changed = planned(method="encoder_gauss_newton", refine="lbfgs")
    assert (changed.options, changed.tolerance, changed.max_iterations) == ({}, None, 20)
    assert planned(method="hybrid", max_iterations=30).phase_free_iterations is None
    assert planned(method="hybrid", tolerance=0.5).tolerance == 0.5
    assert planned(method="encoder_gauss_newton", refine="adam", tolerance=0.1).tolerance == 0.1


def test_an_effort_is_a_number_of_starts_and_iterations():
    fast, usual, best = (planned(method="hybrid", effort=effort) for effort in ("fast", "default", "best"))
    assert fast.starts == 1 < usual.starts < best.starts
    assert usual.phase_free_iterations < best.phase_free_iterations
    assert planned(method="hybrid", effort="best", starts=3).starts == 3
    assert planned(method="gradient", effort="best") == METHODS["gradient"]


def test_least_squares_starts_without_an_inverter_unless_it_is_asked_for():
    assert planned(method="least_squares").init == "encoder"
    assert planned(method="least_squares", has_inverter=False).init == "best_of_n"
    assert planned(method="least_squares", has_inverter=False, init="encoder").init == "encoder"
    assert not METHODS["least_squares"].needs_inverter
    assert planned(method="least_squares", init="encoder").needs_inverter
    assert METHODS["hybrid"].needs_inverter


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ({"waveform": 1, "prior": 0.1}, "1.0*waveform+0.1*prior"),
        ({"prior": 1e16}, "1e16*prior"),
        ({"prior": 1e-7}, "1e-07*prior"),
    ],
)
def test_an_objective_may_be_a_mapping(weights, text):
    from tf_inversion.losses import stages

    settings = InversionSettings(objective=weights)
    assert settings.objective == text
    assert stages(text) == [(weights, None)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"refine": "lbfgs"}, "max_iterations: give how many lbfgs may take"),
        ({"method": "hybrid", "init_file": "z.npz"}, "init_file: goes with init file, not with encoder"),
        ({"init": "file"}, "init_file: is missing"),
        ({"objective": "loud"}, "objective: 'loud'"),
    ],
)
def test_settings_that_do_not_go_together_are_named(options, message):
    with pytest.raises(errors.InvalidArgumentError, match=message):
        planned(**options)
