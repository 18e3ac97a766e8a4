"""The interface of solvers."""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_inversion.inversion import batch
from tf_inversion.inversion.batch import Options
from tf_inversion.losses import Objective


class Solver(abc.ABC):
    """Minimises an objective, for each item of a batch on its own, from a start.

    A subclass writes `init` and `update` in TensorFlow operations; `run` compiles them, and what was
    compiled ends with the solver. The state that they hand on is a NamedTuple of its own whose tensors
    have the batch as their first axis. It has at least the fields

        z: the best latents so far, float32 [b, latent_dim].
        value: the objective there, float32 [b].
        iterations, evaluations: int32 [b]; the latter count forward passes of the generator.
        status: int32 [b], `batch.RUNNING` until the item is done, then CONVERGED, FAILED or RAN_OUT.

    What else a subclass may set: a default of `tol`, whose meaning its docstring says, and where the
    search and its restarts end, in dB of squared error over the clip's energy, if the objective is of it.

    Attributes:
      tol: default tolerance.
      goal_db: an item whose error is down to this has converged.
      solved_db: an item whose error is down to this needs no other start.
      solved_outside_db: the same where its latents are out of the prior's range.
      least_squares: whether it takes sums of squares only, which it solves in few iterations: then an item
        that came near its goal and ran out of them gets another start.
      max_batch_size: so many items at the most are in memory at once.
    """

    tol = 1e-6
    goal_db = -80.0
    solved_db = -40.0
    solved_outside_db = -40.0
    least_squares = False
    max_batch_size: int | None = None

    def __init__(self, objective: Objective):
        self.objective = objective

    @abc.abstractmethod
    def init(self, z: tf.Tensor, targets: Mapping[str, tf.Tensor]) -> NamedTuple:
        """Returns the state of items that start at latents [b, latent_dim]; targets are the objective's."""

    @abc.abstractmethod
    def update(self, state: NamedTuple, targets: Mapping[str, tf.Tensor], options: Options) -> NamedTuple:
        """Returns the state after a round of iterations, as many as it takes to look at who is done."""

    @functools.cached_property
    def compiled(self) -> tuple[Callable, Callable]:
        """`init` and `update` as functions of TensorFlow."""
        return tuple(tf.function(f, reduce_retracing=True) for f in (self.init, self.update))

    def error_db(self, value: np.ndarray) -> np.ndarray:
        """Returns what values [n] of the objective say of the relative error, see `batch.Outcome`."""
        weight = self.objective.weights.get("waveform")
        if not weight:
            return np.full_like(value, np.inf)
        with np.errstate(divide="ignore"):
            return 10 * np.log10(value / np.float32(weight))

    def options(
        self,
        maxiter: int,
        tol: float | None = None,
        goal: float | None = None,
        restart: bool = False,
        seed: int = 0,
    ) -> Options:
        """Returns options for `run`, with the solver's own tolerance and goal where none is given."""
        if goal is None:
            goal = self.objective.weights.get("waveform", 0.0) * 10 ** (self.goal_db / 10)
        return Options(maxiter, float(self.tol if tol is None else tol), float(goal), restart, seed % 2**31)

    def run(
        self,
        audio: np.ndarray,
        start: np.ndarray,
        options: Options,
        batch_size: int = 64,
        on_round: Callable | None = None,
    ) -> batch.Outcome:
        """Minimises the objective for n clips [n, ..., num_samples] from n starts [n, latent_dim].

        Arguments as in `batch.run`.
        """
        return batch.run(
            self, audio, start, options, min(batch_size, self.max_batch_size or batch_size), on_round
        )
