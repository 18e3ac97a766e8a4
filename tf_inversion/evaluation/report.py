"""report.html: each clip and what the methods made of it, to hear, to see and to compare.

The pages hold all they show: audio as FLAC, spectrograms as PNG, the rest as
SVG. They open from disk and send for nothing, which their own policy forbids.
A page has 25 clips; the first one has the tables of all.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from tf_inversion import pages, paths
from tf_inversion.evaluation import columns, figures, results
from tf_inversion.evaluation.evaluation import Evaluation

CLIPS_PER_PAGE = 25
_NUM_EXTREMES = 3  # best and worst clips that are named
_WIDTH = 256  # of a waveform's image
# Columns of the table of all clips, words first, and those that stand under each reconstruction.
_WORDS = ("predicted_label", "predicted_label_of_reconstruction", "status")
_IN_TABLE = columns.pick(*_WORDS, *(column.key for column in columns.MAIN), "iterations", "seconds")
_NUMBERS = [column for column in columns.PER_CLIP if column.key not in ("name", "path", "label", *_WORDS[:2])]


@dataclasses.dataclass(frozen=True)
class Section:
    """Clips of one kind and what each method made of them.

    Attributes:
      title: heads the section.
      evaluation: of the clips, which have names, by at least one method.
      num_clips: how many are shown, from the first.
      table: lines of cells, the heading first, to stand on top; empty for none.
      figures: caption -> SVG, to stand under the table.
    """

    title: str
    evaluation: Evaluation
    num_clips: int
    table: Sequence[Sequence[str]] = ()
    figures: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def rows(self) -> dict[str, list[dict]]:
        """Returns of each method a row for each clip that is shown."""
        per_clip = self.evaluation.per_clip
        return {
            method: columns.rows(per_clip[method])[: self.num_clips] for method in self.evaluation.results
        }


def write_report(
    folder: str | os.PathLike,
    sections: Sequence[Section],
    provenance: Mapping[str, str],
    progress: Callable[[Iterable], Iterable] = iter,
) -> list[Path]:
    """Writes report.html, report-2.html and so on, and removes the pages of a longer earlier report.

    Args:
      folder: to write to, made if absent.
      sections: what it shows; without one, the earlier report is removed.
      provenance: how to make it again, such as "command" -> the command line.
      progress: wraps the loop over the pages.

    Returns:
      The paths of the pages.
    """
    clips = [(section, i) for section in sections for i in range(section.num_clips)]
    rows = {section.title: section.rows() for section in sections}
    some_row = next((row for methods in rows.values() for row, *_ in methods.values()), {})
    starts = range(0, len(clips), CLIPS_PER_PAGE)
    for start in progress(starts):
        shown = clips[start : start + CLIPS_PER_PAGE]
        html = pages.render(
            "report.html",
            start=start,
            end=start + len(shown),
            num_clips=len(clips),
            clips_per_page=CLIPS_PER_PAGE,
            page_name=_page_name,
            extremes=_extremes,
            in_table=[column for column in _IN_TABLE if column.key in some_row],
            num_words=sum(isinstance(some_row.get(column.key), str) for column in _IN_TABLE),
            numbers=_NUMBERS,
            legend=results.legend(),
            sections=sections,
            rows=rows,
            provenance=provenance,
            kilohertz=f"{sections[0].evaluation.clips.sample_rate / 2000:g}",
            clips=[(section, i, cards) for (section, i), cards in zip(shown, _cards(shown))],
        )
        with paths.writing(Path(folder, _page_name(start))) as unfinished:
            # A path that is no text is shown as well as it can be.
            unfinished.write_text(html, encoding="utf-8", errors="replace")
    stale = len(clips) + CLIPS_PER_PAGE - 1
    while (page := Path(folder, _page_name(stale))).exists():
        paths.remove(page)
        stale += CLIPS_PER_PAGE
    return [Path(folder, _page_name(start)) for start in starts]


def _page_name(k: int) -> str:
    """Returns the name of the page that holds clip k of the report, counted from 0."""
    number = k // CLIPS_PER_PAGE + 1
    return "report.html" if number == 1 else f"report-{number}.html"


def _extremes(rows: Sequence[Mapping]) -> list[list[int]]:
    """Returns which clips came out nearest to the original and which furthest from it, those first."""
    distances = np.array([row["log_mel_l1"] for row in rows])
    order = [int(i) for i in np.argsort(distances) if np.isfinite(distances[i])]
    count = min(_NUM_EXTREMES, len(order) // 2)
    return [order[:count], order[::-1][:count]]


def _cards(shown: Sequence[tuple[Section, int]]) -> Iterator[list[dict]]:
    """Yields for each clip a card of the original and one of what each method made of it."""
    versions = [_versions(section.evaluation, i) for section, i in shown]
    rate = shown[0][0].evaluation.clips.sample_rate
    images = iter(figures.decibels(np.stack([x for audio in versions for x in audio.values()]), rate))
    for (section, i), audio in zip(shown, versions):
        clips, inversions = section.evaluation.clips, section.evaluation.results
        latents = {} if clips.latents is None else {"original": clips.latents[i]}
        latents.update((method, result.latents[i]) for method, result in inversions.items())
        traces = {method: result.trace[i] for method, result in inversions.items() if result.trace}
        peak = max(1e-3, *(np.abs(samples).max() for samples in audio.values()))
        reach = max(1.0, *(np.abs(np.nan_to_num(z)).max() for z in latents.values()))
        yield [
            {
                "version": version,
                "sound": pages.sound(samples, rate),
                "waveform": _envelope(figures.mono(samples[np.newaxis])[0], peak),
                "image": pages.data_uri("image/png", figures.spectrogram_png(next(images))),
                "latents": _bars(latents[version], reach) if version in latents else None,
                "latent_dim": len(latents[version]) if version in latents else 0,
                "trace": _trace(traces.get(version, np.zeros((0, 2)))),
            }
            for version, samples in audio.items()
        ]


def _versions(evaluation: Evaluation, i: int) -> dict[str, np.ndarray]:
    """Returns clip i and what each method made of it; what it could not invert is silent."""
    versions = {"original": evaluation.clips.audio[i]}
    versions.update((name, result.audio[i]) for name, result in evaluation.results.items())
    return {name: np.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0) for name, x in versions.items()}


def _envelope(samples: np.ndarray, peak: float) -> str:
    """Draws from the least to the largest sample of each pixel column; a line at the least."""
    edges = np.linspace(0, len(samples), min(_WIDTH, len(samples)), endpoint=False).astype(int)
    tops = np.rint(50 - 48 * np.maximum.reduceat(samples, edges) / peak).astype(int)
    bottoms = np.rint(50 - 48 * np.minimum.reduceat(samples, edges) / peak).astype(int)
    lines = zip(tops, np.maximum(bottoms, tops + 1))
    return "".join(f"M{x} {top}V{bottom}" for x, (top, bottom) in enumerate(lines))


def _bars(values: np.ndarray, reach: float) -> str:
    heights = np.rint(50 - 48 * np.nan_to_num(values) / reach).astype(int)
    return "".join(f"M{x} 50V{y}" for x, y in enumerate(heights) if y != 50)


def _trace(points: np.ndarray) -> tuple[str, str] | None:
    """Draws the objective over the iterations, its logarithm filling the height; and tells its ends."""
    if len(points) < 2:
        return None
    iterations, values = np.asarray(points, np.float64).T
    level = np.log10(np.maximum(values, 1e-30))
    x = np.rint(_WIDTH * (iterations - iterations[0]) / max(np.ptp(iterations), 1)).astype(int)
    y = np.rint(96 - 92 * (level - level.min()) / max(np.ptp(level), 1e-9)).astype(int)
    text = f"{values[0]:.3g} at {iterations[0]:.0f} → {values[-1]:.3g} at {iterations[-1]:.0f}"
    return "M" + "L".join(f"{a} {b}" for a, b in zip(x, y)), text
