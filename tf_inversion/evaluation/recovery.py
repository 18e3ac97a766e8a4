"""How well a generator recovers clips, which tells what it has learnt from what it has memorised.

A generator that has learnt more comes nearer to real clips (Creswell and Bharath: Inverting the Generator
of a Generative Adversarial Network, 2018). One that has its training clips by heart comes nearer to them
than to clips that it has not seen (Webster et al.: Detecting Overfitting of Deep Generative Networks via
Latent Recovery, 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import scipy.stats

from tf_inversion.audio import mel
from tf_inversion.batching import in_batches
from tf_inversion.evaluation import tables
from tf_inversion.generators.base import Generator
from tf_inversion.inversion.invert import invert
from tf_inversion.inversion.settings import InversionSettings

#: By the generator alone, so that another network can't favour one of two generators.
SETTINGS = InversionSettings(
    method="gradient",
    backend="batched",
    init="best_of_n",
    starts=1,
    objective="phase_free",
    max_iterations=60,
)
_COLUMNS = {
    "clips": ("recovered clips", "{}"),
    "num": ("number", "{}"),
    "median": ("mel L1, median", "{:.4f}"),
    "lower_quartile": ("lower quartile", "{:.4f}"),
    "upper_quartile": ("upper quartile", "{:.4f}"),
    "better_than_test": ("better than test", "{:.2f}"),
    "p_value": ("p", "{:.2g}"),
}
LEGEND = """\
mel L1: mean absolute difference of log10 mel magnitudes between a clip and its recovery. better than test:
probability that such a clip is recovered better than a test clip, 0.5 for clips like these; p: of the
difference, by the Mann-Whitney U test. Training clips that come out clearly above 0.5 were memorised."""


def recovery_errors(
    clips: Mapping[str, np.ndarray],
    generator: Generator,
    *,
    seed: int = 0,
    batch_size: int = 64,
    progress: Callable[[Iterable], Iterable] = iter,
) -> dict[str, np.ndarray]:
    """Inverts clips by the generator alone and measures what is left.

    L-BFGS on the phase-free objective, from the nearest of 1,024 random latent vectors.

    Args:
      clips: name of a set -> audio [n, num_samples].
      generator: z -> audio.
      seed: of the random latent vectors.
      batch_size: clips at once.
      progress: wraps the loops over the work.

    Returns:
      Name of a set -> `mel.log_mel_l1` [n] between its clips and their recoveries.
    """

    def error(audio, latents):
        return mel.log_mel_l1(audio, generator(latents), generator.sample_rate)

    found = {
        name: invert(audio, generator, SETTINGS, seed=seed, batch_size=batch_size, progress=progress)
        for name, audio in clips.items()
    }
    return {
        name: in_batches(error, clips[name], result.latents, batch_size=batch_size)
        for name, result in found.items()
    }


def compare(errors_of: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """Returns a row for each set of `recovery_errors`: quartiles, and how it compares with the set "test".

    `better_than_test` is the probability that a clip of the set has the smaller error of the two, ties
    counted half; `p_value` of the two-sided Mann-Whitney U test. Both are None for "test" itself.
    """
    rows = []
    for name, values in errors_of.items():
        lower, median, upper = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
        row = {"clips": name, "num": len(values), "median": median}
        row |= {"lower_quartile": lower, "upper_quartile": upper, "better_than_test": None, "p_value": None}
        if name != "test":
            test = scipy.stats.mannwhitneyu(errors_of["test"], values)
            row["better_than_test"] = float(test.statistic / (len(values) * len(errors_of["test"])))
            row["p_value"] = float(test.pvalue)
        rows.append(row)
    return rows


def markdown(rows: list[dict[str, Any]]) -> str:
    """Lays out what `compare` returns, with a legend."""
    return f"{tables.markdown(rows, _COLUMNS)}\n\n{LEGEND}"
