"""The search for the latents of clips: stages that follow one another, and further starts.

A further start is for a clip that those so far have not solved.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

from tf_inversion import losses
from tf_inversion.generators.base import Generator
from tf_inversion.inversion import batch, solvers
from tf_inversion.inversion.methods import Method
from tf_inversion.inversion.settings import InversionSettings
from tf_inversion.inversion.solvers.base import Solver

#: A relative error of at most this says that the generator can make the clip: the search is near.
NEAR_DB = -10.0
_AGREED = 0.02  # the share of its objective by which another start changes next to nothing
_SLACK = 0.05  # by which latents may leave the prior's range and still count as drawn from it


#: Solvers, each with its objective, that follow one another, and how many iterations each may take.
Program = list[tuple[Solver, int]]


@dataclasses.dataclass
class Search:
    """A search for the latents of n clips.

    Attributes:
      audio: float32 [n, ..., num_samples].
      generator: whose prior the latents come from; adjustments may follow them.
      method: with how many starts, and how little of a gain ends a search.
      settings: batch size and seed.
      programs: what clips go through, each solver from where the one before it ended.
      on_round: called after each round with the clips [m] that were at work, the share of its search that
        each has behind it, and the latents that they are at [m, latent_dim].
      choice: int [n], which program a clip gets.
    """

    audio: np.ndarray
    generator: Generator
    method: Method
    settings: InversionSettings
    programs: list[Program]
    on_round: Callable[[np.ndarray, np.ndarray, np.ndarray], object]
    choice: np.ndarray = dataclasses.field(init=False)

    def __post_init__(self):
        self.choice = np.zeros(len(self.audio), int)

    def run(self, starts: np.ndarray) -> batch.Outcome:
        """Returns the best outcome of starts [n, num_starts, d].

        A clip gets another one until it is solved, or two starts agree on what is left, unless that is
        much of the waveform: then both may be wrong. Nor does a clip get one that came near and ran out of
        iterations, if the solver takes long to the end.
        """
        best = self.first(starts[:, 0])
        todo = np.arange(len(starts))
        if not self._solver.least_squares:
            todo = todo[~((best.error_db <= NEAR_DB) & (best.status == batch.RAN_OUT))]
        for attempt in range(1, starts.shape[1]):
            todo = todo[~self._solved(best, todo)]
            # A best so far that left the prior's range gets another try from its border.
            inside = self._projected(best.latents[todo])
            left = (inside != best.latents[todo]).any(1)
            if left.any():
                again = self.descend(todo[left], inside[left])
                best = best.updated(todo[left], again, rival=True)
                todo = todo[~self._solved(best, todo)]
            if not len(todo):
                break
            before, error_db = best.objective[todo], best.error_db[todo]
            new = self.descend(todo, starts[todo, attempt], attempt)
            best = best.updated(todo, new, rival=True)
            agreed = np.abs(new.objective - before) <= _AGREED * before
            far = (error_db > NEAR_DB) & (error_db < np.inf)
            todo = todo[~agreed | far]
        return best

    def first(self, start: np.ndarray) -> batch.Outcome:
        """Takes all clips from their first starts [n, d]."""
        return self.descend(np.arange(len(start)), start)

    def descend(self, rows: np.ndarray, start: np.ndarray, attempt: int = 0) -> batch.Outcome:
        """Takes clips [m] from starts [m, d] through their programs."""
        outcome = batch.Outcome.at(start)
        for number, program in enumerate(self.programs):
            part = np.flatnonzero(self.choice[rows] == number)
            for stage in program if len(part) else ():
                counted = attempt if stage is program[-1] else None
                new = self.minimize(*stage, rows[part], outcome.latents[part], counted, restart=attempt > 0)
                outcome = outcome.updated(part, new)
        return outcome

    def minimize(
        self,
        solver: Solver,
        maxiter: int,
        rows: np.ndarray,
        start: np.ndarray,
        attempt: int | None = 0,
        restart: bool = False,
    ) -> batch.Outcome:
        """Takes clips [m] from starts [m, d] through one solver, which counts as progress of an attempt."""

        def report(worked, state):
            done = state.status[worked] != batch.RUNNING
            solved = done & (solver.error_db(state.value[worked]) <= solver.solved_db)
            share = np.zeros(len(worked))
            if attempt is not None:
                share = attempt + np.where(done, 1, state.iterations[worked] / max(maxiter, 1))
            self.on_round(rows[worked], np.where(solved, 1, share / self.method.starts), state.z[worked])

        seed = self.settings.seed % 2**31  # int32
        options = solver.options(maxiter, self.method.tolerance, restart=restart, seed=seed)
        return batch.run(solver, self.audio[rows], start, options, self.settings.batch_size, report)

    @property
    def _solver(self) -> Solver:
        return self.programs[0][-1][0]

    def _solved(self, outcome: batch.Outcome, rows: np.ndarray) -> np.ndarray:
        drawn = outcome.latents[rows, : self.generator.latent_dim]
        inside = self.generator.prior.contains(drawn, _SLACK)
        solver = self._solver
        return outcome.error_db[rows] <= np.where(inside, solver.solved_db, solver.solved_outside_db)

    def _projected(self, latents: np.ndarray) -> np.ndarray:
        drawn, adjustments = np.split(latents, [self.generator.latent_dim], 1)
        return np.concatenate([self.generator.prior.project(drawn), adjustments], 1)


def programs(method: Method, generator: Generator, classifier: keras.Model | None) -> list[Program]:
    """Returns the program of a method's objective; for "auto", unless of features, two: see `AutoSearch`."""
    objectives = [method.objective]
    if method.objective == "auto":
        squares = solvers.solver_class(method.refine).least_squares
        objectives = ["synthesized", "phase_free" if classifier is None or squares else "real"]
    if method.refine == "none" or (method.objective == "auto" and generator.feature_shape):
        objectives = objectives[:1]

    def solver(weights):
        return solvers.make(generator, method.refine, weights, classifier, method.race, **method.options)

    return [
        [(solver(weights), n or method.iterations_for(weights)) for weights, n in losses.stages(objective)]
        for objective in objectives
    ]
