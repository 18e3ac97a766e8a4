"""Edits of latent vectors: between two clips, and along a probe's direction.

Every answer lies in [-1, 1]^latent_dim, where latents are drawn from and outside of which the
generator was never trained: a component that would leave stops at the border.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tf_inversion import errors
from tf_inversion.applications.probe import Probe


def interpolate(start: np.ndarray, end: np.ndarray, steps: int) -> np.ndarray:
    """Returns latents float32 [steps, latent_dim] on the straight line between two, both included.

    Raises:
      InvalidArgumentError: for fewer than two steps.
    """
    if steps < 2:
        raise errors.InvalidArgumentError(f"steps: {steps}; give 2 or more, which counts both clips")
    return np.linspace(np.clip(start, -1, 1), np.clip(end, -1, 1), steps, dtype=np.float32)


def move(latents: np.ndarray, direction: np.ndarray, strengths: Sequence[float]) -> np.ndarray:
    """Returns latents float32 [len(strengths), latent_dim], moved along a direction.

    Args:
      latents: where from, [latent_dim].
      direction: unit vector [latent_dim].
      strengths: how far. A latent vector is itself sqrt(latent_dim / 3) long, 5.8 of 100 components.
    """
    moved = latents + np.multiply.outer(np.asarray(strengths, np.float32), direction)
    return np.clip(moved, -1, 1).astype(np.float32)


def find_direction(probes: Mapping[str, Probe], text: str) -> np.ndarray:
    """Returns the unit vector [latent_dim] that "probe:label" names, as in "digit:3" or "digit:three".

    Raises:
      InvalidArgumentError: if there is no such probe or label.
    """
    name, _, label = text.partition(":")
    if name not in probes:
        raise errors.InvalidArgumentError(
            f"direction: {text!r} names no probe; give one of {', '.join(probes)} and a label, as in digit:3"
        )
    return probes[name].direction(label)
