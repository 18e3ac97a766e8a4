"""How many starts a clip gets: further ones are for clips that the starts so far have not solved."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tf_inversion.generators.base import Generator
from tf_inversion.inversion import batch
from tf_inversion.inversion.solvers.base import Solver

#: A relative error of at most this says that the generator can make the clip: that it is near.
NEAR_DB = -10.0
_AGREED = 0.02  # the share of its objective by which another start changes next to nothing
_SLACK = 0.05  # by which latents may leave the prior's range and still count as drawn from it


class Stage(NamedTuple):
    """A solver, with its objective, and the iterations that it may take.

    Its first and last iteration are, of all that a start may take, these shares; for the progress.
    """

    solver: Solver
    maxiter: int
    first: float = 0.0
    last: float = 1.0


def program(stages: list[tuple[Solver, int]]) -> list[Stage]:
    """Returns stages (solver, maxiter) that follow one another, with their shares of the whole."""
    ends = np.cumsum([0, *(maxiter for _, maxiter in stages)])
    ends = ends / max(ends[-1], 1)
    return [Stage(*stage, *span) for stage, span in zip(stages, zip(ends, ends[1:]))]


@dataclasses.dataclass
class Search:
    """A search for the latents of n clips.

    Attributes:
      audio: float32 [n, ..., num_samples].
      programs: lists of stages, each of which starts where the one before it ended.
      choice: int [n], which program a clip gets.
      num_starts: so many starts a clip may get.
      tol: the solvers' tolerance, None for their own.
      batch_size: clips at work at once.
      seed: of what the solvers draw.
      told: called after each round with the clips [m] that were at work, which share of its search each of
        them has behind it, and the latents that they are at [m, latent_dim].
    """

    audio: np.ndarray
    programs: list[list[Stage]]
    choice: np.ndarray
    num_starts: int
    tol: float | None
    batch_size: int
    seed: int
    told: Callable[[np.ndarray, np.ndarray, np.ndarray], object]

    def descend(self, rows: np.ndarray, start: np.ndarray, attempt: int = 0) -> batch.Outcome:
        """Takes clips [m] from starts [m, latent_dim] through their programs."""
        outcome = batch.Outcome.at(start)
        for number, stages in enumerate(self.programs):
            part = np.flatnonzero(self.choice[rows] == number)
            for stage in stages if len(part) else ():
                new = self.minimize(stage, rows[part], outcome.latents[part], attempt)
                outcome = outcome.updated(part, new)
        return outcome

    def minimize(self, stage: Stage, rows: np.ndarray, start: np.ndarray, attempt: int = 0) -> batch.Outcome:
        """Takes clips [m] from starts [m, latent_dim] through one stage."""
        solver, span = stage.solver, stage.last - stage.first

        def on_round(worked, state):
            done = state.status[worked] != batch.RUNNING
            share = stage.first + span * np.where(done, 1, state.iterations[worked] / stage.maxiter)
            solved = done & (solver.error_db(state.value[worked]) <= solver.solved_db)
            self.told(rows[worked], np.where(solved, 1, (attempt + share) / self.num_starts), state.z[worked])

        options = solver.options(stage.maxiter, self.tol, restart=attempt > 0, seed=self.seed)
        return solver.run(self.audio[rows], start, options, self.batch_size, on_round)


def restart(search: Search, best: batch.Outcome, starts: np.ndarray, generator: Generator) -> batch.Outcome:
    """Returns the best outcome of all starts.

    A clip gets another one until it is solved, or two starts agree on what is left, unless that is much
    of the waveform: then both may be wrong. Nor does one that came near and ran out of iterations get
    another, if the solver takes long to the end.

    Args:
      search: what the first starts went through.
      best: what came of them.
      starts: float32 [n, num_starts, d], the first among them.
      generator: whose prior the first of d values come from; others are adjustments.
    """
    solver = search.programs[0][-1].solver
    todo = np.arange(len(starts))
    if not solver.restarts_when_near:
        todo = todo[~((best.error_db <= NEAR_DB) & (best.status == batch.RAN_OUT))]
    for attempt in range(1, starts.shape[1]):
        todo = todo[~_solved(solver, best, todo, generator)]
        # A best so far that left the prior's range gets another try from its border.
        inside = _projected(best.latents[todo], generator)
        left = (inside != best.latents[todo]).any(1)
        if left.any():
            again = search.descend(todo[left], inside[left])
            best = best.updated(todo[left], again, batch.lower(again.objective, best.objective[todo[left]]))
            todo = todo[~_solved(solver, best, todo, generator)]
        if not len(todo):
            break
        before, error_db = best.objective[todo], best.error_db[todo]
        new = search.descend(todo, starts[todo, attempt], attempt)
        best = best.updated(todo, new, batch.lower(new.objective, before))
        agreed = np.abs(new.objective - before) <= _AGREED * before
        far = (error_db > NEAR_DB) & (error_db < np.inf)
        todo = todo[~agreed | far]
    return best


def _solved(solver: Solver, outcome: batch.Outcome, rows: np.ndarray, generator: Generator) -> np.ndarray:
    latents = outcome.latents[rows, : generator.latent_dim]
    inside = generator.prior.contains(latents, _SLACK)
    return outcome.error_db[rows] <= np.where(inside, solver.solved_db, solver.solved_outside_db)


def _projected(latents: np.ndarray, generator: Generator) -> np.ndarray:
    drawn, adjustments = np.split(latents, [generator.latent_dim], 1)
    return np.concatenate([generator.prior.project(drawn), adjustments], 1)
