"""Inversion end to end, on the embedded generator."""

import logging

import numpy as np
import pytest

from tf_inversion import errors, invert, load_generator
from tf_inversion.inversion import lbfgs, objectives, scipy_backend
from tf_inversion.latents import draw_latents, save_latents


@pytest.fixture(scope="module")
def generator():
    return load_generator()


@pytest.fixture(scope="module")
def made(generator):
    """Two latent vectors and their clips."""
    latents = draw_latents(2, generator.latent_dim, seed=5)
    return latents, generator(latents).numpy()


def test_gauss_newton_recovers_latents_exactly(generator, made, tmp_path):
    latents, clips = made
    start = latents + np.random.default_rng(1).normal(0, 0.03, latents.shape)
    save_latents(tmp_path / "start.npz", start, ["a", "b"])
    result = invert(
        clips,
        generator,
        "least_squares",
        init="file",
        init_file=tmp_path / "start.npz",
        starts=1,
        objective="synthesized",
    )
    assert result.converged.all()
    assert np.abs(result.latents - latents).mean(1).max() < 5e-5
    assert (result.evaluations >= result.steps).all()
    assert all((np.diff(points[:, 1]) <= 0).all() for points in result.trace)


def test_batched_lbfgs_gets_as_low_as_scipy(generator, made):
    _, clips = made
    objective = objectives.Objective({"waveform_mse": 1.0}, generator)
    start = draw_latents(2, generator.latent_dim, seed=6)
    ours = lbfgs.minimize(objective, clips, start, max_iterations=30)
    theirs = scipy_backend.minimize(objective, clips, start, max_iterations=30)
    np.testing.assert_array_less(ours.objective, 3 * theirs.objective)
    assert (ours.iterations <= 30).all()


def test_more_starts_are_never_worse(generator, made):
    options = {"init": "screened", "refine": "adam", "max_iterations": 10, "objective": "synthesized"}
    one, two = (invert(made[1], generator, starts=count, **options) for count in (1, 2))
    assert (two.objective <= one.objective).all()
    assert np.abs(two.latents).max() <= 1.05  # stochastic clipping


def test_screening_does_not_draw_the_answer(generator):
    clips = generator(draw_latents(1, generator.latent_dim, seed=0)).numpy()
    result = invert(clips, generator, init="screened", refine="none", objective="synthesized", seed=0)
    assert result.objective[0] > 1e-3


def test_a_clip_with_nan_leaves_the_others(generator, made, caplog):
    clips = np.concatenate([made[1], made[1][:1]])
    clips[1, 100] = np.nan
    with caplog.at_level(logging.WARNING):
        result = invert(clips, generator, init="zero", refine="lbfgs", max_iterations=2, objective="paper")
    assert "1 clip(s) hold NaN" in caplog.text
    assert "2 of 3 clips ran out of 2 iterations" in caplog.text
    assert list(result.status) == ["ran out", "not finite", "ran out"]
    assert np.isnan(result.latents[1]).all()
    assert np.isfinite(result.latents[[0, 2]]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "magic"}, "method: 'magic'"),
        ({"init": "zero", "starts": 0}, "starts: 0"),
        ({"init": "zero", "objective": "authors"}, "needs a classifier"),
        ({"init": "zero", "objective": "loud"}, "objective: 'loud'"),
        ({"init": "zero", "objective": {"hue": 1.0}}, "objective: 'hue'"),
        ({"init": "file", "init_file": "absent.npz"}, "absent.npz"),
    ],
)
def test_wrong_arguments_are_named(generator, made, options, message):
    with pytest.raises(errors.InvalidArgumentError, match=message):
        invert(made[1], generator, **options)


def test_wrong_shapes_are_named(generator, made, tmp_path):
    with pytest.raises(errors.InvalidArgumentError, match="16384 samples"):
        invert(np.zeros([2, 100], np.float32), generator)
    save_latents(tmp_path / "one.npz", np.zeros([1, 100]), ["a"])
    with pytest.raises(errors.InvalidArgumentError, match=r"needed are \(2, 100\)"):
        invert(made[1], generator, init="file", init_file=tmp_path / "one.npz")
