"""What an inversion returns."""

from __future__ import annotations

import dataclasses

import numpy as np

#: Every word that `InversionResult.status` may hold.
STATUSES = ("converged", "ran out", "failed", "encoded", "not finite")


@dataclasses.dataclass(frozen=True)
class InversionResult:
    """Recovered latents of n clips, and how each of them came about.

    Attributes:
      latents: float32 [n, latent_dim]; rows of NaN for clips that could not be inverted.
      audio: float32 [n, num_samples], [n, num_channels, num_samples] or [n, *feature_shape], the
        reconstructions: generator(latents), adjusted if asked.
      objective: float32 [n], value of the last stage's objective at `latents`.
      iterations: int32 [n], of the solver (0 without one); where starts raced, those of the winner.
      evaluations: int32 [n], forward passes of the generator that were spent on the clip.
      status: n words of `STATUSES`: whether the solver converged, ran out of iterations or could not go
        on; "encoded" without one; "not finite" for a clip that holds NaN, infinity or
        more than `audio.files.LOUDEST`.
      latent_std: float32 [n, latent_dim], how far each component may be off (one standard deviation), given
        what the clip and the prior tell; None if nobody asked.
      adjustments: "gain" in dB and "shift" in samples, float32 [n] each, if they were recovered too: what
        the clips have more than generator(latents). None if nobody asked.
      condition: n names of the classes, or numbers of the codes, that were recovered with the latents of a
        conditional generator; else None.
      clip_seconds: float32 [n], wall time, a round's being shared out equally among its clips.
      trace: n arrays [k, 2] of (iteration, objective), a row for each round; None if nobody looked.
      names: n names of clips when they were given as paths, else None.
    """

    latents: np.ndarray
    audio: np.ndarray
    objective: np.ndarray
    iterations: np.ndarray
    evaluations: np.ndarray
    status: np.ndarray
    clip_seconds: np.ndarray
    latent_std: np.ndarray | None = None
    adjustments: dict[str, np.ndarray] | None = None
    trace: list[np.ndarray] | None = None
    names: list[str] | None = None
    condition: list[str] | None = None

    @property
    def converged(self) -> np.ndarray:
        """Bool [n]: the solver met its tolerance; without one, the clip was encoded."""
        return np.isin(self.status, ("converged", "encoded"))

    @property
    def seconds(self) -> float:
        """Wall time of the whole inversion."""
        return float(self.clip_seconds.sum())
