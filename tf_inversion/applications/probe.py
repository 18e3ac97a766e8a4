"""What vectors tell of their clips: class, speaker, or real and synthesized, by logistic regression.

Made for latent vectors, where each class of a probe is a direction to edit along (`editing.py`);
the features of an inverter (`features.py`) are probed in the same way.
"""

from __future__ import annotations

import dataclasses
import os
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from tf_inversion import errors, paths
from tf_inversion.audio.layouts import DIGITS


@dataclasses.dataclass(frozen=True)
class Probe:
    """A linear classifier of vectors.

    Attributes:
      labels: the k classes.
      coef, intercept: float32 [k, dim] and [k]; the logits of `vectors` are vectors @ coef.T + intercept.
    """

    labels: tuple[str, ...]
    coef: np.ndarray
    intercept: np.ndarray

    def logits(self, vectors: np.ndarray) -> np.ndarray:
        """Returns [n, k] for vectors [n, dim]."""
        return vectors @ self.coef.T + self.intercept

    def probabilities(self, vectors: np.ndarray) -> np.ndarray:
        """Returns [n, k] for vectors [n, dim]."""
        return softmax(self.logits(vectors), axis=1)

    def predict(self, vectors: np.ndarray) -> np.ndarray:
        """Returns the likeliest label of each of vectors [n, dim]."""
        return np.array(self.labels)[self.logits(vectors).argmax(1)]

    def direction(self, label: str) -> np.ndarray:
        """Returns the unit vector float32 [dim] along which a label's logit grows fastest.

        Args:
          label: one of `labels`; a digit may be written as a figure.

        Raises:
          InvalidArgumentError: if it is none.
        """
        name = DIGITS[int(label)] if label in set("0123456789") - set(self.labels) else label
        if name not in self.labels:
            raise errors.InvalidArgumentError(f"label: {label!r} is none of {', '.join(self.labels)}")
        coef = self.coef[self.labels.index(name)]
        return coef / np.linalg.norm(coef)


def train_probe(vectors: np.ndarray, labels: Sequence[str]) -> Probe:
    """Fits a probe by multinomial logistic regression on standardised components, L2 penalty of weight 1.

    Args:
      vectors: [n, dim].
      labels: of each of them.

    Raises:
      InvalidArgumentError: if there are fewer than two classes.
    """
    if len(set(labels)) < 2:
        raise errors.InvalidArgumentError(
            f"labels: a probe needs two classes, but all {len(labels)} clips are of {len(set(labels))}"
        )
    scaler = StandardScaler().fit(vectors)
    model = LogisticRegression(max_iter=1000).fit(scaler.transform(vectors), labels)
    coef, intercept = model.coef_, model.intercept_
    if len(coef) == 1:  # scikit-learn has one logit for two classes
        coef, intercept = (np.concatenate([-x, x]) / 2 for x in (coef, intercept))
    coef = coef / scaler.scale_
    intercept = intercept - coef @ scaler.mean_
    return Probe(tuple(map(str, model.classes_)), coef.astype(np.float32), intercept.astype(np.float32))


def save_probes(path: str | os.PathLike, probes: Mapping[str, Probe]) -> None:
    """Writes probes to an .npz file: <name>_labels, <name>_coef, <name>_intercept. Nothing is pickled."""
    arrays: dict[str, Any] = {}
    for name, probe in probes.items():
        arrays[f"{name}_labels"] = np.array(probe.labels, np.str_)
        arrays[f"{name}_coef"], arrays[f"{name}_intercept"] = probe.coef, probe.intercept
    with paths.writing(path) as unfinished:
        np.savez(unfinished, **arrays)


def load_probes(path: str | os.PathLike | None = None) -> dict[str, Probe]:
    """Reads the probes of a file that `train_latent_probe` wrote; by default the pretrained ones.

    Raises:
      ModelFileError: if there is none, or it is no such file.
    """
    path = path or paths.bundled("latent_probe.npz")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
        names = [key.removesuffix("_labels") for key in arrays if key.endswith("_labels")]
        probes = {
            name: Probe(
                tuple(arrays[f"{name}_labels"].tolist()), arrays[f"{name}_coef"], arrays[f"{name}_intercept"]
            )
            for name in names
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise errors.ModelFileError(f"{path}: not a file of probes that train_latent_probe wrote") from error
    if not probes or not all(map(_is_sound, probes.values())):
        raise errors.ModelFileError(f"{path}: not a file of probes that train_latent_probe wrote")
    return probes


def _is_sound(probe: Probe) -> bool:
    count = len(probe.labels)
    return (
        probe.coef.ndim == 2
        and len(probe.coef) == count == len(np.ravel(probe.intercept))
        and bool(np.isfinite(probe.coef).all() and np.isfinite(probe.intercept).all())
        and all(isinstance(label, str) for label in probe.labels)
    )
