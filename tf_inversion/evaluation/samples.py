"""How good a generator's samples are, by a classifier that it was not trained with."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from tf_inversion.evaluation.metrics import inception_score
from tf_inversion.networks.classifier import Classifier

CONFIDENT = 0.8


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
    return float(np.sum((means[0] - means[1]) ** 2) + trace)
