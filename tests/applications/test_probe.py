"""Probes: what they tell, the directions in them, and their files."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from tf_inversion import errors
from tf_inversion.applications.probe import Probe, load_probes, save_probes, train_probe


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
