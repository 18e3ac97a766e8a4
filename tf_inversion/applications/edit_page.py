"""report.html of `edit_latents`: each clip beside its edits, to hear and to see."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import keras
import numpy as np

from tf_inversion import pages, paths
from tf_inversion.evaluation import figures
from tf_inversion.evaluation.metrics import judge_probabilities

_MAX_CLIPS = 25


class Version(NamedTuple):
    """A clip or an edit of it.

    Attributes:
      name: what was done.
      audio: float32 [num_samples] or [num_channels, num_samples].
      label, probability: its likeliest class.
    """

    name: str
    audio: np.ndarray
    label: str
    probability: float


def hear(judge: keras.Model, versions: Mapping[str, np.ndarray]) -> list[Version]:
    """Returns versions of a clip, name -> audio, with their likeliest classes by a classifier."""
    audio = np.stack([*versions.values()])
    probabilities = judge_probabilities(judge, audio)
    labels = [judge.label_names[index] for index in probabilities.argmax(1)]
    return [*map(Version, versions, audio, labels, probabilities.max(1).tolist())]


def write_page(
    path: str | os.PathLike,
    clips: Mapping[str, Sequence[Version]],
    sample_rate: int,
    provenance: Mapping[str, str],
) -> None:
    """Writes a page that holds all it shows, of the first 25 clips.

    Args:
      path: of the file.
      clips: name -> the clip and its edits.
      sample_rate: in hertz.
      provenance: how to make it again.
    """
    shown = {
        name: [
            {
                "version": version.name,
                "label": version.label,
                "probability": version.probability,
                "sound": pages.sound(version.audio, sample_rate),
                "image": pages.data_uri("image/png", figures.spectrogram_png(image)),
            }
            for version, image in zip(
                versions, figures.decibels(np.stack([version.audio for version in versions]), sample_rate)
            )
        ]
        for name, versions in itertools.islice(clips.items(), _MAX_CLIPS)
    }
    kilohertz = f"{sample_rate / 2000:g}"
    html = pages.render(
        "edits.html", clips=shown, num_clips=len(clips), kilohertz=kilohertz, provenance=provenance
    )
    with paths.writing(path) as unfinished:
        unfinished.write_text(html, encoding="utf-8", errors="replace")
