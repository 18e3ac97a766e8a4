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
from tf_inversion.inversion.methods import METHODS, choose, without_warnings
from tf_inversion.inversion.result import STATUSES
from tf_inversion.inversion.solvers.lbfgs import LBFGS
from tf_inversion.latents import draw_latents, save_latents
from tf_inversion.networks.loading import load_inverter


def value_of(weights, generator, clips, latents):
    objective = losses.make_objective(weights, generator)
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
def test_every_refinement_recovers_latents(linear, refine, backend):
    latents = 0.9 * draw_latents(5, 3, seed=2)
    clips = linear(latents).numpy()
    options = {"init": "zero", "refine": refine, "backend": backend, "objective": "synthesized"}
    result = invert(clips, linear, **options, max_iterations=600, batch_size=4)
    np.testing.assert_allclose(result.latents, latents, atol=0.02 if refine == "adam" else 1e-3)
    assert result.converged.all()
    np.testing.assert_allclose(result.audio, linear(result.latents), atol=1e-6)
    values = value_of("synthesized", linear, clips, result.latents)
    np.testing.assert_allclose(result.objective, values, atol=1e-7)
    assert (result.evaluations >= result.steps).all()
    assert (result.steps > 0).all()
    for points, steps, value in zip(result.trace, result.steps, result.objective):
        assert points[-1, 0] == steps
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


def test_another_refinement_does_without_the_method_s_own_options(linear):
    latents = draw_latents(2, 3, seed=0)
    options = {"init": "zero", "objective": "synthesized", "max_iterations": 60}
    own = invert(linear(latents).numpy(), linear, "encoder_gauss_newton", **options)
    np.testing.assert_allclose(own.latents, latents, atol=1e-5)
    other = invert(linear(latents).numpy(), linear, "encoder_gauss_newton", refine="lbfgs", **options)
    np.testing.assert_allclose(other.latents, latents, atol=1e-3)


def test_default_is_the_embedded_encoder():
    generator = load_generator()
    clip = generator(draw_latents(1, generator.latent_dim, seed=5)).numpy()[0]
    result = invert(clip)
    np.testing.assert_allclose(result.latents, load_inverter().encode(clip[None]), atol=1e-5)
    np.testing.assert_allclose(result.audio, generator(result.latents), atol=1e-5)
    np.testing.assert_allclose(
        result.objective, value_of("synthesized", generator, clip[None], result.latents), rtol=1e-4
    )
    assert list(result.status) == ["encoded"]
    assert (result.steps[0], result.evaluations[0], result.trace[0].shape) == (0, 1, (0, 2))
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
    latents = draw_latents(3, 3, seed=0)
    options = {"init": "random", "objective": "synthesized"}
    result = invert(linear(latents).numpy(), linear, "least_squares", **options, starts=4)
    np.testing.assert_allclose(result.latents, latents, atol=1e-5)
    assert list(result.steps) == [8, 8, 8]


def test_a_clip_that_two_starts_agree_on_is_not_started_again(linear):
    """There is but one least square, and noise that is left over; if it is little, the clip is explained."""
    noise = np.random.default_rng(3).normal(0, 0.03, (1, 40)).astype(np.float32)
    clips = linear(np.ones((1, 3), np.float32)).numpy() + noise
    options = {"init": "random", "objective": "synthesized", "tolerance": 1e-4}
    one, two, four = (invert(clips, linear, "least_squares", **options, starts=n) for n in (1, 2, 4))
    assert 1e-3 < one.objective < 0.1
    assert two.steps > one.steps
    assert four.steps == two.steps
    assert four.objective <= one.objective
    two, four = (invert(10 * noise, linear, "least_squares", **options, starts=n) for n in (2, 4))
    assert two.objective > 0.5
    assert four.steps > two.steps


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
    assert two.steps > one.steps
    assert two.trace[0][-1, 1] == two.objective
    assert (np.diff(two.trace[0][:, 1]) <= 0).all(), "another start, which begins anew, is no step back"


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
    np.testing.assert_array_equal(invert(clips, curved, inverter=knowing, **start).latents, latents)
    alone = initializers.screened(clips, curved, 1, seed=0, batch_size=64)[:, 0]
    np.testing.assert_array_equal(invert(clips, curved, **start).latents, alone)
    assert not choose("least_squares").needs_inverter
    assert choose("least_squares", init="encoder").needs_inverter
    assert choose("hybrid").needs_inverter


def test_a_clip_that_l_bfgs_explains_but_not_to_the_end_is_not_started_again(curved, curved_clips):
    options = {"init": "zero", "objective": "synthesized", "max_iterations": 2}
    one, four = (invert(curved_clips[1], curved, "hybrid", **options, starts=n) for n in (1, 4))
    explained = one.objective <= 0.1
    unsolved = (one.objective > 1e-4) & (one.status == "ran out")
    assert (explained & unsolved).any()
    assert (four.steps == one.steps)[explained & unsolved].all()
    assert (~explained).any()
    assert (four.steps > one.steps)[~explained].all()


def test_an_objective_without_the_waveform_may_get_other_iterations(curved, noise, monkeypatch):
    few = dataclasses.replace(METHODS["hybrid"], phase_free_iterations=10)
    monkeypatch.setitem(METHODS, "hybrid", few)
    options = {"init": "zero", "tolerance": 0.0, "objective": "paper"}
    one, eight = (invert(noise, curved, "hybrid", **options, starts=n) for n in (1, None))
    assert list(one.steps) == [10, 10]
    assert (eight.steps > one.steps).all()
    assert (eight.steps % 10 == 0).all()
    assert (eight.objective <= one.objective).all()
    asked = invert(noise, curved, "hybrid", **options, starts=1, max_iterations=30)
    assert list(asked.steps) == [30, 30]
    own = invert(noise, curved, "hybrid", init="zero", tolerance=0.0, starts=1, objective="synthesized")
    assert (own.steps > 10).all()


def recorder():
    """Returns how many rounds there had been when each clip was done, the rounds, and options for both."""
    shown, asked = [], []

    def progress(loop):
        for i in loop:
            shown.append(len(asked))
            yield i

    return shown, asked, {"progress": progress, "watch": asked.append}


def test_the_progress_counts_starts_as_parts_of_a_clip(curved, noise):
    """A clip is not called done while further starts of it are to come."""
    shown, asked, watched = recorder()
    options = {"init": "random", "refine": "lbfgs", "starts": 4, "max_iterations": 30, "tolerance": 0.0}
    invert(noise, curved, **options, objective="paper", **watched)
    assert len(shown) == 2
    assert shown[0] > len(asked) / 4


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
    first = minimize(
        LBFGS(losses.make_objective({"waveform_mae": 1.0}, curved)), clips, zero, max_iterations=3
    )
    second = minimize(
        LBFGS(losses.make_objective("synthesized", curved)), clips, first.latents, max_iterations=4
    )
    np.testing.assert_allclose(result.latents, second.latents, atol=1e-4)
    np.testing.assert_allclose(result.objective, second.objective, rtol=0.01)
    np.testing.assert_array_equal(result.steps, first.iterations + second.iterations)
    np.testing.assert_array_equal(result.evaluations, first.evaluations + second.evaluations)
    for points, before, after in zip(result.trace, first.trace, second.trace):
        assert len(points) == len(before) + len(after)
        assert points[len(before) - 1, 0] == 3


def test_auto_tells_own_clips_from_others(curved, curved_clips, noise):
    """To others' clips Gauss-Newton does not listen by the classifier, which would be no sum of squares."""
    clips = np.concatenate([curved_clips[1][:1], noise])
    options = {"init": "random", "objective": "auto", "starts": 1, "classifier": lambda audio: audio}
    result = invert(clips, curved, "least_squares", **options, max_iterations=40)
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
    assert "1 clip(s) hold NaN" in caplog.text
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
    options = {"inverter": Knowing(nowhere, curved.num_samples), "init": "encoder", "starts": 2}
    result = invert(curved_clips[1], curved, method, **options, objective="synthesized")
    assert (result.objective < 1e-4).all()
    np.testing.assert_allclose(curved(result.latents), curved_clips[1], atol=1e-2)


def test_failed_clips_are_counted(curved, curved_clips, caplog):
    nowhere = Knowing(np.full((6, 4), np.nan, np.float32), curved.num_samples)
    invert(curved_clips[1], curved, "least_squares", inverter=nowhere, starts=1)
    assert "6 of 6 clips failed" in caplog.text


def test_what_is_adjusted_twice_is_adjusted_once(curved, curved_clips):
    options = {"init": "random", "starts": 4, "adjust": ["gain", "gain"]}
    result = invert(1.5 * curved_clips[1], curved, "least_squares", **options)
    np.testing.assert_allclose(result.adjustments["gain"], 20 * np.log10(1.5), atol=1e-2)


def test_latents_to_start_at_need_the_start_that_reads_them(curved, curved_clips, tmp_path):
    with pytest.raises(errors.InvalidArgumentError, match="init_file: is given, but init is zero"):
        invert(curved_clips[1], curved, "hybrid", init="zero", init_file=tmp_path / "latents.npz")


def test_an_inverter_of_other_clips_is_refused(curved, curved_clips):
    with pytest.raises(errors.InvalidArgumentError, match="inverter: made for latent_dim 100, but"):
        invert(curved_clips[1], curved, "hybrid")
    other = Knowing(curved_clips[0], num_samples=65)
    with pytest.raises(errors.InvalidArgumentError, match="inverter: made for num_samples 65, but"):
        invert(curved_clips[1], curved, "encoder", inverter=other)


def test_solved_clips_count_as_done_after_their_first_start(curved, curved_clips):
    shown, asked, watched = recorder()
    clips = np.concatenate([curved_clips[1], [np.random.default_rng(3).normal(0, 0.3, 64)]]).astype(
        np.float32
    )
    options = {"init": "random", "starts": 4, "batch_size": 1, **watched}
    result = invert(clips, curved, "least_squares", **options)
    solved = np.sum(result.objective < 1e-6)
    assert solved == 6
    assert shown[solved - 1] < len(asked) / 2


def test_error_bars_have_a_progress_too(curved, curved_clips):
    loops = []
    options = {"init": "zero", "refine": "none", "error_bars": True}
    invert(curved_clips[1], curved, **options, progress=lambda loop: loops.append(list(loop)) or loops[-1])
    assert [len(loop) for loop in loops] == [6, 1]


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


def test_no_clips(curved):
    result = invert(np.zeros((0, 64)), curved, "least_squares", error_bars=True)
    assert result.latents.shape == result.latent_std.shape == (0, 4)
    assert result.audio.shape == (0, 64)
    assert len(result.status) == len(result.trace) == result.seconds == 0


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
def test_progress_is_of_clips(curved, curved_clips, options):
    seen = []

    def progress(clips):
        for clip in clips:
            seen.append(clip)
            yield clip

    clips = curved_clips[1]
    invert(clips, curved, init="zero", batch_size=4, progress=progress, **options)
    assert seen == list(range(len(clips)))


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
        ({"init": "zero", "tolerance": -1.0}, "tolerance: -1.0"),
        ({"init": "zero", "tolerance": float("nan")}, "tolerance: nan"),
        ({"init": "zero", "objective": "authors"}, "needs a classifier"),
        ({"init": "zero", "objective": "loud"}, "objective: 'loud'"),
        ({"init": "zero", "objective": {"hue": 1.0}}, "objective: 'hue'"),
        ({"init": "zero", "objective": {}}, "objective: is empty"),
        ({"init": "zero", "objective": "-1*waveform"}, "objective: weight -1.0 of waveform"),
        ({"init": "file", "init_file": "absent.npz"}, "absent.npz: not a latents file"),
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
