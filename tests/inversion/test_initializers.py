"""Where a search may begin."""

import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import errors, losses
from tf_inversion.generators.base import Generator
from tf_inversion.inversion import initializers
from tf_inversion.inversion.methods import plan
from tf_inversion.inversion.settings import InversionSettings
from tf_inversion.latents import save_latents
from tf_inversion.models import ModelBundle
from tf_inversion.networks.inverter import Inverter
from tf_inversion.priors import UniformPrior


class Tones(Generator):
    """Two tones, whose levels are the latents; the sign is the phase."""

    def __init__(self):
        super().__init__(latent_dim=2, num_samples=1024)
        time = np.arange(1024) / 16000
        self._tones = np.stack([np.sin(2 * np.pi * f * time) for f in (500, 3000)]).astype(np.float32) / 2

    def call(self, z):
        return tf.matmul(z, self._tones)


@pytest.fixture(scope="module")
def generator():
    return Tones()


@pytest.fixture(scope="module")
def made(generator):
    latents = UniformPrior().sample(3, 2, seed=7)
    return latents, generator(latents).numpy()


def test_random_latents_are_uniform_and_seeded(generator):
    drawn = initializers.random(500, 2, generator, seed=4)
    assert (drawn.shape, drawn.dtype) == ((500, 2, 2), np.float32)
    assert np.abs(drawn).max() <= 1
    assert drawn.std() == pytest.approx(1 / np.sqrt(3), abs=0.02)
    np.testing.assert_array_equal(drawn, initializers.random(500, 2, generator, seed=4))
    assert (drawn != initializers.random(500, 2, generator, seed=5)).all()


def test_random_starts_of_a_clip_do_not_depend_on_how_many_follow(generator):
    np.testing.assert_array_equal(
        initializers.random(9, 2, generator, seed=4)[:5], initializers.random(5, 2, generator, seed=4)
    )


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_no_start_is_the_answer_by_the_same_seed(generator, seed):
    answers = UniformPrior().sample(1024, 2, seed)
    clips = generator(answers[:4]).numpy()
    for begin in (
        initializers.random(4, 1, generator, seed),
        initializers.best_of_n(clips, generator, 1, seed, 512),
    ):
        for start in begin[:, 0]:
            assert np.abs(answers - start).max(1).min() > 1e-5


def test_screening_finds_the_nearest(generator, made):
    """Of 1,024 points in a square the nearest is some 0.03 away; phase-free features forget the signs."""
    latents, clips = made
    begin = initializers.best_of_n(clips, generator, 5, seed=0, batch_size=300)
    assert (begin.shape, begin.dtype) == ((3, 5, 2), np.float32)
    np.testing.assert_allclose(np.abs(begin[:, 0]), np.abs(latents), atol=0.1)
    distances = np.stack([distance(generator, clips, begin[:, k]) for k in range(5)])
    assert (np.diff(distances, axis=0) >= -1e-6).all()
    drawn = initializers.random(3, 20, generator, seed=9)
    average = np.mean([distance(generator, clips, drawn[:, k]) for k in range(20)], 0)
    assert (distances[0] < 0.1 * average).all()


def distance(generator, clips, latents):
    objective = losses.Objective({"log_mel": 1.0}, generator)
    targets = objective.targets(tf.constant(clips), tf.constant(latents))
    return objective.value(tf.constant(latents), targets).numpy()


def test_screening_of_a_clip_does_not_depend_on_its_company(generator, made):
    clips = made[1]
    together = initializers.best_of_n(clips, generator, 2, seed=0, batch_size=1024)
    alone = initializers.best_of_n(clips[1:2], generator, 2, seed=0, batch_size=100)
    np.testing.assert_array_equal(alone[0], together[1])


def test_more_starts_than_there_are_candidates(generator, made):
    begin = initializers.best_of_n(made[1], generator, 1100, seed=0, batch_size=550)
    assert begin.shape == (3, 1100, 2)


def test_starts_of_an_inverter_are_followed_by_the_best_of_n(generator, made):
    models = ModelBundle(generator, Inverter(latent_dim=2, width=2, num_samples=1024))
    settings, clips = InversionSettings(method="hybrid", starts=3, batch_size=2), made[1]
    begin = initializers.starts(plan(settings), clips, np.array([0, 2]), models, settings)
    assert begin.shape == (2, 3, 2)
    chosen = clips[[0, 2]]
    np.testing.assert_allclose(begin[:, 0], models.inverter.encode(tf.constant(chosen)), atol=1e-5)
    best = initializers.best_of_n(chosen, generator, 2, seed=0, batch_size=2)
    np.testing.assert_array_equal(begin[:, 1:], best)


def test_file(made, tmp_path):
    save_latents(tmp_path / "latents.npz", made[0], ["a", "b", "c"], std=np.ones((3, 2)))
    begin = initializers.file(tmp_path / "latents.npz", 3, 2)
    np.testing.assert_array_equal(begin, made[0])
    for n, dim in ((4, 2), (3, 5)):
        with pytest.raises(errors.InvalidArgumentError, match=rf"\(3, 2\); needed are \({n}, {dim}\)"):
            initializers.file(tmp_path / "latents.npz", n, dim)


def broken_files(folder):
    save_latents(folder / "good.npz", np.zeros((3, 2)), ["a", "b", "c"])
    good = (folder / "good.npz").read_bytes()
    (folder / "empty.npz").write_bytes(b"")
    (folder / "text.npz").write_text("no latents")
    (folder / "cut.npz").write_bytes(good[: len(good) // 2])
    (folder / "flipped.npz").write_bytes(good[:150] + b"????" + good[154:])
    np.save(folder / "array.npy", np.zeros((3, 2)))
    np.savez(folder / "others.npz", weights=np.zeros((3, 2)))
    np.savez(folder / "words.npz", latents=np.array(["a", "b"]))
    np.savez(folder / "pickled.npz", latents=np.array([{}, {}]))
    (folder / "good.npz").unlink()
    return [*sorted(folder.iterdir()), folder, folder / "absent.npz"]


def test_files_that_hold_no_latents_are_named(tmp_path):
    broken = broken_files(tmp_path)
    assert len(broken) == 10
    for path in broken:
        with pytest.raises(errors.InvalidArgumentError, match="not a latents file") as caught:
            initializers.file(path, 3, 2)
        assert str(path) in str(caught.value)
