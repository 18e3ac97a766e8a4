"""Which objective a clip needs, found out by trying: the objective "auto".

The clip of a generator is recovered by its waveform. Of another sound, whose phase no generator matches,
the waveform's least squares are near silence, and an objective that forgets the phase keeps more of it.
"""

from __future__ import annotations

import numpy as np

from tf_inversion.generators.base import Generator
from tf_inversion.inversion import batch, initializers, solvers
from tf_inversion.inversion.methods import Method
from tf_inversion.inversion.search import NEAR_DB, Search, Stage, program

_PROBE = 100  # iterations on the waveform, after which it is known whether the generator makes the clip


def programs(method: Method, generator: Generator, classifier) -> list[list[Stage]]:
    """Returns two: for the generator's clips and for others."""
    by_classifier = classifier is not None and not solvers.solver_class(method.refine).least_squares
    objectives = "synthesized", "real" if by_classifier else "phase_free"
    return [program(method, generator, classifier, objective) for objective in objectives]


class AutoSearch(Search):
    """A search of two programs, which first finds out which of them a clip needs."""

    def first(self, start: np.ndarray) -> batch.Outcome:
        solver, maxiter, _ = self.programs[0][0]
        probed = min(_PROBE, maxiter)
        probe = Stage(solver, probed, is_last=False)
        outcome = self.minimize(probe, np.arange(len(start)), start)
        far = np.flatnonzero(~(outcome.error_db <= NEAR_DB))
        if len(far):  # also a clip of the generator, if its start sounds like another class
            new = self.minimize(probe, far, self._screened(far, start.shape[1]))
            outcome = outcome.updated(far, new, batch.lower(new.objective, outcome.objective[far]))
        near = outcome.error_db <= NEAR_DB
        going = np.flatnonzero(near & (outcome.status == batch.RAN_OUT) & (maxiter > probed))
        if len(going):
            rest = Stage(solver, maxiter - probed)
            outcome = outcome.updated(going, self.minimize(rest, going, outcome.latents[going]))
        self.choice = np.where(near, 0, 1)
        others = np.flatnonzero(~near)
        for row in others:
            outcome.trace[row].clear()  # it was of another objective
        return outcome.updated(others, self.descend(others, start[others]))

    def _screened(self, rows: np.ndarray, dim: int) -> np.ndarray:
        settings = self.settings
        found = initializers.screened(
            self.audio[rows], self.generator, 1, settings.seed, settings.batch_size
        )[:, 0]
        return np.pad(found, [(0, 0), (0, dim - found.shape[1])])  # nothing adjusted
