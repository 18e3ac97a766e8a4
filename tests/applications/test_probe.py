"""Probes: what they tell, the directions in them, and their files."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from tf_inversion import errors
from tf_inversion.applications.probe import Probe, assess, listen, load_probes, save_probes, train_probe
from tf_inversion.generators.base import Generator


def clusters(names, seed=0, count=60):
    """Points around a corner of the space for each name, components of very different scales."""
    rng = np.random.default_rng(seed)
    points = np.eye(len(names), 5).repeat(count, 0) + rng.normal(0, 0.3, (count * len(names), 5))
    return points * [1, 10, 0.1, 1, 100], np.repeat(names, count)


@pytest.mark.parametrize("names", [["one", "two"], ["three", "one", "two"]])
def test_probabilities_are_those_of_scikit_learn_on_standardised_components(names):
    vectors, labels = clusters(names)
    scaler = StandardScaler().fit(vectors)
    model = LogisticRegression(max_iter=1000).fit(scaler.transform(vectors), labels)
    probe = train_probe(vectors, labels)
    assert probe.labels == tuple(sorted(names))
    np.testing.assert_allclose(
        probe.probabilities(vectors), model.predict_proba(scaler.transform(vectors)), atol=1e-4
    )
    assert (probe.predict(vectors) == model.predict(scaler.transform(vectors))).all()


def test_a_logit_grows_fastest_along_its_direction():
    probe = train_probe(*clusters(["one", "two", "three"]))
    for index, label in enumerate(probe.labels):
        direction = probe.direction(label)
        assert np.linalg.norm(direction) == pytest.approx(1)
        others = np.random.default_rng(0).normal(size=(100, 5))
        others /= np.linalg.norm(others, axis=1, keepdims=True)
        gains = probe.logits(np.vstack([direction, others])) - probe.logits(np.zeros((1, 5)))
        assert gains[:, index].argmax() == 0


def test_a_digit_may_be_a_figure_unless_that_is_a_label():
    probe = Probe(("one", "two"), np.array([[3.0, 0], [0, 2]]), np.zeros(2))
    np.testing.assert_array_equal(probe.direction("2"), probe.direction("two"))
    figures = Probe(("1", "2"), np.array([[3.0, 0], [0, 2]]), np.zeros(2))
    np.testing.assert_array_equal(figures.direction("2"), [0, 1])
    for label in ("3", "12", "", "TWO"):
        with pytest.raises(errors.InvalidArgumentError, match="none of one, two"):
            probe.direction(label)


def test_one_class_is_refused():
    with pytest.raises(errors.InvalidArgumentError, match="all 3 clips are of 1"):
        train_probe(np.zeros((3, 2)), ["a"] * 3)


def test_assessment():
    probe = Probe(("a", "b"), np.array([[-1.0], [1.0]]), np.zeros(2))
    train = np.array([[-3.0], [-2], [-1], [2], [3]]), np.array(["a", "a", "a", "b", "b"])
    test = np.array([[-2.1], [2.1], [0.1], [2.9]]), np.array(["a", "b", "a", "b"])
    assert assess(probe, train, test) == {
        "num_train": 5,
        "num_test": 4,
        "accuracy": 0.75,  # 0.1 is taken for b
        "accuracy_chance": 0.5,
        "precision_at_1": 1.0,
        "precision_at_5": pytest.approx((0.6 + 0.4 + 0.6 + 0.4) / 4),
        "precision_chance": pytest.approx(0.5 * 0.6 + 0.5 * 0.4),
    }


class Level(Generator):
    """Two samples at the level of the one latent."""

    def __init__(self):
        super().__init__(latent_dim=1, num_samples=2)

    def call(self, z):
        return tf.repeat(z, 2, axis=1)


def test_listening_to_clips_in_batches():
    def loud(audio):
        share = np.abs(audio).mean(1)
        return np.stack([1 - share, share], 1)

    latents = np.array([[0.1], [-0.9], [0.7]], np.float32)
    seen = []
    heard = listen(
        Level(),
        latents,
        {"level": (("soft", "loud"), loud)},
        batch_size=2,
        progress=lambda x: seen.extend(x) or x,
    )
    labels, probabilities = heard["level"]
    assert labels.tolist() == ["soft", "loud", "loud"]
    np.testing.assert_allclose(probabilities, [0.9, 0.9, 0.7], rtol=1e-5)
    assert seen == [0, 2]


def test_probes_are_kept_without_pickle(tmp_path):
    probes = {
        "digit": train_probe(*clusters(["one", "two", "three"])),
        "clip_digit": train_probe(*clusters(["one", "zwölf"])),
    }
    save_probes(tmp_path / "probes.npz", probes)
    with np.load(tmp_path / "probes.npz", allow_pickle=False) as file:
        assert file["digit_coef"].shape == (3, 5)
    loaded = load_probes(tmp_path / "probes.npz")
    assert list(loaded) == ["digit", "clip_digit"]
    for name, probe in probes.items():
        assert loaded[name].labels == probe.labels
        np.testing.assert_array_equal(loaded[name].coef, probe.coef)
        np.testing.assert_array_equal(loaded[name].intercept, probe.intercept)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "other.npz", latents=np.zeros((2, 3)))
    np.savez(tmp_path / "half.npz", digit_labels=["a", "b"], digit_coef=np.zeros((2, 3)))
    np.savez(tmp_path / "short.npz", a_labels=["a", "b"], a_coef=np.zeros((1, 3)), a_intercept=np.zeros(2))
    np.savez(
        tmp_path / "pickled.npz", a_labels=np.array([{}]), a_coef=np.zeros((1, 3)), a_intercept=np.zeros(1)
    )
    nan = {"a_labels": ["a", "b"], "a_coef": np.full((2, 3), np.nan), "a_intercept": np.zeros(2)}
    np.savez(tmp_path / "nan.npz", **nan)
    np.savez(tmp_path / "flat.npz", **{**nan, "a_coef": np.float32(1)})
    np.savez(tmp_path / "numbers.npz", **{**nan, "a_labels": [1, 2], "a_coef": np.zeros((2, 3))})
    for name in ("missing", "text", "other", "half", "short", "pickled", "nan", "flat", "numbers"):
        with pytest.raises(errors.ModelFileError, match=f"{name}.npz: not a file of probes"):
            load_probes(tmp_path / f"{name}.npz")
