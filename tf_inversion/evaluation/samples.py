"""How good a generator's samples are: by an evaluation classifier, and by their spectra."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import scipy.signal
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.batching import batches
from tf_inversion.evaluation.metrics import inception_score
from tf_inversion.generators.base import Generator
from tf_inversion.networks.classifier import Classifier

CONFIDENT = 0.8


#: Metric -> value, None where it is not defined; under "shares" class -> share of the clips.
SampleMetrics = dict[str, Any]


def evaluate_samples(
    clips: Mapping[str, np.ndarray],
    sample_rate: int,
    judge: Classifier,
    *,
    batch_size: int = 64,
    progress: Callable[[Iterable], Iterable] = iter,
) -> dict[str, SampleMetrics]:
    """Compares synthesized clips with real ones.

    Args:
      clips: "synthesized" and "real" -> audio [n, num_samples], at least two.
      sample_rate: in hertz.
      judge: the evaluation classifier, see `check_judge`.
      batch_size: clips at once; bounds the memory.
      progress: wraps the loops over batches.

    Returns:
      For each of `clips` its metrics, all but the level of the background and of tones by the judge.
    """
    judged = {}
    for name, audio in clips.items():
        parts = batches(audio, batch_size=batch_size, progress=progress)
        judged[name] = embed(judge, (part for (part,) in parts))
    evaluation: dict[str, SampleMetrics] = {}
    for name, audio in clips.items():
        values = {
            "clips": len(audio),
            **sample_metrics(*judged[name], judged["real"][0]),
            "background_db": float(np.median(background_levels(audio, sample_rate))),
            **{f"tone_{tone}_hz_db": level for tone, level in tone_levels(audio, sample_rate).items()},
        }
        # Too few clips have no inception score.
        evaluation[name] = {key: value if np.isfinite(value) else None for key, value in values.items()}
        evaluation[name]["shares"] = dict(zip(judge.label_names, _class_shares(judged[name][1]).tolist()))
    return evaluation


def cells(evaluation: Mapping[str, SampleMetrics]) -> list[list[str]]:
    """Returns the lines of a table, the heading first: metrics and shares of the classes."""
    lines = [["", *evaluation]]
    some = evaluation["real"]
    for key in (key for key in some if key != "shares"):
        values = [metrics[key] for metrics in evaluation.values()]
        lines.append([key, *("-" if value is None else f"{value:.4g}" for value in values)])
    for label in some["shares"]:
        lines.append([label, *(f"{metrics['shares'][label]:.1%}" for metrics in evaluation.values())])
    return lines


def check_judge(judge: Classifier, generator: Generator) -> None:
    """Refuses an evaluation classifier that does not fit a generator's clips, or the beginning of them.

    Raises:
      InvalidArgumentError: if it has no features, another sample rate, or wants longer clips.
    """
    if not hasattr(judge, "features"):
        raise errors.InvalidArgumentError(
            "judge: the official score model gives no embedding; take one that train_classifier wrote"
        )
    if judge.sample_rate != generator.sample_rate or judge.num_samples > generator.num_samples:
        raise errors.InvalidArgumentError(
            f"judge: takes {judge.num_samples} samples at {judge.sample_rate} Hz, but the generator makes "
            f"{generator.num_samples} at {generator.sample_rate} Hz; take one that was trained for it"
        )


def embed(judge: Classifier, parts: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Returns what the judge computes of clips.

    Args:
      judge: of clips no longer than these, of which it takes the beginning; of several channels the mean.
      parts: audio [batch, num_samples] or [batch, num_channels, num_samples].

    Returns:
      Its last activations [n, width] and the probabilities of the classes [n, classes].
    """
    mono = (
        audio if audio.ndim == 2 else tf.reduce_mean(audio, 1) for audio in map(tf.convert_to_tensor, parts)
    )
    layers = [judge.features(audio[:, : judge.num_samples], ["embedding", "logits"]) for audio in mono]
    embeddings, logits = (np.concatenate(part) for part in zip(*layers))
    return embeddings, tf.nn.softmax(logits).numpy()


def sample_metrics(embeddings: np.ndarray, probabilities: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Describes synthesized clips by what `embed` returned, beside the embeddings of real ones.

    Returns:
      frechet_distance: see below, to the real clips.
      inception_score: mean over ten splits.
      class_entropy: of the predicted classes' shares, in nats; log(10) = 2.30 for ten alike.
      rarest_class, commonest_class: share of the clips.
      confident: share of the clips of which the judge gives a class a probability above 0.8.
    """
    shares = _class_shares(probabilities)
    present = shares[shares > 0]
    return {
        "frechet_distance": frechet_distance(embeddings, real),
        "inception_score": inception_score(probabilities)[0],
        "class_entropy": float(np.sum(present * np.log(1 / present))),
        "rarest_class": float(shares.min()),
        "commonest_class": float(shares.max()),
        "confident": float(np.mean(probabilities.max(1) > CONFIDENT)),
    }


def _class_shares(probabilities: np.ndarray) -> np.ndarray:
    """Returns the share of the clips [classes] in which each class is the likeliest."""
    return np.bincount(probabilities.argmax(1), minlength=probabilities.shape[1]) / len(probabilities)


def frechet_distance(embeddings: np.ndarray, others: np.ndarray) -> float:
    """Squared Fréchet distance between Gaussians fitted to two sets of embeddings [n, width].

    |mean - mean'|^2 + trace(C + C' - 2 (C C')^(1/2)), as in the Fréchet
    inception distance (Heusel et al. 2017). It falls with the number of clips,
    so only distances between sets of like sizes compare.
    """
    means = [x.mean(0, dtype=np.float64) for x in (embeddings, others)]
    covariances = [np.cov(x.astype(np.float64), rowvar=False) for x in (embeddings, others)]
    # The root's trace is the sum of its eigenvalues, which are the roots of the product's. Unlike the
    # root itself they are found safely where a unit is always silent, or clips are few.
    squares = np.linalg.eigvals(covariances[0] @ covariances[1]).real
    trace = np.trace(covariances[0] + covariances[1]) - 2 * np.sum(np.sqrt(np.maximum(squares, 0)))
    return max(0.0, float(np.sum((means[0] - means[1]) ** 2) + trace))


def average_spectrum(audio: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns frequencies [bins] in Hz and the mean power spectrum [bins] of clips [n, num_samples].

    The powers add up to 1 (Welch's method, Hann windows of 1,024).
    """
    frequencies, power = scipy.signal.welch(audio, sample_rate, nperseg=1024)
    power = power.mean(tuple(range(power.ndim - 1)), dtype=np.float64)
    return frequencies, power / max(power.sum(), 1e-30)


def tone_levels(audio: np.ndarray, sample_rate: int) -> dict[int, float]:
    """Returns the level of artefact tones at 1, 4 and 8 kHz, in dB relative to the clips' power.

    Strided convolutions upsampling by four can hum at multiples of the rate over 16. A tone is what a
    bin of the average spectrum has above the median of its neighbours within 150 Hz; at least -120 dB.
    """
    frequencies, power = average_spectrum(audio, sample_rate)
    levels = {}
    for tone in (1000, 4000, 8000):
        at = np.abs(frequencies - tone) < sample_rate / 1024
        around = (np.abs(frequencies - tone) < 150) & ~at
        if at.any() and around.any():
            excess = power[at].max() - np.median(power[around])
            levels[tone] = float(10 * np.log10(max(excess, 1e-12)))
    return levels


def background_levels(audio: np.ndarray, sample_rate: int, seconds: float = 0.1) -> np.ndarray:
    """Returns the level [n] of the end of clips [n, num_samples], in dB relative to their loud part.

    The end is the last `seconds`, the loud part are the frames of 16 ms within 20 dB of the loudest. At
    least -120 dB; a sound that is still going on at the end is loud there.
    """
    frame = int(0.016 * sample_rate)
    audio = audio.reshape(len(audio), -1, audio.shape[-1])  # with an axis of channels
    frames = audio[..., : audio.shape[-1] // frame * frame].reshape(*audio.shape[:2], -1, frame)
    power = np.mean(frames.astype(np.float64) ** 2, axis=(1, 3))
    loud = power >= power.max(1, keepdims=True) / 100
    level = np.sum(power * loud, 1) / np.sum(loud, 1)
    end = np.mean(audio[..., -int(seconds * sample_rate) :].astype(np.float64) ** 2, axis=(1, 2))
    return 10 * np.log10(np.maximum(end / np.maximum(level, 1e-30), 1e-12))
