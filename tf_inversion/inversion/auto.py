"""Which objective a clip needs, found out by trying: the objective "auto".

The clip of a generator is recovered by its waveform. Of another sound, whose phase no generator matches,
the waveform's least squares are near silence, and an objective that forgets the phase keeps more of it.
"""

from __future__ import annotations

import numpy as np

from tf_inversion.inversion import batch, initializers
from tf_inversion.inversion.search import NEAR_DB, Search

_PROBE = 100  # iterations on the waveform, after which it is known whether the generator makes the clip


class AutoSearch(Search):
    """A search of two programs, for clips of the generator and for others; the first start tells them."""

    def first(self, start: np.ndarray) -> batch.Outcome:
        solver, maxiter = self.programs[0][0]
        probe = solver, min(_PROBE, maxiter)
        outcome = self.minimize(*probe, np.arange(len(start)), start, attempt=None)
        far = np.flatnonzero(~(outcome.error_db <= NEAR_DB))
        if len(far):  # also a clip of the generator, if its start sounds like another class
            settings = self.settings
            candidates = initializers.best_of_n(
                self.audio[far], self.generator, 1, settings.seed, settings.batch_size
            )
            other = np.zeros((len(far), start.shape[1]), np.float32)  # with nothing adjusted
            other[:, : candidates.shape[2]] = candidates[:, 0]
            new = self.minimize(*probe, far, other, attempt=None)
            outcome = outcome.updated(far, new, rival=True)
        near = outcome.error_db <= NEAR_DB
        going = np.flatnonzero(near & (outcome.status == batch.RAN_OUT) & (maxiter > _PROBE))
        if len(going):
            rest = self.minimize(solver, maxiter - _PROBE, going, outcome.latents[going])
            outcome = outcome.updated(going, rest)
        self.choice = np.where(near, 0, 1)
        others = np.flatnonzero(~near)
        for row in others:
            outcome.trace[row].clear()  # it was of another objective
        return outcome.updated(others, self.descend(others, start[others]))
