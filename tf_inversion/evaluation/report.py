"""report.html: each clip and what the methods made of it, to hear, to see and to compare.

The pages hold all they show: audio as FLAC, spectrograms as PNG, the rest as
SVG. They open from disk and send for nothing, which their own policy forbids.
A page has 25 clips; the first one has the tables of all.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import os
import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

import matplotlib
import numpy as np
import soundfile
from PIL import Image

from tf_inversion import paths
from tf_inversion.evaluation import figures, tables
from tf_inversion.evaluation.per_clip import Row
from tf_inversion.inversion.result import InversionResult

CLIPS_PER_PAGE = 25
_TEMPLATE = Path(__file__).with_name("report_template.html")
_EXTREMES = 3  # best and worst clips that are named
_COLUMNS = 256  # of a waveform's picture
_BRIGHTNESS = 255 / (figures.DECIBELS[1] - figures.DECIBELS[0])  # palette entries per dB
_PALETTE = (matplotlib.colormaps[figures.COLORS](np.arange(256))[:, :3] * 255).astype(np.uint8).tobytes()

# What a row of metrics.csv says, as heading and format; and what of it the table of all clips has.
_FIGURES = {
    "nmse_db": ("nMSE dB", "{:.1f}"),
    "mse": ("MSE", "{:.3g}"),
    "ssim": ("SSIM", "{:.4f}"),
    "log_mel_l1": ("mel L1", "{:.3f}"),
    "rms_ratio": ("RMS", "{:.2f}"),
    "gain": ("gain dB", "{:.2f}"),
    "shift": ("shift", "{:.2f}"),
    "latent_std": ("z error bar", "{:.3f}"),
    "objective": ("objective", "{:.4g}"),
    "iterations": ("iterations", "{}"),
    "evaluations": ("evaluations", "{}"),
    "seconds": ("seconds", "{:.3g}"),
}
_HEARD = ("predicted_digit", "predicted_digit_of_reconstruction")  # where there was a judge
_IN_TABLE = ("nmse_db", "ssim", "log_mel_l1", "rms_ratio", "iterations", "seconds")


@dataclasses.dataclass(frozen=True)
class Section:
    """Clips of one kind and what each method made of them.

    Attributes:
      title: heads the section.
      names: of the n clips that are shown. The other attributes may go on after them.
      audio: float32 [n, num_samples] in [-1, 1].
      results: method -> inversion of the clips; at least one.
      rows: method -> a row of `per_clip` for each clip.
      latents: float32 [n, latent_dim] that made the clips, if they are known.
      table: lines of cells, the heading first, to stand on top; empty for none.
      pictures: what it shows -> SVG, to stand under the table.
    """

    title: str
    names: Sequence[str]
    audio: np.ndarray
    results: Mapping[str, InversionResult]
    rows: Mapping[str, Sequence[Row]]
    latents: np.ndarray | None = None
    table: Sequence[Sequence[str]] = ()
    pictures: Mapping[str, str] = dataclasses.field(default_factory=dict)


def write_report(
    folder: str | os.PathLike,
    sections: Sequence[Section],
    sample_rate: int,
    made: Mapping[str, str],
    progress: Callable[[Iterable], Iterable] = iter,
) -> list[Path]:
    """Writes report.html, report-2.html and so on, and removes the pages of a longer earlier report.

    Args:
      folder: to write to, made if absent.
      sections: what it shows; without one, the earlier report is removed.
      sample_rate: in hertz.
      made: how the run was made, such as "command" -> the command line.
      progress: wraps the loop over the pages.

    Returns:
      The paths of the pages.
    """
    template = string.Template(_TEMPLATE.read_text(encoding="utf-8"))
    clips = [(section, i) for section in sections for i in range(len(section.names))]
    starts = range(0, len(clips), CLIPS_PER_PAGE)
    pages = [Path(folder) / _page_name(start) for start in starts]
    for page, start in progress(list(zip(pages, starts))):
        shown = clips[start : start + CLIPS_PER_PAGE]
        versions = [_versions(section, i) for section, i in shown]
        images = iter(
            figures.decibels(np.stack([x for audio in versions for x in audio.values()]), sample_rate)
        )
        body = [] if start else [*_overview(sections), _provenance(made)]
        for k, ((section, i), audio) in enumerate(zip(shown, versions), start):
            if i == 0 or k == start:
                body.append(f"<h2>{escape(section.title)}, one by one</h2>")
            body.append(_clip(section, i, k, audio, [next(images) for _ in audio], sample_rate))
        html = template.substitute(
            range=f"{start + 1} to {start + len(shown)} of {len(clips)}",
            kilohertz=f"{sample_rate / 2000:g}",
            navigation=_navigation(start, len(clips)),
            body="\n".join(body),
        )
        with paths.writing(page) as unfinished:
            unfinished.write_text(html, encoding="utf-8")
    stale = len(clips) + CLIPS_PER_PAGE - 1
    while (page := Path(folder) / _page_name(stale)).exists():
        page.unlink()
        stale += CLIPS_PER_PAGE
    return pages


def _page_name(k: int) -> str:
    """Returns the name of the page that holds clip k of the report, counted from 0."""
    number = k // CLIPS_PER_PAGE + 1
    return "report.html" if number == 1 else f"report-{number}.html"


def _link(k: int, text: str) -> str:
    return f'<a href="{_page_name(k)}#clip-{k + 1}">{escape(text)}</a>'


def _navigation(current: int, num_clips: int) -> str:
    links = [
        f'<a href="{_page_name(start)}"{" aria-current=page" if start == current else ""}>'
        f"{start + 1}&ndash;{min(start + CLIPS_PER_PAGE, num_clips)}</a>"
        for start in range(0, num_clips, CLIPS_PER_PAGE)
    ]
    return f'<nav aria-label="Pages of clips">Clips {" ".join(links)}</nav>' if len(links) > 1 else ""


def _overview(sections: Sequence[Section]) -> Iterator[str]:
    """What stands on top of the first page: of each section the tables, the extremes and the pictures."""
    first = 0
    for section in sections:
        yield f"<h2>{escape(section.title)}</h2>"
        if section.table:
            heading, *lines = section.table
            cells = [[escape(cell) for cell in line] for line in lines]
            yield _table(heading, cells, num_words=1)
        yield _extremes(section, first)
        yield "".join(
            f'<img class="figure" src="{_data_uri("image/svg+xml", svg.encode())}" alt="{escape(caption)}">'
            for caption, svg in section.pictures.items()
        )
        yield _table_of_clips(section, first)
        first += len(section.names)
    if any(section.table for section in sections):
        items = "".join(f"<li>{escape(line[2:])}</li>" for line in tables.LEGEND.splitlines())
        yield f"<details><summary>What the figures mean</summary><ul>{items}</ul></details>"


def _extremes(section: Section, first: int) -> str:
    """Returns which clips came out nearest to the original and furthest from it."""
    lines = []
    for method, rows in section.rows.items():
        distances = np.array([row["log_mel_l1"] for row in rows[: len(section.names)]], np.float64)
        order = [i for i in np.argsort(distances) if np.isfinite(distances[i])]
        count = min(_EXTREMES, len(order) // 2)
        best, worst = (
            ", ".join(_link(first + i, section.names[i]) + f" {distances[i]:.3f}" for i in chosen)
            for chosen in (order[:count], order[::-1][:count])
        )
        if count:
            lines.append(f"<dt>{escape(method)}</dt><dd>best {best}</dd><dd>worst {worst}</dd>")
    return f'<h3>Best and worst, by mel L1</h3><dl class="extremes">{"".join(lines)}</dl>' if lines else ""


def _table_of_clips(section: Section, first: int) -> str:
    cells = [
        [
            _link(first + i, name),
            escape(method),
            *(escape(str(row.get(key, "-"))) for key in _HEARD),
            escape(str(row["status"])),
            *(_figure(row, key) for key in _IN_TABLE),
        ]
        for i, name in enumerate(section.names)
        for method, row in ((method, rows[i]) for method, rows in section.rows.items())
    ]
    heading = ["clip", "method", "heard", "heard after", "status", *(_FIGURES[key][0] for key in _IN_TABLE)]
    return f"<h3>All clips</h3>{_table(heading, cells, num_words=5)}"


def _table(heading: Sequence[str], lines: Sequence[Sequence[str]], num_words: int) -> str:
    """Returns a table that can be sorted; all columns after the first `num_words` are numbers."""
    kinds = ["word"] * num_words + ["number"] * (len(heading) - num_words)
    top = "".join(
        f'<th scope="col" class="{kind}"><button>{escape(cell)}</button></th>'
        for kind, cell in zip(kinds, heading)
    )
    rows = ("".join(f'<td class="{kind}">{cell}</td>' for kind, cell in zip(kinds, line)) for line in lines)
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _figure(row: Row, key: str) -> str:
    return "-" if row[key] != row[key] else _FIGURES[key][1].format(row[key])


def _provenance(made: Mapping[str, str]) -> str:
    lines = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in made.items())
    return f'<h2>How it was made</h2><dl class="made">{lines}</dl>'


def _versions(section: Section, i: int) -> dict[str, np.ndarray]:
    """Returns clip i of a section and what each method made of it; what it could not invert is silent."""
    audio = {"original": section.audio[i], **{name: x.audio[i] for name, x in section.results.items()}}
    return {name: np.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0) for name, x in audio.items()}


def _clip(
    section: Section,
    i: int,
    k: int,
    audio: Mapping[str, np.ndarray],
    images: Sequence[np.ndarray],
    sample_rate: int,
) -> str:
    """Returns clip i of a section, number k of the report: a card for each version, with its `images`."""
    name = section.names[i]
    latents = {} if section.latents is None else {"original": section.latents[i]}
    latents.update((method, result.latents[i]) for method, result in section.results.items())
    peak = max(1e-3, *(np.abs(samples).max() for samples in audio.values()))
    reach = max(1.0, *(np.abs(np.nan_to_num(z)).max() for z in latents.values()))
    cards = []
    for (version, samples), image in zip(audio.items(), images):
        sound = _data_uri("audio/flac", _flac(samples, sample_rate))
        label = escape(f"{version} of {name}")
        cards.append(
            f'<figure><figcaption><button class="play" aria-label="Play {label}"></button>{escape(version)}'
            f'</figcaption><audio preload="none" src="{sound}"></audio>'
            f'<div class="pictures">{_svg(_envelope(samples, peak), "waveform")}'
            f'<img src="{_data_uri("image/png", _png(image))}" alt="Log-mel spectrogram of {label}">'
            "<i></i></div>"
        )
        if version == "original":
            word = next(iter(section.rows.values()))[i].get(_HEARD[0])
            cards.append(f"<p>&ldquo;{escape(str(word))}&rdquo;</p>" if word else "")
        else:
            cards.append(_verdict(section.rows[version][i]))
        if version in latents:
            cards.append(_svg(_bars(latents[version], reach), "latent vector", len(latents[version])))
        if version != "original":
            cards.append(_details(section.rows[version][i], section.results[version], i))
        cards.append("</figure>")
    content = f'<h3>{escape(name)}</h3><div class="cards">{"".join(cards)}</div>'
    return f'<article id="clip-{k + 1}">{content}</article>'


def _verdict(row: Row) -> str:
    if _HEARD[0] not in row:
        return ""
    before, after = (str(row[key]) for key in _HEARD)
    kind = "same" if before == after else "other"
    return f'<p class="{kind}">&ldquo;{escape(before)}&rdquo; &rarr; &ldquo;{escape(after)}&rdquo;</p>'


def _details(row: Row, result: InversionResult, i: int) -> str:
    items = "".join(
        f"<dt>{label}</dt><dd>{_figure(row, key)}</dd>" for key, (label, _) in _FIGURES.items() if key in row
    )
    course = "" if result.trace is None else _course(result.trace[i])
    return f"<dl><dt>status</dt><dd>{escape(str(row['status']))}</dd>{items}</dl>{course}"


def _envelope(samples: np.ndarray, peak: float) -> str:
    """Draws from the least to the largest sample of each column; a line at the least."""
    edges = np.linspace(0, len(samples), min(_COLUMNS, len(samples)), endpoint=False).astype(int)
    tops = np.rint(50 - 48 * np.maximum.reduceat(samples, edges) / peak).astype(int)
    bottoms = np.rint(50 - 48 * np.minimum.reduceat(samples, edges) / peak).astype(int)
    lines = zip(tops, np.maximum(bottoms, tops + 1))
    return "".join(f"M{x} {top}V{bottom}" for x, (top, bottom) in enumerate(lines))


def _bars(values: np.ndarray, reach: float) -> str:
    heights = np.rint(50 - 48 * np.nan_to_num(values) / reach).astype(int)
    return "".join(f"M{x} 50V{y}" for x, y in enumerate(heights) if y != 50)


def _course(points: np.ndarray) -> str:
    """Draws the objective over the iterations, its logarithm filling the height."""
    if len(points) < 2:
        return ""
    iterations, values = np.asarray(points, np.float64).T
    level = np.log10(np.maximum(values, 1e-30))
    x = np.rint(_COLUMNS * (iterations - iterations[0]) / max(np.ptp(iterations), 1)).astype(int)
    y = np.rint(96 - 92 * (level - level.min()) / max(np.ptp(level), 1e-9)).astype(int)
    text = f"{values[0]:.3g} at {iterations[0]:.0f} &rarr; {values[-1]:.3g} at {iterations[-1]:.0f}"
    path = "M" + "L".join(f"{a} {b}" for a, b in zip(x, y))
    return f"{_svg(path, 'objective: ' + text, kind='course')}<p>{text}</p>"


def _svg(path: str, text: str, width: int = _COLUMNS, kind: str = "bars") -> str:
    return (
        f'<svg class="{kind}" viewBox="-.5 0 {width} 100" preserveAspectRatio="none" role="img" '
        f'aria-label="{text}"><title>{text}</title><path d="{path}"/></svg>'
    )


def _png(decibels: np.ndarray) -> bytes:
    """Returns an image of decibels [bands, frames], the lowest band at the bottom."""
    levels = np.clip((decibels[::-1] - figures.DECIBELS[0]) * _BRIGHTNESS, 0, 255).astype(np.uint8)
    image = Image.fromarray(levels)
    image.putpalette(_PALETTE)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _flac(samples: np.ndarray, sample_rate: int) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sample_rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
