"""What probes are trained on, and how good they are."""

import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.applications.probe import Probe
from tf_inversion.applications.probe_training import (
    assess,
    drawn_sets,
    labels_of,
    recorded_sets,
    to_markdown,
    train_probes,
)
from tf_inversion.audio.layouts import ClipList
from tf_inversion.evaluation.clip_sets import ClipSet
from tf_inversion.generators.base import Generator


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


def loudness(audio):
    share = np.abs(audio).mean(1)
    return np.stack([1 - share, share], 1)


def test_latents_that_are_heard_surely_are_parted():
    labelers = {"level": (("soft", "loud"), loudness)}
    seen = []
    draw = {"num": 200, "seed": 3, "batch_size": 64, "progress": lambda x: seen.extend(x) or x}
    train, test = drawn_sets(Level(), labelers, confidence=0.8, **draw)["level"]
    drawn = Level().draw_latents(200, seed=3)
    sure = drawn[np.maximum(np.abs(drawn), 1 - np.abs(drawn))[:, 0] >= 0.8]
    np.testing.assert_array_equal(np.concatenate([train[0], test[0]]), sure)
    assert seen == [0, 64, 128, 192]
    assert len(train[0]) == len(train[1]) == int(0.8 * len(sure))
    assert ((np.abs(train[0][:, 0]) > 0.5) == (train[1] == "loud")).all()
    with pytest.raises(errors.InvalidArgumentError, match="confidence: 1; 0 of 200 drawn clips"):
        drawn_sets(Level(), labelers, confidence=1, **draw)


def test_labels_of_recordings():
    paths = ["1_theo_0.wav", "7_ann_3.wav"]
    clips = ClipSet(np.zeros((2, 4)), 8, labels=np.array([1, 0]), names=["a", "b"], paths=paths)
    found = {k: v.tolist() for k, v in labels_of(clips, ClipList(paths, [1, 0], ["seven", "one"])).items()}
    assert found == {"digit": ["one", "seven"], "speaker": ["theo", "ann"]}
    others = ClipSet(np.zeros((1, 4)), 8, labels=np.array([0]), names=["a"], paths=["x.wav"])
    assert list(labels_of(others, ClipList(["x.wav"], [0], ["kick"]))) == ["label"]


def test_recordings_give_sets_of_what_can_be_learnt():
    latents = np.arange(6.0).reshape(3, 2)
    labels = {
        "digit": np.array(list("aab")),
        "speaker": np.array(list("xxx")),
        "label": np.array(list("klm")),
    }
    sets = recorded_sets(
        (latents, labels), (latents[:1], {"digit": np.array(["a"]), "speaker": labels["speaker"]})
    )
    assert list(sets) == ["clip_digit"]
    (train, test) = sets["clip_digit"]
    np.testing.assert_array_equal(train[0], latents)
    assert (train[1].tolist(), test[1].tolist()) == (list("aab"), ["a"])


def test_a_probe_and_a_row_for_each_set():
    rng = np.random.default_rng(0)
    names = np.repeat(["one", "two"], 40)
    latents = np.where(names == "one", 1, -1)[:, None] + rng.normal(0, 0.3, (80, 5))
    part = slice(None, None, 2), slice(1, None, 2)
    probes, rows = train_probes({"digit": tuple((latents[x], names[x]) for x in part)})
    assert probes["digit"].labels == ("one", "two")
    assert (rows[0]["probe"], rows[0]["num_test"], rows[0]["accuracy"]) == ("digit", 40, 1)
    cells = to_markdown(rows).splitlines()[2].split("|")
    assert [cell.strip() for cell in cells[1:5]] == ["digit", "40", "40", "100.0%"]
