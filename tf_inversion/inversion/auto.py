"""Which objective a clip needs, found out by trying: the objective "auto".

The clip of a generator is recovered by its waveform. Of another sound, whose phase no generator matches,
the waveform's least square is near silence, and an objective that forgets the phase keeps more of it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tf_inversion.inversion import batch
from tf_inversion.inversion.restarts import NEAR_DB, Search, Stage

WAVEFORM, OTHER = 0, 1  # programs
_PROBE = 100  # iterations on the waveform, after which it is known whether the generator makes the clip


def descend(search: Search, start: np.ndarray, screen: Callable[[np.ndarray], np.ndarray]) -> batch.Outcome:
    """Finds out which program each clip needs, and takes it through that from its first start.

    Args:
      search: of two programs, for clips of the generator and for others; `choice` is set here.
      start: float32 [n, latent_dim].
      screen: rows [m] -> other starts [m, latent_dim], for clips that their first does not explain.
    """
    solver, maxiter, *_ = search.programs[WAVEFORM][0]
    probed = min(_PROBE, maxiter)
    probe = Stage(solver, probed, 0.0, probed / maxiter)
    everyone = np.arange(len(start))
    outcome = search.minimize(probe, everyone, start)
    far = np.flatnonzero(~(outcome.error_db <= NEAR_DB))
    if len(far):  # also a clip of the generator, if its start sounds like another class
        new = search.minimize(probe, far, screen(far))
        outcome = outcome.updated(far, new, batch.lower(new.objective, outcome.objective[far]))
    near = outcome.error_db <= NEAR_DB
    search.choice = np.where(near, WAVEFORM, OTHER)
    going = np.flatnonzero(near & (outcome.status == batch.RAN_OUT) & (maxiter > probed))
    if len(going):
        rest = Stage(solver, maxiter - probed, probed / maxiter)
        outcome = outcome.updated(going, search.minimize(rest, going, outcome.latents[going]))
    others = np.flatnonzero(~near)
    for row in others:
        outcome.trace[row].clear()  # it was of another objective
    return outcome.updated(others, search.descend(others, start[others]))
