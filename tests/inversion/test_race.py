"""Starts that race, and what tells a generator's own clip without a search."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import invert, losses
from tf_inversion.inversion import batch, solvers
from tf_inversion.inversion.methods import METHODS
from tf_inversion.models import ModelBundle


@pytest.fixture(scope="module")
def noise():
    """Three clips that no generator makes."""
    return np.random.default_rng(3).normal(0, 0.3, (3, 64)).astype(np.float32)


def value_of(weights, generator, clips, latents):
    objective = losses.Objective(weights, generator)
    targets = objective.targets(tf.constant(clips), tf.constant(latents))
    return objective.value(tf.constant(latents), targets).numpy()


OPTIONS = {"init": "random", "objective": "magnitude", "tolerance": 0.0, "max_iterations": 16}


def test_the_winner_of_a_race_gets_all_iterations_and_the_others_few(curved, noise):
    result = invert(noise, curved, "hybrid", starts=8, **OPTIONS)
    assert list(result.iterations) == [16] * 3
    assert (result.evaluations >= 8 * 3 + 4 * 2 + 2 * 4 + 8).all()  # a start, and 2, 4, 8, 16 iterations
    assert (result.evaluations < 8 * 16).all()
    np.testing.assert_allclose(
        result.objective, value_of({"magnitude": 1}, curved, noise, result.latents), rtol=1e-4
    )
    for points, value in zip(result.trace, result.objective):
        assert points[-1].tolist() == [16, pytest.approx(value)]
        assert (np.diff(points[:, 1]) <= 0).all()


def test_clips_race_the_same_alone(curved, noise):
    together = invert(noise, curved, "hybrid", init="zero", objective="magnitude", max_iterations=8)
    alone = invert(
        noise[1:2], curved, "hybrid", init="zero", objective="magnitude", max_iterations=8, batch_size=3
    )
    np.testing.assert_allclose(alone.latents, together.latents[1:2], atol=1e-3)


@pytest.mark.parametrize("name", ["lbfgs", "adam", "gauss_newton", "tfp_lbfgs"])
def test_a_search_can_go_on(curved, noise, name):
    solver = solvers.make(curved, name, {"waveform": 1.0})
    start = np.zeros((3, 4), np.float32)

    def advance(maxiter, state=None):
        return batch.advance(solver, noise, start, solver.options(maxiter, tol=0.0), 2, state=state)

    few = 8 if name == "gauss_newton" else 3  # the least that it does
    once, _ = advance(2 * few)
    first, state = advance(few)
    assert list(first.iterations) == [few] * 3
    then, _ = advance(2 * few, state)
    np.testing.assert_allclose(then.objective, once.objective, rtol=1e-3)
    np.testing.assert_array_equal(then.iterations, once.iterations)
    np.testing.assert_array_equal(then.evaluations, once.evaluations)


class Answering:
    """An inverter of which the answers are known."""

    def __init__(self, latents, num_samples):
        self.latent_dim, self.num_samples = latents.shape[1], num_samples
        self.encode = lambda clips: tf.constant(latents[: len(clips)])


def test_the_inverter_s_answer_tells_own_clips_from_others(curved, curved_clips, noise):
    latents, clips = (np.concatenate([x[:1], y]) for x, y in zip(curved_clips, (np.zeros((3, 4)), noise)))
    latents = latents.astype(np.float32)
    near = latents + 0.05
    models = ModelBundle(curved, Answering(near, curved.num_samples))
    result = invert(clips, models, "hybrid", max_iterations=40)
    np.testing.assert_allclose(result.latents[0], latents[0], atol=0.02)
    expected = [
        *value_of("synthesized", curved, clips[:1], result.latents[:1]),
        *value_of("phase_free", curved, noise, result.latents[1:]),
    ]
    np.testing.assert_allclose(result.objective, expected, atol=1e-6, rtol=1e-3)


def test_who_watches_a_race_sees_the_leader(curved, noise):
    seen, shares = [], []

    def progress(loop):
        for share in loop:
            shares.append((share, len(seen)))
            yield share

    result = invert(noise[:1], curved, "hybrid", **OPTIONS, watch=seen.append, progress=progress)
    np.testing.assert_array_equal(seen[-1], result.latents)
    values = [value_of({"magnitude": 1}, curved, noise[:1], latents)[0] for latents in seen]
    assert (np.diff(values) <= 1e-6).all()
    assert len(shares) == 100
    assert 0 < shares[30][1] < len(seen)


def test_a_start_that_no_number_comes_of_loses_the_race(curved, noise):
    nowhere = Answering(np.full((3, 4), np.nan, np.float32), curved.num_samples)
    result = invert(noise, ModelBundle(curved, nowhere), "hybrid", max_iterations=4)
    assert np.isfinite(result.objective).all()
    assert list(result.status) == ["ran out"] * 3


def test_efforts_are_starts_and_iterations(curved, noise):
    hybrid = METHODS["hybrid"]
    assert hybrid.efforts["fast"]["starts"] < hybrid.starts < hybrid.efforts["best"]["starts"]
    assert {name for efforts in hybrid.efforts.values() for name in efforts} <= {
        field.name for field in dataclasses.fields(hybrid)
    }
    fast, one = (
        invert(noise, curved, "hybrid", init="zero", objective="magnitude", max_iterations=6, **options)
        for options in ({"effort": "fast"}, {"starts": 1})
    )
    np.testing.assert_array_equal(fast.latents, one.latents)
