"""Edits of latent vectors: between two clips, and along a probe's direction.

Every answer is in range of the generator's prior, where latents are drawn from and outside of which the
generator was never trained: of [-1, 1], a component that would leave stops at the border.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from tf_inversion import errors
from tf_inversion.applications.probe import Probe
from tf_inversion.priors import PRIORS, Prior


def interpolate(
    start: np.ndarray, end: np.ndarray, steps: int, prior: Prior = PRIORS["uniform"]
) -> np.ndarray:
    """Returns latents float32 [steps, latent_dim] on the straight line between two, both included.

    Raises:
      InvalidArgumentError: for fewer than two steps.
    """
    if steps < 2:
        raise errors.InvalidArgumentError(f"steps: {steps}; give 2 or more, which counts both clips")
    return np.linspace(prior.project(start), prior.project(end), steps, dtype=np.float32)


def move(
    latents: np.ndarray,
    direction: np.ndarray,
    strengths: Sequence[float],
    prior: Prior = PRIORS["uniform"],
) -> np.ndarray:
    """Returns latents float32 [len(strengths), latent_dim], moved along a direction.

    Args:
      latents: where from, [latent_dim].
      direction: unit vector [latent_dim].
      strengths: how far. A latent vector is itself sqrt(latent_dim / precision) long, 5.8 of 100 uniform
        components.
      prior: of the latents.
    """
    moved = latents + np.multiply.outer(np.asarray(strengths, np.float32), direction)
    return prior.project(moved.astype(np.float32))


def interpolations(
    clips: Mapping[str, np.ndarray], end: tuple[str, np.ndarray], steps: int, prior: Prior
) -> dict[str, np.ndarray]:
    """Returns the latents between each clip and one, <clip>_to_<end>_<step> -> [latent_dim]."""
    name_of_end, z = end
    return {
        f"{name}_to_{name_of_end}_{step:02d}": between
        for name, start in clips.items()
        for step, between in enumerate(interpolate(start, z, steps, prior))
    }


def moves(
    clips: Mapping[str, np.ndarray],
    direction: tuple[str, np.ndarray],
    strengths: Sequence[float],
    prior: Prior,
) -> dict[str, np.ndarray]:
    """Returns the latents of each clip moved, <clip>_<direction>_<strength> -> [latent_dim]."""
    name_of_direction, vector = direction
    return {
        f"{name}_{re.sub(r'[^0-9A-Za-z_]', '_', name_of_direction)}_{strength:+g}": moved
        for name, start in clips.items()
        for strength, moved in zip(strengths, move(start, vector, strengths, prior))
    }


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
