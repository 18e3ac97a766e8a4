"""Inversion end to end."""

import dataclasses
import logging

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from tf_inversion import errors, invert, load_generator, losses
from tf_inversion.generators.base import Generator
from tf_inversion.inversion import initializers, uncertainty
from tf_inversion.inversion.invert import without_warnings
from tf_inversion.inversion.methods import METHODS
from tf_inversion.inversion.result import STATUSES
from tf_inversion.inversion.solvers.lbfgs import LBFGS
from tf_inversion.latents import save_latents
from tf_inversion.models import ModelBundle
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.loading import load_inverter
from tf_inversion.priors import UniformPrior


def value_of(weights, generator, clips, latents):
    objective = losses.Objective(weights, generator)
    targets = objective.targets(tf.constant(clips), tf.constant(latents))
    return objective.value(tf.constant(latents), targets).numpy()


@pytest.fixture(scope="module")
def noise():
    """Two clips that no generator makes."""
    return np.random.default_rng(3).normal(0, 0.3, (2, 64)).astype(np.float32)


@pytest.mark.parametrize(
    ("refine", "backend"),
    [
        ("gauss_newton", "batched"),
        ("lbfgs", "batched"),
        ("lbfgs", "tfp"),
        ("lbfgs", "scipy"),
        ("adam", "batched"),
    ],
)
def test_every_solver_recovers_latents(linear, refine, backend):
    latents = 0.9 * UniformPrior().sample(5, 3, seed=2)
    clips = linear(latents).numpy()
    options = {"init": "zero", "refine": refine, "backend": backend, "objective": "synthesized"}
    batch_size = 1 if backend == "tfp" else 4  # which compiles slowly, for each size
    result = invert(clips, linear, **options, max_iterations=600, batch_size=batch_size)
    np.testing.assert_allclose(result.latents, latents, atol=0.02 if refine == "adam" else 1e-3)
    assert result.converged.all()
    np.testing.assert_allclose(result.audio, linear(result.latents), atol=1e-6)
    values = value_of("synthesized", linear, clips, result.latents)
    np.testing.assert_allclose(result.objective, values, atol=1e-7)
    assert (result.evaluations >= result.iterations).all()
    assert (result.iterations > 0).all()
    for points, iterations, value in zip(result.trace, result.iterations, result.objective):
        assert points[-1, 0] == iterations
        assert points[-1, 1] == pytest.approx(value, abs=1e-12)
        assert (np.diff(points[:, 0]) > 0).all()
        assert (np.diff(points[:, 1]) <= 0).all()
    assert result.seconds == pytest.approx(result.clip_seconds.sum())


@pytest.mark.parametrize("refine", ["gauss_newton", "lbfgs"])
def test_a_clip_does_not_depend_on_its_company(curved, curved_clips, refine):
    options = {"init": "random", "refine": refine, "max_iterations": 200, "objective": "synthesized"}
    one, four = (invert(curved_clips[1], curved, **options, batch_size=size) for size in (1, 4))
    np.testing.assert_allclose(one.latents, four.latents, atol=1e-3)
    np.testing.assert_allclose(one.latents, curved_clips[0], atol=1e-3)


def test_methods_of_the_paper(curved, curved_clips, caplog):
    clips = curved_clips[1][:2]
    result = invert(clips, curved, "paper", init="random", max_iterations=3, batch_size=1)
    np.testing.assert_allclose(
        result.objective, value_of({"real_part": 1}, curved, clips, result.latents), rtol=1e-4
    )
    assert list(result.status) == ["ran out"] * 2
    assert "2 of 2 clips ran out of iterations" in caplog.text
    with pytest.raises(errors.InvalidArgumentError, match="middle needs a classifier"):
        invert(clips, curved, "authors", init="random")


def test_another_solver_does_without_the_method_s_own_options(linear):
    latents = UniformPrior().sample(2, 3, seed=0)
    options = {"init": "zero", "objective": "synthesized", "max_iterations": 60}
    own = invert(linear(latents).numpy(), linear, "encoder_gauss_newton", **options)
    np.testing.assert_allclose(own.latents, latents, atol=1e-5)
    other = invert(linear(latents).numpy(), linear, "encoder_gauss_newton", refine="lbfgs", **options)
    np.testing.assert_allclose(other.latents, latents, atol=1e-3)


def test_default_is_the_pretrained_encoder():
    generator = load_generator()
    clip = generator(UniformPrior().sample(1, generator.latent_dim, seed=5)).numpy()[0]
    result = invert(clip)
    np.testing.assert_allclose(result.latents, load_inverter().encode(clip[None]), atol=1e-5)
    np.testing.assert_allclose(result.audio, generator(result.latents), atol=1e-5)
    np.testing.assert_allclose(
        result.objective, value_of("synthesized", generator, clip[None], result.latents), rtol=1e-4
    )
    assert list(result.status) == ["encoded"]
    assert (result.iterations[0], result.evaluations[0], result.trace[0].shape) == (0, 1, (0, 2))
    assert result.latent_std is None


def test_paths(curved, curved_clips, tmp_path):
    for name, clip in zip("ab", curved_clips[1]):
        soundfile.write(tmp_path / f"{name}.wav", clip, 16000, subtype="FLOAT")
    options = {"init": "zero", "refine": "gauss_newton", "max_iterations": 40, "objective": "synthesized"}
    result = invert([tmp_path / "a.wav", tmp_path / "b.wav"], curved, **options)
    assert result.names == ["a", "b"]
    np.testing.assert_allclose(result.latents, curved_clips[0][:2], atol=1e-4)
    with pytest.raises(errors.AudioFileError, match=r"c\.wav"):
        invert(tmp_path / "c.wav", curved, **options)


# How many starts


def test_a_solved_clip_is_not_started_again(linear):
    latents = UniformPrior().sample(3, 3, seed=0)
    options = {"init": "random", "objective": "synthesized"}
    one, four = (
        invert(linear(latents).numpy(), linear, "least_squares", **options, starts=n) for n in (1, 4)
    )
    np.testing.assert_allclose(four.latents, latents, atol=1e-5)
    np.testing.assert_array_equal(four.iterations, one.iterations)


def test_a_clip_that_two_starts_agree_on_is_not_started_again(linear):
    """There is but one least square, and noise that is left over; if it is little, the clip is explained."""
    noise = np.random.default_rng(3).normal(0, 0.03, (1, 40)).astype(np.float32)
    clips = linear(np.ones((1, 3), np.float32)).numpy() + noise
    options = {"init": "random", "objective": "synthesized", "tolerance": 1e-4}
    one, two, four = (invert(clips, linear, "least_squares", **options, starts=n) for n in (1, 2, 4))
    assert 1e-3 < one.objective < 0.1
    assert two.iterations > one.iterations
    assert four.iterations == two.iterations
    assert four.objective <= one.objective
    two, four = (invert(10 * noise, linear, "least_squares", **options, starts=n) for n in (2, 4))
    assert two.objective > 0.5
    assert four.iterations > two.iterations


class Folded(Generator):
    """One latent, whose square is the level of a sound; another sound tells its sign, but quietly."""

    def __init__(self):
        super().__init__(latent_dim=1, num_samples=512)
        self._sounds = np.random.default_rng(0).normal(0, 0.3, (2, 512)).astype(np.float32)

    def call(self, z):
        return tf.matmul(tf.concat([z**2, 0.5 + 0.3 * z], 1), self._sounds)


def test_a_clip_that_got_stuck_gets_another_start(tmp_path):
    generator = Folded()
    clips = generator(np.array([[0.5]], np.float32)).numpy()
    save_latents(tmp_path / "wrong.npz", [[-0.5]], ["a"])
    options = {"init": "file", "init_file": tmp_path / "wrong.npz"}
    one, two = (invert(clips, generator, "least_squares", **options, starts=n) for n in (1, 2))
    assert one.objective > 0.05
    assert -1 < one.latents < 0
    np.testing.assert_allclose(two.latents, 0.5, atol=1e-4)
    assert two.objective < 1e-10
    assert two.iterations > one.iterations
    assert two.trace[0][-1, 1] == two.objective
    assert (np.diff(two.trace[0][:, 1]) <= 1e-6).all(), "another start, which begins anew, is no step back"


class Doubled(Generator):
    """One latent; 1.7, which nothing draws, sounds nearly as 0.5, and 1.1 parts the ways to them."""

    def __init__(self):
        super().__init__(latent_dim=1, num_samples=512)
        self._sounds = np.random.default_rng(0).normal(0, 0.3, (3, 512)).astype(np.float32)

    def call(self, z):
        return tf.matmul(tf.concat([tf.ones_like(z), (z - 0.5) * (z - 1.7), 3e-4 * z], 1), self._sounds)


def test_a_clip_that_latents_outside_the_prior_nearly_make_gets_another_start(tmp_path):
    generator = Doubled()
    clips = generator(np.array([[0.5]], np.float32)).numpy()
    save_latents(tmp_path / "outside.npz", [[1.6]], ["a"])
    options = {"init": "file", "init_file": tmp_path / "outside.npz"}
    one, two = (invert(clips, generator, "least_squares", **options, starts=n) for n in (1, 2))
    assert one.latents == pytest.approx(1.7, abs=0.01)
    assert one.objective < 1e-6
    assert two.latents == pytest.approx(0.5, abs=1e-3)
    assert two.objective < 1e-10


class Knowing:
    """An inverter that has the answer, of any length of clips."""

    def __init__(self, latents, num_samples):
        self.latent_dim, self.num_samples = latents.shape[1], num_samples
        self.encode = lambda clips: tf.constant(latents)


def test_least_squares_starts_with_the_inverter_if_there_is_one(curved, curved_clips):
    latents, clips = curved_clips
    start = {"method": "least_squares", "refine": "none", "starts": 1}
    knowing = Knowing(latents, curved.num_samples)
    np.testing.assert_array_equal(invert(clips, ModelBundle(curved, knowing), **start).latents, latents)
    alone = initializers.best_of_n(clips, curved, 1, seed=0, batch_size=64)[:, 0]
    np.testing.assert_array_equal(invert(clips, curved, **start).latents, alone)


def test_a_clip_that_l_bfgs_explains_but_not_to_the_end_is_not_started_again(curved, curved_clips):
    options = {"init": "zero", "objective": "synthesized", "max_iterations": 2}
    one, four = (invert(curved_clips[1], curved, "hybrid", **options, starts=n) for n in (1, 4))
    explained = one.objective <= 0.1
    unsolved = (one.objective > 1e-4) & (one.status == "ran out")
    assert (explained & unsolved).any()
    assert (four.iterations == one.iterations)[explained & unsolved].all()
    assert (~explained).any()
    assert (four.iterations > one.iterations)[~explained].all()


def test_an_objective_without_the_waveform_may_get_other_iterations(curved, noise, monkeypatch):
    few = dataclasses.replace(METHODS["hybrid"], phase_free_iterations=10)
    monkeypatch.setitem(METHODS, "hybrid", few)
    options = {"init": "zero", "tolerance": 0.0, "objective": "paper"}
    one, four = (invert(noise, curved, "hybrid", **options, starts=n) for n in (1, None))
    assert list(one.iterations) == list(four.iterations) == [10, 10]
    assert (four.evaluations > one.evaluations).all()
    asked = invert(noise, curved, "hybrid", **options, starts=1, max_iterations=30)
    assert list(asked.iterations) == [30, 30]
    own = invert(noise, curved, "hybrid", init="zero", tolerance=0.0, starts=1, objective="synthesized")
    assert (own.iterations > 10).all()


def recorder():
    """Returns how many rounds there had been at each hundredth of the work, the rounds, and options."""
    shown, rounds = [], []

    def progress(loop):
        for i in loop:
            shown.append(len(rounds))
            yield i

    return shown, rounds, {"progress": progress, "watch": rounds.append}


def test_the_progress_is_of_starts_and_their_iterations(curved, noise):
    shown, rounds, watched = recorder()
    options = {"init": "random", "refine": "lbfgs", "starts": 4, "max_iterations": 100, "tolerance": 0.0}
    invert(noise, curved, **options, objective="paper", **watched)
    assert len(shown) == 100
    # It goes on in each start, from round to round, not only when one is done.
    assert 0 < shown[20] <= shown[24] < shown[30] < shown[55] <= len(rounds)
    assert len(set(shown)) > 5


def test_unrefined_starts_that_agree_on_an_unexplained_clip_do_not_end_the_search(linear):
    """To a clip this loud all answers are alike, and yet one is the best."""
    clips = 100 * np.random.default_rng(3).normal(0, 0.3, (2, 40)).astype(np.float32)
    result = invert(clips, linear, init="random", refine="none", starts=6)
    assert list(result.evaluations) == [6, 6]
    begin = initializers.random(2, 6, linear, seed=0)
    values = [value_of("synthesized", linear, clips, begin[:, k]) for k in range(6)]
    np.testing.assert_allclose(result.objective, np.min(values, axis=0), rtol=1e-6)


def test_clips_of_others_are_counted(curved, curved_clips, noise, caplog):
    invert(np.concatenate([curved_clips[1], noise]), curved, "least_squares", max_iterations=40)
    assert "2 of 8 clips stay unexplained (over -10 dB)" in caplog.text


def test_the_seed_fixes_random_starts(curved, curved_clips):
    one, again, other = (
        invert(curved_clips[1], curved, init="random", refine="none", seed=seed).latents for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other).all()


# Objectives


def test_stages_follow_one_another(minimize, curved, curved_clips):
    clips, zero = curved_clips[1], np.zeros((6, 4), np.float32)
    options = {"init": "zero", "refine": "lbfgs", "max_iterations": 4}
    result = invert(clips, curved, **options, objective="waveform_mae:3,synthesized")
    first = minimize(LBFGS(losses.Objective({"waveform_mae": 1.0}, curved)), clips, zero, max_iterations=3)
    second = minimize(LBFGS(losses.Objective("synthesized", curved)), clips, first.latents, max_iterations=4)
    np.testing.assert_allclose(result.latents, second.latents, atol=1e-4)
    np.testing.assert_allclose(result.objective, second.objective, rtol=0.01)
    np.testing.assert_array_equal(result.iterations, first.iterations + second.iterations)
    np.testing.assert_array_equal(result.evaluations, first.evaluations + second.evaluations)
    for points, before, after in zip(result.trace, first.trace, second.trace):
        assert len(points) == len(before) + len(after)
        assert points[len(before) - 1, 0] == 3


def test_auto_tells_own_clips_from_others(curved, curved_clips, noise):
    """To others' clips Gauss-Newton does not listen by the classifier, which would be no sum of squares."""
    clips = np.concatenate([curved_clips[1][:1], noise])
    options = {"init": "random", "objective": "auto", "starts": 1}
    models = ModelBundle(curved, classifier=Classifier(width=2, num_samples=64))
    result = invert(clips, models, "least_squares", **options, max_iterations=40)
    np.testing.assert_allclose(result.latents[0], curved_clips[0][0], atol=1e-4)
    expected = [
        *value_of("synthesized", curved, clips[:1], result.latents[:1]),
        *value_of("phase_free", curved, noise, result.latents[1:]),
    ]
    np.testing.assert_allclose(result.objective, expected, atol=1e-6, rtol=1e-3)
    random = invert(clips, curved, init="random", refine="none").latents
    assert (expected[1:] < value_of("phase_free", curved, noise, random[1:])).all()


def test_auto_gives_an_unexplained_clip_a_second_start(tmp_path):
    generator = Folded()
    clips = generator(np.array([[0.9]], np.float32)).numpy()
    save_latents(tmp_path / "wrong.npz", [[-0.9]], ["a"])
    options = {"init": "file", "init_file": tmp_path / "wrong.npz", "starts": 1}
    alone = invert(clips, generator, "hybrid", **options, objective="synthesized")
    assert alone.objective > 0.1
    result = invert(clips, generator, "hybrid", **options)
    np.testing.assert_allclose(result.latents, 0.9, atol=1e-3)
    assert result.evaluations > alone.evaluations


def test_gauss_newton_needs_squares(curved, curved_clips):
    with pytest.raises(errors.InvalidArgumentError, match="objective: Gauss-Newton needs squared"):
        invert(curved_clips[1], curved, "least_squares", init="zero", objective="paper")


# Clips that are none, and files


@pytest.mark.parametrize("bad", [np.nan, 1e30])
def test_a_clip_that_is_no_sound_leaves_the_others(curved, curved_clips, caplog, tmp_path, bad):
    clips = curved_clips[1][:3].copy()
    clips[1, 20] = bad
    save_latents(tmp_path / "start.npz", np.zeros((3, 4)), "abc")
    options = {"init": "file", "init_file": tmp_path / "start.npz", "refine": "lbfgs", "error_bars": True}
    with caplog.at_level(logging.WARNING):
        result = invert(clips, curved, **options, max_iterations=2, objective="synthesized")
    assert "1 of 3 clips hold NaN" in caplog.text
    assert "2 of 3 clips ran out of iterations" in caplog.text
    assert list(result.status) == ["ran out", "not finite", "ran out"]
    assert set(result.status) < set(STATUSES)
    for array in (result.latents, result.audio, result.objective[:, None], result.latent_std):
        assert np.isnan(array[1]).all()
        assert np.isfinite(array[[0, 2]]).all()
    assert result.trace[1].shape == (0, 2)
    alone = invert(clips[2:], curved, init="zero", refine="lbfgs", max_iterations=2, objective="synthesized")
    np.testing.assert_allclose(result.latents[2], alone.latents[0], atol=1e-5)


@pytest.mark.parametrize("method", ["least_squares", "hybrid"])
def test_the_loudest_clip_does_not_overflow(curved, curved_clips, method):
    options = {"init": "zero", "starts": 1, "max_iterations": 3, "objective": "synthesized"}
    result = invert(1e10 * np.sign(curved_clips[1][:1]), curved, method, **options)
    assert np.isfinite(result.latents).all()
    assert np.isfinite(result.objective).all()


def test_warnings_can_be_held_back(curved, curved_clips, caplog):
    options = {"init": "zero", "max_iterations": 1, "objective": "synthesized"}
    with without_warnings():
        invert(curved_clips[1], curved, "hybrid", **options)
    assert not caplog.records
    invert(curved_clips[1], curved, "hybrid", **options)
    assert "ran out of iterations" in caplog.text


@pytest.mark.parametrize("method", ["least_squares", "hybrid"])
def test_a_start_that_no_number_comes_of_gets_another(curved, curved_clips, method):
    nowhere = np.full((6, 4), np.nan, np.float32)
    models = ModelBundle(curved, Knowing(nowhere, curved.num_samples))
    result = invert(curved_clips[1], models, method, init="encoder", starts=2, objective="synthesized")
    assert (result.objective < 1e-4).all()
    np.testing.assert_allclose(curved(result.latents), curved_clips[1], atol=1e-2)


def test_failed_clips_are_counted(curved, curved_clips, caplog):
    nowhere = Knowing(np.full((6, 4), np.nan, np.float32), curved.num_samples)
    invert(curved_clips[1], ModelBundle(curved, nowhere), "least_squares", starts=1)
    assert "6 of 6 clips failed" in caplog.text


def test_what_is_adjusted_twice_is_adjusted_once(curved, curved_clips):
    options = {"init": "random", "starts": 4, "adjust": ["gain", "gain"]}
    result = invert(1.5 * curved_clips[1], curved, "least_squares", **options)
    np.testing.assert_allclose(result.adjustments["gain"], 20 * np.log10(1.5), atol=1e-2)


def test_latents_to_start_at_need_the_start_that_reads_them(curved, curved_clips, tmp_path):
    with pytest.raises(errors.InvalidArgumentError, match="init_file: goes with init file, not with zero"):
        invert(curved_clips[1], curved, "hybrid", init="zero", init_file=tmp_path / "latents.npz")


def test_an_inverter_of_other_clips_is_refused(curved, curved_clips):
    with pytest.raises(errors.InvalidArgumentError, match="made for latent_dim 100, but"):
        invert(curved_clips[1], curved, "hybrid")


def test_solved_clips_count_as_done_after_their_first_start(curved, curved_clips):
    shown, rounds, watched = recorder()
    noise = np.random.default_rng(3).normal(0, 0.3, 64).astype(np.float32)
    clips = np.concatenate([curved_clips[1], [noise]])
    result = invert(clips, curved, "least_squares", init="random", starts=4, batch_size=1, **watched)
    assert np.sum(result.objective < 1e-6) == 6
    assert shown[84] < len(rounds) / 2  # six of seven clips


def test_error_bars_have_a_progress_too(curved, curved_clips):
    loops = []
    options = {"init": "zero", "refine": "none", "error_bars": True}
    invert(curved_clips[1], curved, **options, progress=lambda loop: loops.append(list(loop)) or loops[-1])
    assert [len(loop) for loop in loops] == [100, 3]


def test_a_start_with_nan_leaves_the_others(curved, curved_clips, tmp_path):
    start = np.zeros((6, 4))
    start[2] = np.nan
    save_latents(tmp_path / "start.npz", start, "abcdef")
    options = {"init": "file", "init_file": tmp_path / "start.npz", "starts": 1, "error_bars": True}
    result = invert(curved_clips[1], curved, "least_squares", **options)
    assert list(result.status) == ["converged"] * 2 + ["failed"] + ["converged"] * 3
    assert np.isnan(result.latents[2]).all()
    assert np.isnan(result.latent_std[2]).all()
    others = [0, 1, 3, 4, 5]
    np.testing.assert_allclose(result.latents[others], curved_clips[0][others], atol=1e-4)
    assert np.isfinite(result.latent_std[others]).all()


def test_silence_is_recovered(linear):
    result = invert(np.zeros((1, 40)), linear, "least_squares", init="random", error_bars=True)
    assert result.converged.all()
    np.testing.assert_allclose(result.audio, np.zeros((1, 40)), atol=1e-6)


def test_error_bars(curved, curved_clips):
    clips = curved_clips[1] + np.random.default_rng(0).normal(0, 0.02, (6, 64)).astype(np.float32)
    result = invert(clips, curved, "least_squares", init="zero", starts=1, error_bars=True)
    np.testing.assert_array_equal(
        result.latent_std, uncertainty.standard_deviation(curved, clips, result.latents)
    )
    assert (np.abs(result.latents - curved_clips[0]) < 5 * result.latent_std).all()


@pytest.mark.parametrize("options", [{"refine": "none"}, {"refine": "lbfgs", "max_iterations": 3}])
def test_the_progress_comes_to_its_end(curved, curved_clips, options):
    seen = []

    def progress(hundredths):
        for i in hundredths:
            seen.append(i)
            yield i

    invert(curved_clips[1], curved, init="zero", batch_size=4, progress=progress, **options)
    assert seen == list(range(100))


# What clips may be given as


@pytest.mark.parametrize(("dtype", "full_scale"), [("int16", 2**15), ("int32", 2**31), ("int8", 2**7)])
def test_integers_are_of_their_full_scale(curved, curved_clips, dtype, full_scale):
    quiet = 0.4 * curved_clips[1]
    samples = np.round(quiet * full_scale).astype(dtype)
    options = {"init": "zero", "refine": "none"}
    integers, floats = (invert(x, curved, **options) for x in (samples, (samples / full_scale)))
    np.testing.assert_array_equal(integers.objective, floats.objective)
    unsigned = invert((np.round(quiet * 128) + 128).astype(np.uint8), curved, **options)
    np.testing.assert_allclose(unsigned.objective, floats.objective, rtol=0.1)


def test_any_iterable_of_clips_or_paths_will_do(curved, curved_clips, tmp_path):
    options = {"init": "zero", "refine": "lbfgs", "max_iterations": 3, "objective": "synthesized"}
    clips = curved_clips[1][:2]
    expected = invert(clips, curved, **options)
    for name, clip in zip("ab", clips):
        soundfile.write(tmp_path / f"{name}.wav", clip, 16000, subtype="FLOAT")
    for given in (
        (clip for clip in clips),
        [clip.tolist() for clip in clips],
        tf.constant(clips),
        (tmp_path / f"{name}.wav" for name in "ab"),
    ):
        np.testing.assert_allclose(invert(given, curved, **options).latents, expected.latents, atol=1e-6)


@pytest.mark.parametrize("none", [[], (), np.zeros((0, 64)), (clip for clip in [])])
def test_no_clips(curved, none):
    result = invert(none, curved, "least_squares", error_bars=True)
    assert result.latents.shape == result.latent_std.shape == (0, 4)
    assert result.audio.shape == (0, 64)
    assert len(result.status) == len(result.trace) == result.seconds == 0


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (5, "audio: 5 is neither clips nor paths"),
        ([[0.0] * 64, [0.0] * 63], "audio: its clips are not of one length"),
        (np.zeros((1, 64), np.int64), "audio: of type int64"),
        (np.zeros((1, 64), bool), "audio: of type bool"),
        (np.zeros((1, 64), complex), "audio: of type complex128"),
        ([np.zeros(64), "a.wav"], "audio: "),
        ([None], "audio: of type object"),
        (np.zeros((1, 1, 64)), r"audio: shape \(1, 1, 64\)"),
    ],
)
def test_what_is_no_clip_is_refused(curved, audio, message):
    with pytest.raises(errors.InvalidArgumentError, match=message) as caught:
        invert(audio, curved, "least_squares")
    assert "\n" not in str(caught.value)


# Mistakes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "magic"}, "method: 'magic' is unknown; choose from encoder, "),
        ({"init": "here"}, "init: 'here'"),
        ({"init": "zero", "refine": "polish"}, "refine: 'polish'"),
        ({"init": "zero", "backend": "gpu"}, "backend: 'gpu'"),
        ({"init": "zero", "starts": 0}, "starts: 0"),
        ({"init": "zero", "refine": "lbfgs", "max_iterations": 0}, "max_iterations: 0"),
        ({"init": "zero", "refine": "lbfgs"}, "max_iterations: give how many"),
        ({"batch_size": 0}, "batch_size: 0; give at least 1"),
        ({"init": "zero", "tolerance": -1.0}, "tolerance: -1.0"),
        ({"init": "zero", "tolerance": float("nan")}, "tolerance: nan"),
        ({"init": "zero", "objective": "authors"}, "needs a classifier"),
        ({"init": "zero", "objective": "loud"}, "objective: 'loud'"),
        ({"init": "zero", "objective": {"hue": 1.0}}, "objective: 'hue'"),
        ({"init": "zero", "objective": {}}, "objective: "),
        ({"init": "zero", "objective": "-1*waveform"}, "objective: weight -1.0 of waveform"),
        ({"init": "file", "init_file": "absent.npz"}, "absent.npz: not a latents file"),
        ({"init": "file"}, "init_file: is missing"),
    ],
)
def test_wrong_arguments_are_named(curved, curved_clips, options, message):
    with pytest.raises(errors.InvalidArgumentError, match=message) as caught:
        invert(curved_clips[1], curved, **options)
    assert "\n" not in str(caught.value)


def test_wrong_shapes_are_named(curved, curved_clips, tmp_path):
    with pytest.raises(errors.InvalidArgumentError, match=r"audio: shape \(2, 100\).* 64 samples"):
        invert(np.zeros([2, 100], np.float32), curved)
    save_latents(tmp_path / "one.npz", np.zeros([1, 100]), ["a"])
    with pytest.raises(errors.InvalidArgumentError, match=r"needed are \(6, 4\)"):
        invert(curved_clips[1], curved, init="file", init_file=tmp_path / "one.npz")
