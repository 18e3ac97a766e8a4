"""Edits of latent vectors: between two clips, and along a probe's direction.

Every answer is in range of the generator's prior, where latents are drawn from and outside of which the
generator was never trained: of [-1, 1], a component that would leave stops at the border.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from tf_inversion import errors
from tf_inversion.applications.probe import Probe
from tf_inversion.priors import PRIORS, Prior

#: Name of a clip -> name of an edit of it -> latents [latent_dim].
Edits = dict[str, dict[str, np.ndarray]]


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
) -> Edits:
    """Returns the latents between each clip and one, named <clip>_to_<end>_<step>."""
    name_of_end, z = end
    return {
        name: {
            f"{name}_to_{name_of_end}_{step:02d}": between
            for step, between in enumerate(interpolate(start, z, steps, prior))
        }
        for name, start in clips.items()
    }


def moves(
    clips: Mapping[str, np.ndarray],
    direction: tuple[str, np.ndarray],
    strengths: Sequence[float],
    prior: Prior,
) -> Edits:
    """Returns the latents of each clip moved along a direction, see `named`."""
    name_of_direction, vector = direction
    moved = [move(start, vector, strengths, prior) for start in clips.values()]
    return named(clips, name_of_direction, strengths, moved)


def named(
    clips: Iterable[str], edit: str, strengths: Sequence[float], latents: Iterable[np.ndarray]
) -> Edits:
    """Returns the edits of n clips, named <clip>_<edit>_<strength>.

    Args:
      clips: their names.
      edit: what was done to them.
      strengths: how far.
      latents: [n, len(strengths), latent_dim].
    """
    what = re.sub(r"[^0-9A-Za-z_]", "_", edit)
    return {
        name: {f"{name}_{what}_{strength:+g}": z for strength, z in zip(strengths, edits)}
        for name, edits in zip(clips, latents)
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
