"""A report on two kinds of clips, made without a network."""

import numpy as np
import pytest

from tf_inversion.evaluation import report
from tf_inversion.inversion.result import InversionResult

NASTY = '<b>"five" & six</b>'


def inversion(audio: np.ndarray, latents: np.ndarray, refined: bool) -> InversionResult:
    n = len(audio)
    course = np.array([[10, 1.0], [20, 0.1], [30, 0.01]])
    return InversionResult(
        latents=latents.astype(np.float32),
        audio=audio.astype(np.float32),
        objective=np.full(n, 0.01),
        steps=np.full(n, 30 * refined),
        evaluations=np.ones(n, np.int32),
        status=np.full(n, "converged" if refined else "encoded"),
        clip_seconds=np.ones(n, np.float32),
        trace=[course if refined else np.zeros((0, 2))] * n,
    )


def rows(names, result: InversionResult, distances) -> list[dict]:
    return [
        {
            "name": name,
            "mse": distance / 100,
            "nmse_db": distance - 20,
            "ssim": 1 - distance / 10,
            "log_mel_l1": distance,
            "rms_ratio": 0.9,
            "predicted_digit": "five",
            "predicted_digit_of_reconstruction": "nine" if i % 3 else "five",
            "objective": float(result.objective[i]),
            "status": result.status[i],
            "iterations": int(result.steps[i]),
            "evaluations": 1,
            "seconds": 0.5,
        }
        for i, (name, distance) in enumerate(zip(names, distances))
    ]


def section(title: str, names: list[str], **more) -> report.Section:
    rng = np.random.default_rng(len(names))
    time = np.arange(16384) / 16000
    audio = np.stack([0.5 * np.sin(2 * np.pi * f * time) for f in rng.uniform(200, 4000, len(names))])
    latents = rng.uniform(-1, 1, (len(names), 100))
    results = {
        "encoder": inversion(audio / 2, latents / 2, refined=False),
        "hybrid": inversion(audio * 0.9, latents, refined=True),
    }
    distances = {method: rng.uniform(0.1, 9, len(names)) for method in results}
    tables = {method: rows(names, result, distances[method]) for method, result in results.items()}
    return report.Section(title, names, audio.astype(np.float32), results, tables, **more)


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
        pictures={"a picture": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>'},
    )
    for result, clips in zip(real.results.values(), real.rows.values()):
        result.audio[1] = result.latents[1] = np.nan
        clips[1] |= {"nmse_db": np.nan, "ssim": np.nan, "log_mel_l1": np.nan, "status": "not finite"}
    made_of = np.random.default_rng(0).uniform(-1, 1, (3, 100))
    return [real, section("Synthesized clips", ["s0", "s1", "s2"], latents=made_of)]


@pytest.fixture(scope="session")
def report_pages(sections, tmp_path_factory):
    """The report's two pages."""
    made = {"command": "evaluate_inversion --num_clips='<28>'", "seed": "0"}
    return report.write_report(tmp_path_factory.mktemp("report"), sections, 16000, made)
