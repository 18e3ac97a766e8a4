"""The files that an inversion and an evaluation leave in a folder."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tf_inversion import paths
from tf_inversion.audio.files import write_audio
from tf_inversion.evaluation import columns, figures, results
from tf_inversion.evaluation.evaluation import Evaluation
from tf_inversion.evaluation.report import Section, write_report
from tf_inversion.evaluation.tables import TRACE, trace_rows, write_csv
from tf_inversion.latents import remove_earlier, save_latents


@paths.together()
def write_inversion(
    folder: Path,
    evaluation: Evaluation,
    provenance: Mapping[str, str],
    *,
    trace: bool = False,
    report: bool = True,
    progress: Callable[[Iterable], Iterable] = iter,
) -> list[str]:
    """Writes latents, reconstructions and metrics, and removes those of an earlier run in the folder.

    Args:
      folder: to write to, made if absent.
      evaluation: of clips with names; its last method is the inversion, others stand in the report only.
      provenance: how to make it again, for the report.
      trace: write trace.csv, the objective after each round of the solver.
      report: write report.html, and more pages for many clips.
      progress: wraps the loop over the pages of the report.

    Returns:
      The names of what was written.
    """
    clips, (*_, (method, result)) = evaluation.clips, evaluation.results.items()
    names = clips.names or []
    latents, reconstructions = folder / "latents.npz", folder / "reconstructions"
    for name, audio in zip(names, result.audio):
        write_audio(reconstructions / f"{name}.wav", audio, clips.sample_rate)
    remove_earlier(latents, reconstructions, names)
    save_latents(latents, result.latents, names, result.latent_std, clips.paths, result.condition)
    write_csv(folder / "metrics.csv", columns.rows(evaluation.per_clip[method]))
    if trace:
        write_csv(folder / "trace.csv", trace_rows(names, result), TRACE)
    else:
        paths.remove(folder / "trace.csv")
    sections = [Section(f"Clips: {len(names)}", evaluation, len(names))] if report else []
    pages = write_report(folder, sections, provenance, progress)
    return ["reconstructions/", "latents.npz", "metrics.csv", *(page.name for page in pages[:1])]


@paths.together()
def write_evaluation(
    folder: Path,
    runs: Mapping[int, Mapping[str, results.Summary]],
    shown: Mapping[str, Evaluation],
    provenance: Mapping[str, str],
    *,
    report_clips: int = 150,
    progress: Callable[[Iterable], Iterable] = iter,
) -> tuple[str, list[Path]]:
    """Writes tables, figures and report, and removes what an earlier run left in the folder beyond these.

    Args:
      folder: to write to, made if absent.
      runs: seed -> "synthesized" or "real" -> `Evaluation.summary`; the same kinds and methods each time.
      shown: of each kind the evaluation that figures and report show.
      provenance: how to make it again: "command" -> the command line, and so on.
      report_clips: how many clips of each kind the report shows; 0 for no report.
      progress: wraps the loop over the pages of the report.

    Returns:
      The tables as Markdown, and the paths of the pages to begin with.
    """
    label_names = next(iter(shown.values())).label_names
    shown = {kind: evaluation for kind, evaluation in shown.items() if evaluation.results}
    drawn = {kind: results.draw(kind, evaluation) for kind, evaluation in shown.items()}
    sections, files = [], {}
    for kind, name, suffix in itertools.product(results.TITLES, results.CAPTIONS, ("png", "svg")):
        path = folder / f"figures/{kind}_{name}.{suffix}"
        if name in drawn.get(kind, ()):
            files[kind, name, suffix] = figures.save(drawn[kind][name], path)
        else:
            paths.remove(path)
    for kind, evaluation in shown.items():
        total = len(evaluation.clips.audio)
        texts = {
            results.CAPTIONS[name]: files[kind, name, "svg"].decode()
            for name in drawn[kind]
            if name != "reconstructions"  # the report has those of every clip
        }
        table = results.cells(kind, evaluation.summary())
        title, count = f"{results.TITLES[kind]}: {total}", min(report_clips, total)
        sections.append(Section(title, evaluation, count, table, texts))
    pages = write_report(folder, sections if report_clips else (), provenance, progress)
    markdown = results.as_markdown(runs, drawn, provenance)
    texts = {"results.md": markdown, "results.json": results.as_json(runs, label_names, provenance)}
    for name, text in texts.items():
        with paths.writing(folder / name) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    return markdown, [*(folder / name for name in texts), *pages[:1]]
