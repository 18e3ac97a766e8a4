"""Gauss-Newton: exact recovery of latents from the generator's Jacobian.

Near a solution the objective's Hessian is 2 J^T J, J the Jacobian [m, d] of
the residuals r. Its singular values span 60 dB, which is why first-order
methods get the sound nearly right and the latent vector not at all. Five
things make it converge from far away, in few Jacobians:

- J by forward mode: d tangents through the generator, vectorised so that the
  values which they share are computed once. Reverse mode would need m = 16,384
  passes. The normal equations are solved in float64.
- The prior as damping. Levenberg-Marquardt damps towards where the search
  stands, so that errors in directions that are hardly audible stay and bend the
  way: it creeps along curved valleys. Here each step damps towards the mean of
  the prior, 0, by as much as the residual is still in doubt:

      min |r + J s|^2 + alpha |z + s|^2,   alpha = 0.006 |r|^2

  (iteratively regularised Gauss-Newton: Bakushinskii 1992). What the clip does
  not yet tell stays at 0; as the residual falls the damping vanishes, and the
  last steps converge quadratically to the exact solution. An item that stalls
  above that, since its clip holds noise, goes on with alpha = 3 |r|^2 / m, which
  ends at the most probable latents if what is left is white noise.
- Broyden's updates: a Jacobian costs as much as d forward passes, a step only a
  few. Each step corrects J by what it saw (rank one), so that one J serves eight.
- Steps that bend with the valley. The longest step shows by how much the audio
  leaves the linear model; corrected for that, it follows the curve to second
  order (geodesic acceleration: Transtrum and Sethna 2012), at no derivative's cost.
- The longest of three steps that lowers the objective is taken, not the best.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from tf_inversion import errors
from tf_inversion.inversion import batch
from tf_inversion.inversion.solvers.base import Solver

DAMPING = 0.006  # of |r|^2: on the way, the linear model is wrong by a variance of about |r|^2 / 500
_STEPS = 8  # that one Jacobian serves: fewest CPU-seconds from afar
_LENGTHS = (1.0, 0.3, 0.1)  # of a step, the longest first
_MAX_STEP = 3.0  # of a latent vector whose own length is about 6


class State(NamedTuple):
    z: tf.Tensor
    stalled: tf.Tensor  # whether it goes on with the weaker damping
    value: tf.Tensor
    iterations: tf.Tensor
    evaluations: tf.Tensor
    status: tf.Tensor


class GaussNewton(Solver):
    """Gauss-Newton, for objectives that are a sum of squares, none of which looks at a classifier.

    An item has converged when the steps of a Jacobian, with the weaker damping, gained less than the share
    `tol` of its objective. `maxiter` is rounded up to a multiple of `steps`.

    Args:
      objective: what is minimised.
      steps: that one Jacobian serves.
      damping: alpha / |r|^2 on the way. Less of it strays further, and into other minima: where all starts
        come to the same wrong one, a restart with a tenth of it may pass.

    Raises:
      InvalidArgumentError: if the objective is no sum of squares.
    """

    tol = 0.05
    stop_db = -120.0
    solved_db = -60.0
    solved_outside_db = -100.0  # only that tells that latents which the prior never draws are right
    least_squares = True
    max_batch_size = 2  # clips: more of them, 100 tangents through every layer each, leave the cache

    def __init__(self, objective, steps: int = _STEPS, damping: float = DAMPING):
        super().__init__(objective)
        if not objective.is_least_squares:
            raise errors.InvalidArgumentError(
                "objective: Gauss-Newton needs squared loss terms that need no classifier, such as waveform"
            )
        self.steps, self.damping, self.precision = steps, damping, objective.generator.prior.precision

    def init(self, z, targets) -> State:
        counts = tf.zeros(tf.shape(z)[:1], tf.int32)
        stalled = tf.zeros_like(counts, tf.bool)
        return State(z, stalled, self.objective.value(z, targets), counts, counts + 1, counts)

    def update(self, state: State, targets, options) -> State:
        residuals = self.objective.residuals(state.z, targets)
        tangents = jacobian(lambda z: self.objective.residuals(z, targets), state.z)
        repeated = {name: tf.repeat(target, len(_LENGTHS), 0) for name, target in targets.items()}
        weakest = tf.minimum(self.precision / residuals.shape[1], DAMPING)
        damping = tf.where(options.restart, DAMPING / 10, self.damping)
        damping = tf.where(state.stalled, weakest, damping)

        def body(count, z, residuals, tangents):
            return count + 1, *_step(self.objective, repeated, z, residuals, tangents, damping)

        _, z, residuals, _ = tf.while_loop(
            lambda count, *_: count < self.steps, body, (0, state.z, residuals, tangents)
        )
        value = _energy(residuals)
        iterations = state.iterations + self.steps
        status = tf.where(iterations >= options.maxiter, batch.RAN_OUT, state.status)
        stalled = state.value - value <= options.tol * state.value
        converged = (value <= options.stopval) | (stalled & (damping <= weakest))
        return State(
            z=z,
            stalled=state.stalled | stalled,
            value=value,
            iterations=iterations,
            evaluations=state.evaluations + state.z.shape[1] + self.steps * 2 * len(_LENGTHS),
            status=tf.where(converged, batch.CONVERGED, status),
        )


def _step(objective, repeated, z, residuals, tangents, damping) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns latents, residuals and corrected tangents after a step, which may be none."""
    count, dim = len(_LENGTHS), z.shape[1]
    precise = tf.cast(tangents, tf.float64)
    unit = tf.eye(dim, dtype=tf.float64)
    hessian = tf.matmul(precise, precise, transpose_b=True)
    alpha = tf.cast(damping * _energy(residuals), tf.float64)
    # Where nothing is in doubt any more, a latent that does not change the audio would make it singular.
    alpha = tf.maximum(alpha, 1e-15 * tf.linalg.trace(hessian) + 1e-30)[:, None]
    hessian += alpha[..., None] * unit
    hessian = tf.where(tf.math.is_finite(hessian), hessian, unit)  # an item with NaN must not stop the rest

    def solve(gradient):
        return -tf.cast(tf.linalg.solve(hessian, gradient[..., None])[..., 0], tf.float32)

    def ends(steps):
        candidates = tf.reshape(z[:, None] + steps, [-1, dim])
        return tf.reshape(objective.residuals(candidates, repeated), [-1, count, residuals.shape[1]])

    gradient = tf.linalg.matvec(precise, tf.cast(residuals, tf.float64)) + alpha * tf.cast(z, tf.float64)
    step = tf.clip_by_norm(solve(gradient), _MAX_STEP, axes=[1])
    lengths = tf.constant(_LENGTHS)[:, None]
    steps = step[:, None] * lengths
    tried = ends(steps)
    # What the longest step met beyond the linear model is half the second derivative along it.
    bend = tried[:, 0] - residuals - tf.linalg.matvec(tangents, step, transpose_a=True)
    correction = solve(tf.linalg.matvec(precise, tf.cast(bend, tf.float64)))
    curved_steps = steps + lengths**2 * correction[:, None]
    curved = ends(curved_steps)
    pull = tf.cast(alpha, tf.float32)

    def cost(steps, residuals):
        return _energy(residuals) + pull * _energy(z[:, None] + steps)

    nearer = (cost(curved_steps, curved) < cost(steps, tried))[..., None]
    steps, tried = tf.where(nearer, curved_steps, steps), tf.where(nearer, curved, tried)
    lower = _energy(tried) < _energy(residuals)[:, None]  # NaN is not
    taken = tf.reduce_any(lower, 1)
    chosen = tf.where(taken, tf.argmax(lower, 1, tf.int32), count - 1)
    step, after = (tf.gather(x, chosen, batch_dims=1) for x in (steps, tried))
    # Broyden: whether taken or not, the step showed how the residuals change along it.
    error = after - residuals - tf.linalg.matvec(tangents, step, transpose_a=True)
    share = tf.math.divide_no_nan(step, tf.reduce_sum(step**2, 1, keepdims=True))
    corrected = tangents + share[:, :, None] * error[:, None]
    tangents = tf.where(tf.reduce_all(tf.math.is_finite(error), 1)[:, None, None], corrected, tangents)
    taken = taken[:, None]
    return tf.where(taken, z + step, z), tf.where(taken, after, residuals), tangents


def _energy(residuals: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(residuals**2, -1)


def jacobian(function: Callable, latents: tf.Tensor) -> tf.Tensor:
    """Returns the transposed Jacobian [b, d, m] of a function [b, d] -> [b, m], by forward mode."""

    def tangent(direction):
        with tf.autodiff.ForwardAccumulator(latents, tf.ones_like(latents) * direction) as accumulator:
            values = function(latents)
        return accumulator.jvp(values)

    rows = tf.vectorized_map(tangent, tf.eye(latents.shape[1]), fallback_to_while_loop=False)
    return tf.transpose(rows, [1, 0, 2])
