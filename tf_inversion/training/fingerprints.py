"""What a training depends on besides its settings, in a form that does not depend on where it lies."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import keras

from tf_inversion.audio.layouts import ClipList


def of_clips(clips: ClipList | None) -> str:
    """Returns the number of clips and a checksum of their names and labels, in their order.

    The names are relative to the folder that holds all of them.
    """
    if clips is None:
        return "none"
    folder = Path(os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in clips.paths]))
    names = [Path(os.path.abspath(path)).relative_to(folder).as_posix() for path in clips.paths]
    labels = [clips.label_names[label] for label in clips.labels] if clips.labels else [""] * len(names)
    lines = "".join(f"{name}\t{label}\n" for name, label in zip(names, labels))
    return f"{len(names)} clips, sha256 {_digest(lines.encode(errors='surrogateescape'))}"


def of_weights(model: keras.layers.Layer | None) -> str:
    """Returns the number of a model's weights and their checksum."""
    if model is None:
        return "none"
    weights = model.get_weights()
    digest = _digest(*(weight.tobytes() for weight in weights))
    return f"{sum(weight.size for weight in weights)} weights, sha256 {digest}"


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:16]
