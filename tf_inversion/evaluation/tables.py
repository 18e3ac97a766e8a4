"""Tables 1 and 2 of the paper for any generator and methods, with the rows that keep them honest.

A method stands between the clips themselves (`reference`), `silence` and the
generator's answer to the zero vector (`zero_latent`): what does not beat the
last two has recovered nothing.
"""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import keras
import numpy as np

from tf_inversion.evaluation import metrics
from tf_inversion.evaluation.clip_sets import ClipSet
from tf_inversion.generators.base import Generator
from tf_inversion.inversion.methods import without_warnings
from tf_inversion.inversion.result import InversionResult

_logger = logging.getLogger(__name__)

TITLES = {
    "synthesized": "Synthesized clips (the paper's Table 1)",
    "real": "Real clips (the paper's Table 2)",
}

# What the paper prints, as MSE, SSIM, accuracy, inception score and its standard deviation.
PAPER = {
    "synthesized": {
        "reference": (None, None, None, 7.23, 0.003),
        "gradient": (0.00489, 0.9618, None, 3.96, 0.203),
        "encoder": (0.00196, 0.9731, None, 7.50, 0.288),
        "hybrid": (0.00003, 0.9979, None, 7.23, 0.006),
    },
    "real": {
        "reference": (None, None, 0.9541, 9.20, 0.019),
        "gradient": (0.00959, 0.953, 0.1717, 2.20, 0.063),
        "encoder": (0.01176, 0.946, 0.7106, 7.93, 0.077),
        "hybrid": (0.00887, 0.954, 0.3693, 3.89, 0.027),
    },
}
_PAPER_KEYS = ("mse", "ssim", "accuracy", "inception_score_mean", "inception_score_std")

# Key, heading and format of each column of the Markdown table.
_COLUMNS = (
    ("mse", "MSE", "{:.3g}"),
    ("nmse_db", "nMSE dB", "{:.1f}"),
    ("ssim", "SSIM", "{:.4f}"),
    ("ssim_magnitude", "SSIM mag", "{:.3f}"),
    ("log_mel_l1", "mel L1", "{:.3f}"),
    ("rms_ratio", "RMS", "{:.2f}"),
    ("latent_mae", "z error", "{:.3g}"),
    ("latent_mae_median", "z median", "{:.3g}"),
    ("latent_correlation", "z corr", "{:.3f}"),
    ("latent_heard_db", "z heard dB", "{:.1f}"),
    ("solved", "solved", "{:.1%}"),
    ("exact", "exact", "{:.1%}"),
    ("accuracy", "accuracy", "{:.1%}"),
    ("agreement", "agree", "{:.1%}"),
    ("inception_score_mean", "inception", "{:.2f}"),
    ("seconds_per_clip", "s/clip", "{:.3g}"),
)
LEGEND = f"""\
- MSE, SSIM (real part of the STFT): the paper's. On real audio both reward silence.
- nMSE dB: 10 log10(squared error / energy of the clip), averaged in dB; {metrics.PERFECT_DB:.0f} is no error.
- SSIM mag, mel L1: of log-magnitude spectrograms and of log10 mel magnitudes; blind to phase.
- RMS: level out / in.
- solved, exact: shares of the clips at {metrics.SOLVED_DB:.0f} dB and {metrics.EXACT_DB:.0f} dB or under.
- z error, z median: mean |z - z'| over all clips, of the median clip; z corr: correlation with the true z.
- z heard dB: z' - z as far as it is heard, 10 log10(|J (z' - z)|^2 / |G(z)|^2), J the generator's Jacobian.
- accuracy, agree: share to which the judge gives the label, or the word that it gives to the clip itself.
- inception: score over {metrics.NUM_SPLITS} splits, one of less than 100 clips; at most the clips in a split.
- (paper): printed there for the row above; the official SC09 generator, another judge and scale of SSIM.
"""


@dataclasses.dataclass(frozen=True)
class _Answer:
    """What a row of the table answers to the clips."""

    audio: np.ndarray
    latents: np.ndarray | None = None
    seconds_per_clip: float | None = None


def evaluate(
    clips: ClipSet,
    generator: Generator,
    methods: Mapping[str, Callable[[np.ndarray], InversionResult]],
    judge: keras.Model,
    *,
    batch_size: int = 64,
    progress: Callable[[Iterable], Iterable] = iter,
) -> dict[str, dict[str, float | int | list | None]]:
    """Fills one table: a row for each of `reference`, `silence`, `zero_latent` and the methods.

    Args:
      clips: what is inverted.
      generator: z [b, latent_dim] -> audio [b, num_samples].
      methods: row name -> like `invert`, audio [n, num_samples] to its inversion. Each runs for
        an iteration on a few clips, to be compiled, before it is timed.
      judge: audio [b, num_samples] -> logits; a network that no loss has seen.
      batch_size: clips at once; bounds the memory of generator, judge and metrics.
      progress: wraps loops over batches of judge and metrics.

    Returns:
      Row name -> key -> value: means over the clips, None where a value has no meaning; under
      "confusion" counts, see `metrics.confusion`, of labelled clips. A reconstruction that is not
      finite counts as silence, and is warned of.
    """
    batches = {"batch_size": batch_size, "progress": progress}
    probabilities = metrics.judge_probabilities(judge, clips.audio, **batches)
    words = probabilities.argmax(1)
    rows = {}
    for name, answer in _answers(clips, generator, methods, batch_size):
        answer = _finite(name, answer)
        given = metrics.judge_probabilities(judge, answer.audio, **batches)
        rows[name] = {
            **_distances(clips, generator, answer, batches),
            **_opinions(given, words, clips.labels),
            "seconds_per_clip": answer.seconds_per_clip,
        }
    return rows


def _answers(clips, generator, methods, batch_size) -> Iterator[tuple[str, _Answer]]:
    shape = clips.audio.shape
    yield "reference", _Answer(clips.audio, clips.latents)
    yield "silence", _Answer(np.broadcast_to(np.float32(0), shape))
    zero = np.zeros((1, generator.latent_dim), np.float32)
    audio = np.broadcast_to(generator(zero).numpy(), shape)
    yield "zero_latent", _Answer(audio, np.broadcast_to(zero, (len(audio), generator.latent_dim)))
    for name, run in methods.items():
        with without_warnings():  # that a single iteration was not enough
            for count in (2, 3):  # traces for any number
                run(clips.audio[:count], max_iterations=1)
        began = time.perf_counter()
        result = run(clips.audio)
        seconds = time.perf_counter() - began
        yield name, _Answer(result.audio, result.latents, seconds / len(clips.audio))


def _finite(name: str, answer: _Answer) -> _Answer:
    good = np.isfinite(answer.audio).all(axis=1, keepdims=True)
    if good.all():
        return answer
    _logger.warning("%s: %d reconstructions are not finite and count as silence", name, np.sum(~good))
    return dataclasses.replace(
        answer, audio=np.where(good, answer.audio, 0), latents=np.where(good, answer.latents, 0)
    )


def _distances(
    clips: ClipSet, generator: Generator, answer: _Answer, batches: Mapping
) -> dict[str, float | int | None]:
    per_clip = metrics.clip_metrics(clips.audio, answer.audio, clips.sample_rate, **batches)
    nmse_db = per_clip["nmse_db"][~np.isnan(per_clip["nmse_db"])]
    both = clips.latents is not None and answer.latents is not None
    latent_error = np.abs(clips.latents - answer.latents).mean(1) if both else None
    return {
        "num_clips": len(clips.audio),
        **{key: _mean(values) for key, values in per_clip.items()},
        "latent_mae": float(np.mean(latent_error)) if both else None,
        "latent_mae_median": float(np.median(latent_error)) if both else None,
        "latent_correlation": (
            _number(metrics.latent_correlation(clips.latents, answer.latents)) if both else None
        ),
        "latent_heard_db": (
            _mean(metrics.latent_heard_db(generator, clips.latents, answer.latents, **batches))
            if both
            else None
        ),
        "solved": _mean(nmse_db <= metrics.SOLVED_DB),
        "exact": None if clips.latents is None else _mean(nmse_db <= metrics.EXACT_DB),
    }


def _opinions(probabilities: np.ndarray, words: np.ndarray, labels: np.ndarray | None) -> dict:
    given = probabilities.argmax(1)
    score, deviation = metrics.inception_score(probabilities)
    num_words = probabilities.shape[1]
    return {
        "accuracy": None if labels is None else _mean((given == labels)[labels >= 0]),
        "agreement": _mean(given == words),
        "inception_score_mean": _number(score),
        "inception_score_std": _number(deviation),
        "confusion": None if labels is None else metrics.confusion(labels, given, num_words).tolist(),
    }


def _mean(values: np.ndarray) -> float | None:
    """Mean of the values that are defined (a silent clip has no ratio to its level)."""
    values = values[~np.isnan(values)]
    return float(np.mean(values)) if len(values) else None


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def cells(kind: str, rows: Mapping[str, Mapping], paper: str | None = "(paper)") -> list[list[str]]:
    """Returns the lines of one of the tables, the heading first.

    The figures that the paper prints stand under the row of the same method, in a line named `paper`; {} in
    it is the method, and None leaves these lines out.
    """
    lines = []
    for name, row in rows.items():
        lines.append((name, row))
        if paper and name in PAPER[kind]:
            lines.append((paper.format(name), dict(zip(_PAPER_KEYS, PAPER[kind][name]))))
    columns = [column for column in _COLUMNS if any(row[column[0]] is not None for row in rows.values())]
    return [
        [kind, *(heading for _, heading, _ in columns)],
        *([name, *(_cell(row, key, template) for key, _, template in columns)] for name, row in lines),
    ]


def _cell(row: Mapping, key: str, template: str) -> str:
    if row.get(key) is None:
        return "-"
    text = template.format(row[key])
    if key == "inception_score_mean" and row["inception_score_std"] is not None:
        return f"{text} ± {row['inception_score_std']:.3f}"
    return text


def layout(lines: Sequence[Sequence[str]]) -> str:
    """Sets lines of cells, the heading first, as a Markdown table with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    padded = [
        [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))]
        for line in [lines[0], rule, *lines[1:]]
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in padded)
