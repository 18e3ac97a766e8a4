"""Trains probes of a latent space on latents that are drawn, and on those that recordings are inverted to."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from tf_inversion import errors
from tf_inversion.applications import retrieval
from tf_inversion.applications.features import inverter_features
from tf_inversion.applications.probe import Probe, train_probe
from tf_inversion.audio.layouts import DIGITS, ClipList, speakers
from tf_inversion.batching import in_batches
from tf_inversion.corpus import store
from tf_inversion.evaluation.clip_sets import ClipSet
from tf_inversion.evaluation.metrics import judge_probabilities
from tf_inversion.evaluation.tables import markdown
from tf_inversion.generators.base import Generator
from tf_inversion.models import ModelBundle

#: The classes, and the function from clips float32 [b, num_samples] to their probabilities [b, classes].
Labeler = tuple[Sequence[str], Callable[[np.ndarray], np.ndarray]]
#: Latents [n, latent_dim] and their labels [n].
Labelled = tuple[np.ndarray, np.ndarray]
#: Name of a probe -> what it is trained on, and what is held out.
Sets = dict[str, tuple[Labelled, Labelled]]

_COLUMNS = {
    "probe": ("probe", "{}"),
    "num_train": ("trained on", "{}"),
    "num_test": ("held out", "{}"),
    "accuracy": ("accuracy", "{:.1%}"),
    "accuracy_chance": ("chance", "{:.1%}"),
    "precision_at_1": ("precision at 1", "{:.1%}"),
    "precision_at_5": ("at 5", "{:.1%}"),
    "precision_chance": ("chance", "{:.1%}"),
}
LEGEND = """\
accuracy: logistic regression on z alone; chance: always the most frequent class. precision at k: share of the
k nearest training clips in latent space that are of the same class; chance: of clips taken at random."""


def make_labelers(
    models: ModelBundle, clips: ClipSet | None, speaker_labels: Sequence[str] | None, **batches
) -> dict[str, Labeler]:
    """Returns what labels clips by digit, and by speaker if there are recordings to learn it from.

    Args:
      models: an evaluation classifier, for the digit, and an inverter, by whose features the speaker
        is classified.
      clips, speaker_labels: recordings and who speaks in each; None for no such labeler.
      **batches: batch_size, progress.
    """
    inverter, judge = models.require("inverter", "judge")
    label = functools.partial(judge_probabilities, judge, batch_size=batches["batch_size"])
    labelers: dict[str, Labeler] = {"digit": (judge.label_names, label)}
    if clips and speaker_labels is not None:
        features = functools.partial(inverter_features, inverter, batch_size=batches["batch_size"])
        probe = train_probe(features(clips.audio, progress=batches["progress"]), speaker_labels)
        labelers["speaker"] = (probe.labels, lambda audio: probe.probabilities(features(audio)))
    return labelers


def labels_of(clips: ClipSet, found: ClipList) -> dict[str, np.ndarray]:
    """Returns the labels [n] of recordings, under "digit" (or "label" for other classes) and "speaker".

    Args:
      clips: read from `found`; labels are indices of its `label_names`.
      found: what they were read from.
    """
    labels = {}
    if clips.labels is not None:
        concept = "digit" if set(found.label_names) <= set(DIGITS) else "label"
        labels[concept] = np.array(found.label_names)[clips.labels]
    if named := speakers(clips.paths or ()):
        labels["speaker"] = np.array(named)
    return labels


def stored_recordings(
    path: str | os.PathLike,
) -> tuple[tuple[np.ndarray, dict[str, np.ndarray]], tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Reads what `recorded_sets` takes, train and test, from a data set that `invert_dataset` wrote.

    Raises:
      InvalidArgumentError: if there is none.
      DatasetError: if it has no clips of one of the two splits.
    """
    data = store.read(path, ["latents", "split", "label", "speaker"])
    labels = {"speaker": data["speaker"]}
    labels["digit" if {*data["label"]} <= {*DIGITS} else "label"] = data["label"]
    known = {name: values.astype(str) for name, values in labels.items() if None not in values}

    def of(split):
        rows = data["split"] == split
        if not rows.any():
            raise errors.DatasetError(f"{path}: has no latents of clips in split {split!r}")
        return data["latents"][rows], {name: values[rows] for name, values in known.items()}

    return of("train"), of("test")


def recorded_sets(
    train: tuple[np.ndarray, Mapping[str, np.ndarray]], test: tuple[np.ndarray, Mapping[str, np.ndarray]]
) -> Sets:
    """Returns the sets of recordings' latents, "clip_<name>" for each kind of label that can be learnt.

    Args:
      train, test: latents [n, latent_dim] and `labels_of` their clips.
    """
    return {
        f"clip_{name}": ((train[0], labels), (test[0], test[1][name]))
        for name, labels in train[1].items()
        if name in test[1] and len(set(labels)) > 1 and set(labels) & set(test[1][name])
    }


def drawn_sets(
    generator: Generator,
    labelers: Mapping[str, Labeler],
    *,
    num: int,
    confidence: float,
    seed: int,
    **batches,
) -> Sets:
    """Returns the sets of drawn latents, of those whose clip is classified surely: four fifths to train on.

    Args:
      generator: z [b, latent_dim] -> audio [b, num_samples].
      labelers: under the name of what they label by.
      num, seed: latents to draw.
      confidence: the least probability of the class that a clip counts as.
      **batches: batch_size, progress.

    Raises:
      InvalidArgumentError: if too few are left.
    """

    def answer(z):
        audio = generator(z).numpy()
        return {name: probabilities(audio) for name, (_, probabilities) in labelers.items()}

    latents, sets = generator.draw_latents(num, seed), {}
    for name, probabilities in in_batches(answer, latents, **batches).items():
        labels = np.array(labelers[name][0])[probabilities.argmax(1)]
        sure = probabilities.max(1) >= confidence
        most = int(0.8 * sure.sum())
        train, test = ((latents[sure][part], labels[sure][part]) for part in (slice(most), slice(most, None)))
        if len(set(train[1])) < 2:
            raise errors.InvalidArgumentError(
                f"confidence: {confidence:g}; {sure.sum()} of {num} drawn clips have it, not of "
                f"two kinds of {name}; lower it or draw more"
            )
        sets[name] = (train, test)
    return sets


def train_probes(
    sets: Sets, progress: Callable[[Iterable], Iterable] = iter
) -> tuple[dict[str, Probe], list[dict[str, str | float]]]:
    """Trains a probe on each set; returns the probes by name, and a row of `assess` for each."""
    probes = {name: train_probe(*train) for name, (train, _) in progress(sets.items())}
    return probes, [{"probe": name, **assess(probes[name], *pair)} for name, pair in sets.items()]


def to_markdown(rows: Sequence[Mapping[str, str | float]]) -> str:
    """Lays out the rows of `train_probes` as a Markdown table with its legend."""
    return f"{markdown(rows, _COLUMNS)}\n\n{LEGEND}"


def assess(probe: Probe, train: Labelled, test: Labelled) -> dict[str, float]:
    """Measures how well classes are predicted from vectors, by a probe and by the nearest neighbours.

    Args:
      probe: trained on `train`.
      train: vectors [n, dim] and labels [n], among which neighbours are looked for.
      test: the same of clips held out.

    Returns:
      num_train, num_test; accuracy, and its chance: the share of the class that is most frequent in
      training; precision_at_1 and precision_at_5, and their chance: that of a random neighbour.
    """
    classes, counts = np.unique(train[1], return_counts=True)
    shares = np.array([np.mean(test[1] == name) for name in classes])
    return {
        "num_train": len(train[1]),
        "num_test": len(test[1]),
        "accuracy": float(np.mean(probe.predict(test[0]) == test[1])),
        "accuracy_chance": float(shares[np.argmax(counts)]),
        "precision_at_1": retrieval.precision_at(1, *test, *train),
        "precision_at_5": retrieval.precision_at(5, *test, *train),
        "precision_chance": float(shares @ counts / len(train[1])),
    }
