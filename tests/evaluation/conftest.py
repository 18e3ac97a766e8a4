"""A report on two kinds of clips, made without a network."""

import numpy as np
import pytest

from tf_inversion.evaluation import report
from tf_inversion.evaluation.clip_sets import ClipSet
from tf_inversion.evaluation.evaluation import Evaluation
from tf_inversion.inversion.result import InversionResult

NASTY = '<b>"five" & six</b>'


def inversion(audio: np.ndarray, latents: np.ndarray, refined: bool) -> InversionResult:
    n = len(audio)
    trace = np.array([[10, 1.0], [20, 0.1], [30, 0.01]])
    return InversionResult(
        latents=latents.astype(np.float32),
        audio=audio.astype(np.float32),
        objective=np.full(n, 0.01),
        iterations=np.full(n, 30 * refined),
        evaluations=np.ones(n, np.int32),
        status=np.full(n, "converged" if refined else "encoded", "U10"),
        clip_seconds=np.ones(n, np.float32),
        trace=[trace if refined else np.zeros((0, 2))] * n,
    )


def clip_table(names, result: InversionResult, distances) -> dict[str, np.ndarray]:
    n = len(names)
    return {
        "name": np.array(names),
        "path": np.array([f"clips/{name}.wav" for name in names]),
        "mse": distances / 100,
        "nmse_db": distances - 20,
        "ssim": 1 - distances / 10,
        "ssim_magnitude": 1 - distances / 20,
        "log_mel_l1": distances,
        "rms_ratio": np.full(n, 0.9),
        "predicted_label": np.full(n, "five"),
        "predicted_label_of_reconstruction": np.where(np.arange(n) % 3, "nine", "five"),
        "objective": result.objective,
        "status": result.status,
        "iterations": result.iterations,
        "evaluations": result.evaluations,
        "seconds": result.clip_seconds,
    }


def section(title: str, names: list[str], truth=None, **more) -> report.Section:
    rng = np.random.default_rng(len(names))
    time = np.arange(16384) / 16000
    audio = np.stack([0.5 * np.sin(2 * np.pi * f * time) for f in rng.uniform(200, 4000, len(names))])
    latents = rng.uniform(-1, 1, (len(names), 100))
    results = {
        "encoder": inversion(audio / 2, latents / 2, refined=False),
        "hybrid": inversion(audio * 0.9, latents, refined=True),
    }
    tables = {
        method: clip_table(names, result, rng.uniform(0.1, 9, len(names)))
        for method, result in results.items()
    }
    clips = ClipSet(audio.astype(np.float32), 16000, latents=truth, names=names)
    return report.Section(title, Evaluation(clips, results, tables), len(names), **more)


@pytest.fixture(scope="session")
def sections() -> list[report.Section]:
    """28 real clips, the second of which could not be inverted, and 3 synthesized ones."""
    real = section(
        "Real clips",
        ["first", NASTY, *(f"clip_{i}" for i in range(2, 28))],
        table=[
            ["real", "MSE", "inception"],
            ["reference", "0", "-"],
            ["silence", "0.0106", "1.00 ± 0.000"],
            ["encoder", "0.0141", "3.90 ± 0.426"],
            ["encoder (paper)", "0.0118", "7.93 ± 0.077"],
        ],
        figures={"a figure": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>'},
    )
    for method, result in real.evaluation.results.items():
        result.audio[1] = result.latents[1] = np.nan
        result.status[1] = "not finite"
        for key in ("nmse_db", "ssim", "log_mel_l1"):
            real.evaluation.per_clip[method][key][1] = np.nan
    made_of = np.random.default_rng(0).uniform(-1, 1, (3, 100))
    return [real, section("Synthesized clips", ["s0", "s1", "s2"], made_of)]


@pytest.fixture(scope="session")
def report_pages(sections, tmp_path_factory):
    """The report's two pages."""
    made = {"command": "evaluate_inversion --num_clips='<28>'", "seed": "0"}
    return report.write_report(tmp_path_factory.mktemp("report"), sections, made)
