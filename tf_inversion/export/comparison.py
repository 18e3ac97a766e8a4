"""What a conversion costs: TensorFlow Lite files beside the float32 Keras models that they come from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from tf_inversion.batching import in_batches
from tf_inversion.evaluation.clip_sets import ClipSet
from tf_inversion.evaluation.metrics import judge_probabilities, latent_correlation
from tf_inversion.evaluation.tables import markdown
from tf_inversion.export import tflite
from tf_inversion.latents import synthesize
from tf_inversion.models import ModelBundle

_COLUMNS = {
    "name": ("", "{}"),
    "kilobytes": ("KB", "{:,.0f}"),
    "milliseconds": ("ms", "{:.2f}"),
    "max_error": ("max error", "{:.1e}"),
    "mean_error": ("mean error", "{:.1e}"),
    "correlation": ("correlation", "{:.5f}"),
    "accuracy": ("accuracy", "{:.1%}"),
    "agreement": ("agree", "{:.1%}"),
}
LEGEND = """\
- KB: of the file, 1,000 bytes. ms: a call on one thread, the median over the clips.
- max error, mean error, correlation: of the output (latents, audio, probabilities) with Keras in float32.
- accuracy: share of the labelled clips whose class is right: by the evaluation classifier, of the
  reconstructions from the inverter's latents and of what the generator makes of Keras' latents; by the
  classifier, of the clips.
- agree: share of all clips in which that class is the one that comes with Keras in float32.
"""


def compare(
    files: Mapping[str, Mapping[str, bytes]],
    clips: ClipSet,
    models: ModelBundle,
    *,
    batch_size: int = 64,
    progress: Callable[[Iterable], Iterable] = iter,
) -> list[dict]:
    """Runs files, and the models themselves, over clips.

    Args:
      files: "inverter", "generator" or "classifier" -> format -> contents of the file.
      clips: labels, if any, are indices of the evaluation classifier's classes.
      models: what the files were made of, and the evaluation classifier for the reconstructions.
      batch_size: clips at once in Keras.
      progress: wraps loops, over batches and over the files; tqdm for bars.

    Returns:
      A row for each model as it is in Keras, then for each of its files: `model`, `format`, and the
      values that LEGEND explains, None where there is none.
    """

    inverter, classifier, judge = models.require("inverter", "classifier", "judge")

    def reconstruct(latents: np.ndarray) -> np.ndarray:
        return np.stack(list(synthesize(models.generator, latents, batch_size=batch_size)))

    def heard(audio: np.ndarray) -> np.ndarray:
        given = judge_probabilities(judge, audio, batch_size=batch_size)
        return np.array(judge.label_names)[given.argmax(1)]

    latents = in_batches(inverter.encode, clips.audio, batch_size=batch_size, progress=progress)
    # Of each model what it is given, which output counts, how Keras answers, and the classes that follow.
    tests = {
        "inverter": (clips.audio, "latents", lambda: latents, lambda z: heard(reconstruct(z))),
        "generator": (latents, "audio", lambda: reconstruct(latents), heard),
        "classifier": (
            clips.audio,
            "probabilities",
            lambda: judge_probabilities(classifier, clips.audio, batch_size=batch_size),
            lambda probabilities: np.array(classifier.label_names)[probabilities.argmax(1)],
        ),
    }
    labels = np.full(len(clips.audio), -1) if clips.labels is None else clips.labels
    known = labels >= 0
    right = np.array(judge.label_names)[labels[known]]
    rows = []
    for name, quantisation in progress(
        [(model, form) for model in files for form in ("keras", *files[model])]
    ):
        row = {"model": name, "format": quantisation, **dict.fromkeys(list(_COLUMNS)[1:])}
        inputs, output, answer, classes = tests[name]
        if quantisation == "keras":
            reference = answer()
            expected = given = classes(reference)
        else:
            contents = files[name][quantisation]
            outputs, seconds = tflite.run(contents, inputs)
            given = classes(outputs[output])
            error = np.abs(outputs[output] - reference)
            row["kilobytes"] = len(contents) / 1000
            row["milliseconds"] = 1000 * seconds
            row["max_error"], row["mean_error"] = _number(error.max()), _number(error.mean())
            row["correlation"] = _number(latent_correlation(reference, outputs[output]))
        row["accuracy"] = float(np.mean(given[known] == right)) if known.any() else None
        row["agreement"] = float(np.mean(given == expected))
        rows.append(row)
    return rows


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def to_markdown(rows: Sequence[Mapping]) -> str:
    """Lays out what `compare` returned as a Markdown table with its legend."""
    named = [{"name": f"{row['model']} {row['format']}", **row} for row in rows]
    return f"{markdown(named, _COLUMNS)}\n\n{LEGEND}"
