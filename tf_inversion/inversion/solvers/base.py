"""The interface of solvers."""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tf_inversion.inversion.batch import Options
from tf_inversion.inversion.compiled import for_any_number
from tf_inversion.losses import Objective


class State(NamedTuple):
    """What every state of items [b] holds.

    Attributes:
      z: the best latents so far, float32 [b, latent_dim].
      value: the objective there, float32 [b].
      iterations, evaluations: int32 [b]; evaluations are forward passes of the generator.
      status: int32 [b], `batch.RUNNING` until the item is done, then CONVERGED, FAILED or RAN_OUT.
    """

    z: tf.Tensor
    value: tf.Tensor
    iterations: tf.Tensor
    evaluations: tf.Tensor
    status: tf.Tensor


class Solver(abc.ABC):
    """Minimises an objective, for each item of a batch on its own, from a start.

    A subclass writes `init` and `update` in TensorFlow operations, which `batch.run` calls compiled; what
    was compiled ends with the solver. The state that they hand on is a NamedTuple like `State`, with
    whatever else it needs. A subclass may set its own

    Attributes:
      tol: default tolerance, whose meaning the subclass's docstring says.
      stop_db: an item has converged whose error, over the clip's energy, is down to this. Where the
        objective is not of the waveform, nothing is known of that error.
      solved_db: an item whose error is down to this needs no other start.
      solved_outside_db: the same where its latents are out of the prior's range.
      least_squares: whether it takes sums of squares only, which it solves in few iterations: then an item
        that came near it and ran out of them gets another start.
      max_batch_size: so many items at the most are in memory at once.
    """

    tol = 1e-6
    stop_db = -80.0
    solved_db = -40.0
    solved_outside_db = -40.0
    least_squares = False
    max_batch_size: int | None = None

    def __init__(self, objective: Objective):
        self.objective = objective

    @abc.abstractmethod
    def init(self, z: tf.Tensor, targets: Mapping[str, tf.Tensor]) -> Any:
        """Returns the state of items that start at latents [b, latent_dim]; targets are the objective's."""

    @abc.abstractmethod
    def update(self, state: Any, targets: Mapping[str, tf.Tensor], options: Options) -> Any:
        """Returns the state after a round of iterations, as many as it takes to look at who is done."""

    @functools.cached_property
    def compiled(self) -> tuple[Callable, Callable]:
        """`init` and `update` as functions of TensorFlow."""
        return for_any_number(self.init), for_any_number(self.update)

    def error_db(self, value: np.ndarray) -> np.ndarray:
        """Returns what values [n] of the objective say of the relative error, see `batch.Outcome`."""
        weight = self.objective.weights.get("waveform")
        if not weight:
            return np.full_like(value, np.inf)
        with np.errstate(divide="ignore"):
            return 10 * np.log10(value / np.float32(weight))

    def options(
        self, maxiter: int, tol: float | None = None, stopval: float | None = None, **others
    ) -> Options:
        """Returns options for `batch.run`, with the solver's own tol and stopval where none is given."""
        if stopval is None:
            stopval = self.objective.weights.get("waveform", 0.0) * 10 ** (self.stop_db / 10)
        return Options(maxiter, float(self.tol if tol is None else tol), float(stopval), **others)
