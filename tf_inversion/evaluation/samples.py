"""How good a generator's samples are: by a classifier that it was not trained with, and by their spectra."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import scipy.signal
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.evaluation.metrics import inception_score
from tf_inversion.generators.base import Generator
from tf_inversion.networks.classifier import Classifier

CONFIDENT = 0.8


def check_judge(judge: Classifier, generator: Generator) -> None:
    """Refuses a judge that can't listen to a generator's clips, of which it may hear the beginning only.

    Raises:
      InvalidArgumentError: if it has no features, another sample rate, or wants longer clips.
    """
    if not hasattr(judge, "features"):
        raise errors.InvalidArgumentError(
            "judge: the official score model gives no embedding; take one that train_classifier wrote"
        )
    if judge.sample_rate != generator.sample_rate or judge.num_samples > generator.num_samples:
        raise errors.InvalidArgumentError(
            f"judge: hears {judge.num_samples} samples at {judge.sample_rate} Hz, but the generator makes "
            f"{generator.num_samples} at {generator.sample_rate} Hz; take one that was trained for it"
        )


def embed(judge: Classifier, batches: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Returns what the judge makes of clips.

    Args:
      judge: of clips no longer than these, of which it hears the beginning.
      batches: audio [batch, num_samples].

    Returns:
      Its last activations [n, width] and the probabilities of the words [n, words].
    """
    parts = [judge.features(audio[:, : judge.num_samples], ["embedding", "logits"]) for audio in batches]
    embeddings, logits = (np.concatenate(part) for part in zip(*parts))
    return embeddings, tf.nn.softmax(logits).numpy()


def sample_metrics(embeddings: np.ndarray, probabilities: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Describes synthesized clips by what `embed` returned, beside the embeddings of real ones.

    Returns:
      frechet_distance: see below, to the real clips.
      inception_score: mean over ten splits.
      word_entropy: of how often each word is heard, in nats; log(10) = 2.30 for ten alike.
      rarest_word, commonest_word: share of the clips.
      confident: share of the clips in which the judge hears a word with a probability above 0.8.
    """
    shares = np.bincount(probabilities.argmax(1), minlength=probabilities.shape[1]) / len(probabilities)
    heard = shares[shares > 0]
    return {
        "frechet_distance": frechet_distance(embeddings, real),
        "inception_score": inception_score(probabilities)[0],
        "word_entropy": float(np.sum(heard * np.log(1 / heard))),
        "rarest_word": float(shares.min()),
        "commonest_word": float(shares.max()),
        "confident": float(np.mean(probabilities.max(1) > CONFIDENT)),
    }


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
    power = power.mean(0, dtype=np.float64)
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
    """Returns the level [n] of what clips [n, num_samples] end with, in dB relative to the word.

    The end is the last `seconds`, the word are the frames of 16 ms within 20 dB of the loudest. At least
    -120 dB; a word that is still going on at the end is loud there.
    """
    frame = int(0.016 * sample_rate)
    frames = audio[:, : audio.shape[1] // frame * frame].reshape(len(audio), -1, frame)
    power = np.mean(frames.astype(np.float64) ** 2, axis=2)
    word = power >= power.max(1, keepdims=True) / 100
    level = np.sum(power * word, 1) / np.sum(word, 1)
    end = np.mean(audio[:, -int(seconds * sample_rate) :].astype(np.float64) ** 2, axis=1)
    return 10 * np.log10(np.maximum(end / np.maximum(level, 1e-30), 1e-12))
