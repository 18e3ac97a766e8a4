"""The table of columns: every quantity that a table, file, page or figure shows, described once.

What is known of the n clips of one method is a `ClipTable`. A column names a quantity of it, or an aggregate
of quantities over the clips; whoever shows results goes through `COLUMNS`. A new metric is one entry.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np

from tf_inversion.audio import mel
from tf_inversion.evaluation import metrics

#: Column's key -> its values of n clips, [n] or, for what only aggregates use, [n, ...].
ClipTable = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Column:
    """A quantity of each clip, or over all clips.

    Attributes:
      key: names it in files and in a `ClipTable`.
      heading: names it to readers.
      format: of one value.
      legend: what it means.
      best: which value is best. Columns that say so stand wherever there is room for few.
      measure: a metric of `metrics`, of clips, reconstructions and sample rate, [batch]; None for what is
        not computed from these.
      aggregate: from values of all clips to one number, NaN if there is none; None if there is no such.
      of: keys of what `aggregate` is given; () for the column's own values. A column that names others has
        none of its own.
    """

    key: str
    heading: str
    format: str = "{}"
    legend: str = ""
    best: str = ""
    measure: Callable | None = None
    aggregate: Callable[..., float] | None = None
    of: tuple[str, ...] = ()

    def text(self, value: str | float | None) -> str:
        """Returns a value as readers see it, "-" for None and NaN."""
        undefined = value is None or value != value
        return "-" if undefined or value == "" else self.format.format(value)

    def over(self, table: ClipTable) -> float | None:
        """Returns the aggregate over all clips; None where it is not defined."""
        keys = self.of or (self.key,)
        if self.aggregate is None or any(key not in table for key in keys):
            return None
        value = float(self.aggregate(*(table[key] for key in keys)))
        return value if math.isfinite(value) else None


def _mean(values: np.ndarray) -> float:
    """Mean of the values that are defined (a silent clip has no ratio to its level)."""
    values = values[~np.isnan(values)]
    return float(np.mean(values)) if len(values) else math.nan


def _share_at_most(level: float) -> Callable[..., float]:
    def share(values: np.ndarray, *_) -> float:
        values = values[~np.isnan(values)]
        return float(np.mean(values <= level)) if len(values) else math.nan

    return share


def _share_equal(expected: np.ndarray, predicted: np.ndarray) -> float:
    """Share of the clips of a known class that are predicted to be of it."""
    known = expected != ""
    return float(np.mean(predicted[known] == expected[known])) if known.any() else math.nan


def _inception_score(part: int) -> Callable[[np.ndarray], float]:
    def score(probabilities: np.ndarray) -> float:
        return metrics.inception_score(probabilities[~np.isnan(probabilities).any(1)])[part]

    return score


# fmt: off
COLUMNS = (
    Column("name", "clip"),
    Column("path", "file"),
    Column("label", "label"),
    Column("mse", "MSE", "{:.3g}", measure=metrics.mse, aggregate=_mean,
           legend="mean squared error of the waveforms, as in the paper; rewards silence on real audio"),
    Column("nmse_db", "nMSE dB", "{:.1f}", measure=metrics.nmse_db, aggregate=_mean, best="low is good",
           legend=f"squared error over the clip's energy, averaged in dB; {metrics.PERFECT_DB:.0f} is none"),
    Column("ssim", "SSIM", "{:.4f}", measure=metrics.ssim, aggregate=_mean, best="1 is best",
           legend="structural similarity of the STFTs' real parts, as in the paper; rewards silence, too"),
    Column("ssim_magnitude", "SSIM mag", "{:.3f}", measure=metrics.ssim_magnitude, aggregate=_mean,
           best="1 is best", legend="structural similarity of log-magnitude spectrograms, blind to phase"),
    Column("log_mel_l1", "mel L1", "{:.3f}", measure=mel.log_mel_l1, aggregate=_mean, best="0 is best",
           legend="mean absolute difference of log10 mel magnitudes, blind to phase; 1 is 20 dB"),
    Column("rms_ratio", "RMS ratio", "{:.2f}", measure=metrics.rms_ratio, aggregate=_mean, best="1 is best",
           legend="level of the reconstruction over that of the clip"),
    Column("latent_mae", "z MAE", "{:.3g}", aggregate=_mean,
           legend="mean |z' - z| over the components of the latent vector and the clips"),
    Column("latent_mae_median", "z MAE, median", "{:.3g}", aggregate=np.median, of=("latent_mae",),
           legend="mean |z' - z| of the median clip"),
    Column("latent_correlation", "z corr.", "{:.3f}", aggregate=metrics.latent_correlation,
           of=("true_latents", "latents"), legend="Pearson correlation of all components of z and z'"),
    Column("latent_jacobian_db", "J-weighted dB", "{:.1f}", aggregate=_mean,
           legend="10 log10(|J (z' - z)|^2 / |G(z)|^2): z' - z weighted by the generator's Jacobian J at z"),
    Column("solved", f"≤ {metrics.SOLVED_DB:.0f} dB", "{:.1%}", of=("nmse_db",),
           aggregate=_share_at_most(metrics.SOLVED_DB), legend="share of the clips with such an nMSE"),
    Column("exact", f"≤ {metrics.EXACT_DB:.0f} dB", "{:.1%}", of=("nmse_db", "true_latents"),
           aggregate=_share_at_most(metrics.EXACT_DB), legend="share of the clips with such an nMSE"),
    Column("accuracy", "accuracy", "{:.1%}", aggregate=_share_equal,
           of=("label", "predicted_label_of_reconstruction"),
           legend="share of the labelled clips whose label the evaluation classifier predicts"),
    Column("agreement", "agreement", "{:.1%}", aggregate=_share_equal,
           of=("predicted_label", "predicted_label_of_reconstruction"),
           legend="share of the clips of which it predicts the same class before and after"),
    Column("inception_score_mean", "inception score", "{:.2f}", aggregate=_inception_score(0),
           of=("probabilities",), legend="by the evaluation classifier, mean and standard deviation over "
           f"{metrics.NUM_SPLITS} splits, one of less than 100 clips; at most the clips in a split"),
    Column("inception_score_std", "", aggregate=_inception_score(1), of=("probabilities",)),
    Column("seconds_per_clip", "s/clip", "{:.3g}", aggregate=_mean, of=("wall_seconds",),
           legend="wall time of the whole inversion, shared out among the clips"),
    Column("predicted_label", "predicted"),
    Column("predicted_label_of_reconstruction", "reconstructed"),
    Column("objective", "objective", "{:.4g}"),
    Column("status", "status"),
    Column("iterations", "iterations"),
    Column("evaluations", "evaluations"),
    Column("seconds", "seconds", "{:.3g}"),
    Column("condition", "condition"),
    Column("gain", "gain dB", "{:.2f}"),
    Column("shift", "shift", "{:.2f}"),
    Column("latent_std", "z std. dev.", "{:.3f}"),
)
# fmt: on

PER_CLIP = tuple(column for column in COLUMNS if not column.of)
AGGREGATES = tuple(column for column in COLUMNS if column.aggregate)
#: Those that stand wherever there is room for few.
MAIN = tuple(column for column in COLUMNS if column.best)


def pick(*keys: str) -> list[Column]:
    """Returns the columns of these keys, in this order."""
    named = {column.key: column for column in COLUMNS}
    return [named[key] for key in keys]


def aggregates(table: ClipTable) -> dict[str, float | None]:
    """Returns every aggregate of one method's clips, None where it is not defined."""
    return {column.key: column.over(table) for column in AGGREGATES}


def rows(table: ClipTable) -> list[dict[str, str | float | int]]:
    """Returns a row for each clip, of the columns that the table has, in their order."""
    keys = [column.key for column in PER_CLIP if column.key in table]
    return [dict(zip(keys, values)) for values in zip(*(table[key].tolist() for key in keys))]
