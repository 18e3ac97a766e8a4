"""Real or synthesized? Two answers.

By features: a linear classifier on the inverter's features, trained on real and
synthesized clips, as the paper's authors did later. It knows what synthesized
clips of its training look like.

By attribution: a clip that this generator made has a latent vector that makes
it again, and `invert` finds it; no other clip has. It needs no training, tells
which generator made a clip, and the latent vector is the proof.

A detector is a function from clips float32 [n, num_samples] to scores [n], higher for synthesized ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from sklearn.metrics import roc_auc_score

from tf_inversion.applications.features import inverter_features
from tf_inversion.applications.probe import train_probe
from tf_inversion.evaluation.metrics import PERFECT_DB
from tf_inversion.evaluation.tables import markdown
from tf_inversion.generators.base import Generator
from tf_inversion.inversion.invert import invert, without_warnings
from tf_inversion.networks.inverter import Inverter

Detector = Callable[[np.ndarray], np.ndarray]


def train_detector(
    inverter: Inverter,
    real: np.ndarray,
    synthesized: np.ndarray,
    *,
    batch_size: int = 64,
    progress: Callable[[Iterable], Iterable] = iter,
) -> Detector:
    """Trains a linear classifier on the inverter's features of clips.

    Args:
      inverter: is left as it is.
      real, synthesized: clips float32 [n, num_samples]; their levels do not matter.
      batch_size: clips at once; bounds the memory.
      progress: wraps loops over batches, here and in the function.

    Returns:
      The detector: the scores are log-odds of being synthesized.
    """

    def features(audio: np.ndarray) -> np.ndarray:
        return inverter_features(inverter, audio, batch_size=batch_size, progress=progress)

    labels = ["real"] * len(real) + ["synthesized"] * len(synthesized)
    probe = train_probe(np.concatenate([features(real), features(synthesized)]), labels)
    return lambda audio: np.subtract(*probe.logits(features(audio)).T[::-1])


def residual_db(
    audio: np.ndarray,
    generator: Generator,
    *,
    starts: int = 2,
    max_iterations: int = 40,
    batch_size: int = 64,
    seed: int = 0,
    progress: Callable[[Iterable], Iterable] = iter,
) -> np.ndarray:
    """Returns what the generator can't explain of each clip, in dB of the clip's energy: float64 [n].

    The level of a clip is recovered with its latents, as files and codecs change it. The residual of a
    clip that is silent or not finite is 0 dB: nothing is explained.

    Args:
      audio: clips float32 [n, num_samples].
      generator: that is asked about.
      starts, max_iterations, batch_size, seed, progress: of `invert`; few iterations will do, since
        the clips that take many are those of others.
    """
    with without_warnings():  # the clips of others run out of iterations
        result = invert(
            audio,
            generator,
            "least_squares",
            init="best_of_n",
            starts=starts,
            max_iterations=max_iterations,
            adjust=("gain",),
            batch_size=batch_size,
            seed=seed,
            progress=progress,
        )
    energy = np.sum(np.square(audio, dtype=np.float64), 1)
    error = np.sum(np.square(audio - result.audio, dtype=np.float64), 1)
    ratio = np.divide(error, energy, out=np.ones_like(error), where=np.isfinite(error) & (energy > 0))
    return 10 * np.log10(np.maximum(ratio, 10 ** (PERFECT_DB / 10)))


def verdicts(
    names: Sequence[str], scores: Mapping[str, np.ndarray], threshold: float
) -> list[dict[str, str | float]]:
    """Returns a row for each clip.

    Args:
      names: of the n clips.
      scores: "attribution", the negative of `residual_db`, and, if there is such a detector, "features".
      threshold: the residual up to which a clip is the generator's own, in dB.

    Returns:
      name, residual_db, own (1 or 0) and, where there are such scores, features_log_odds.
    """
    rows: list[dict[str, str | float]] = []
    for i, name in enumerate(names):
        residual = -float(scores["attribution"][i])
        rows.append({"name": name, "residual_db": residual, "own": int(residual <= threshold)})
        if "features" in scores:
            rows[-1]["features_log_odds"] = float(scores["features"][i])
    return rows


def evaluate_detectors(
    clips: Mapping[str, np.ndarray],
    detectors: Mapping[str, Detector],
    degradations: Mapping[str, Callable[[np.ndarray], np.ndarray]],
    progress: Callable[[Iterable], Iterable] = iter,
) -> list[dict[str, str | float]]:
    """Measures detectors on kinds of clips after each degradation.

    Args:
      clips: the kinds, float32 [n, num_samples] under their names, the more synthetic first.
      detectors: under their names; each is called once, with all clips.
      degradations: clip [num_samples] -> clip [num_samples], under their names.
      progress: wraps the loop over what is degraded.

    Returns:
      A row for each degradation and detector, which these two name; for each pair of kinds "A / B" the area
      under the ROC curve; for each kind the median score.
    """
    parts = [(degradation, kind) for degradation in degradations for kind in clips]
    degraded = [
        np.stack([degradations[degradation](clip) for clip in clips[kind]])
        for degradation, kind in progress(parts)
    ]
    ends = np.cumsum([len(audio) for audio in degraded])[:-1]
    scores = {name: np.split(detect(np.concatenate(degraded)), ends) for name, detect in detectors.items()}
    rows: list[dict[str, str | float]] = []
    for degradation in degradations:
        for detector in detectors:
            of_kind = {
                kind: found for (name, kind), found in zip(parts, scores[detector]) if name == degradation
            }
            areas = {
                f"{a} / {b}": roc_auc(of_kind[a], of_kind[b]) for a, b in itertools.combinations(clips, 2)
            }
            medians = {f"median {kind}": float(np.median(found)) for kind, found in of_kind.items()}
            rows.append({"degradation": degradation, "detector": detector, **areas, **medians})
    return rows


def to_markdown(rows: Sequence[Mapping[str, str | float]]) -> str:
    """Lays out what `evaluate_detectors` returned as a Markdown table."""
    forms = {key: "{:.3f}" if " / " in key else "{:.1f}" if "median" in key else "{}" for key in rows[0]}
    return markdown(rows, {key: (key, form) for key, form in forms.items()})


def roc_auc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Returns the area under the ROC curve: 1 if all positive scores are larger, 0.5 by guessing."""
    truth = np.repeat([1, 0], [len(positive), len(negative)])
    return float(roc_auc_score(truth, np.concatenate([positive, negative])))
