"""What a training depends on besides its settings, in a form that does not depend on where it lies."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import keras

from tf_inversion.audio.layouts import ClipList


def fingerprint(of: ClipList | keras.layers.Layer | None) -> str:
    """Returns how many there are and a checksum, of clips or of a model's weights.

    That of clips is of their names in their `folder` and of their labels, in their order.
    """
    if of is None:
        return "none"
    if not isinstance(of, ClipList):
        weights = of.get_weights()
        digest = _digest(*(weight.tobytes() for weight in weights))
        return f"{sum(weight.size for weight in weights)} weights, sha256 {digest}"
    home = folder(of)
    names = [Path(os.path.abspath(path)).relative_to(home).as_posix() for path in of.paths]
    labels = [of.label_names[label] for label in of.labels] if of.labels else [""] * len(names)
    lines = "".join(f"{name}\t{label}\n" for name, label in zip(names, labels))
    return f"{len(names)} clips, sha256 {_digest(os.fsencode(lines))}"


def folder(clips: ClipList) -> str:
    """Returns the deepest folder that holds all clips."""
    return os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in clips.paths])


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:16]
