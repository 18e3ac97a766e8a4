"""Gauss-Newton: exact recovery of latents from the generator's Jacobian.

Near a solution the objective's Hessian is 2 J^T J, J the Jacobian [m, d] of
the residuals r. Its singular values span 60 dB, which is why first-order
methods get the sound nearly right and the latent vector not at all. Five
things make it converge from far away, in few Jacobians:

- J by forward mode: d tangents through the generator, vectorised so that the
  values which they share are computed once. Reverse mode would need m = 16,384
  passes. The normal equations are solved in float64.
- The prior as damping. Levenberg-Marquardt damps towards where the search
  stands, so that errors in directions that are hardly heard stay and bend the
  way: it creeps along curved valleys. Here each step damps towards the mean of
  the prior, 0, by as much as the residual is still in doubt:

      min |r + J s|^2 + alpha |z + s|^2,   alpha = 0.006 |r|^2

  (iteratively regularised Gauss-Newton: Bakushinskii 1992). What the clip does
  not yet tell stays at 0; as the residual falls the damping vanishes, and the
  last steps converge quadratically to the exact solution. A member that stalls
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

import functools
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.batching import in_batches
from tf_inversion.generators import base
from tf_inversion.inversion import rounds
from tf_inversion.losses import Objective

TOLERANCE = 0.05
PRIOR = 0.006  # of |r|^2: on the way, the linear model is wrong by a variance of about |r|^2 / 500
_STEPS = 8  # that one Jacobian serves: fewest CPU-seconds from afar
_LENGTHS = (1.0, 0.3, 0.1)  # of a step, the longest first
_LONGEST_STEP = 3.0  # of a latent vector whose own length is about 6
_PRECISION = 3.0  # of a prior that is uniform on [-1, 1], in each direction
_MEMBERS = 8  # whose Jacobians are in memory at once, 6.5 MB each and as much again for its product


class State(NamedTuple):
    z: tf.Tensor
    prior: tf.Tensor  # alpha / |r|^2
    value: tf.Tensor
    iterations: tf.Tensor
    evaluations: tf.Tensor
    status: tf.Tensor


def minimize(
    objective: Objective,
    clips: np.ndarray,
    start: np.ndarray,
    *,
    tolerance: float = TOLERANCE,
    prior: float = PRIOR,
    steps: int = _STEPS,
    batch_size: int = _MEMBERS,
    **options,
) -> rounds.Outcome:
    """Minimises the objective for n clips from n starts.

    Args:
      objective: a sum of squares, none of which looks at a classifier.
      clips: float32 [n, num_samples].
      start: float32 [n, latent_dim].
      tolerance: a member has converged when the steps of a Jacobian, with the weaker damping, gained less
        than this share of its objective.
      prior: alpha / |r|^2 on the way. Less of it strays further, and into other minima.
      steps: that one Jacobian serves.
      batch_size: members at work at once, of which eight at the most.
      **options: of `rounds.minimize`; `max_iterations` is rounded up to a multiple of `steps`.

    Raises:
      InvalidArgumentError: if the objective is no sum of squares.
    """
    if not objective.is_least_squares:
        raise errors.InvalidArgumentError(
            "objective: Gauss-Newton needs squared loss terms that look at no classifier, such as waveform"
        )
    begin, advance = _compiled(objective, steps)
    begin = functools.partial(begin, prior=tf.constant(prior))
    members = min(batch_size, _MEMBERS)
    return rounds.minimize(
        objective, clips, start, begin, advance, tolerance=tolerance, batch_size=members, **options
    )


@functools.lru_cache(maxsize=8)
def _compiled(objective: Objective, steps: int) -> tuple[Callable, Callable]:
    @tf.function(reduce_retracing=True)
    def begin(z, targets, prior) -> State:
        counts = tf.zeros(tf.shape(z)[:1], tf.int32)
        prior = tf.fill(tf.shape(counts), prior)
        return State(z, prior, objective.value(z, targets), counts, counts + 1, counts)

    @tf.function(reduce_retracing=True)
    def advance(state: State, targets, limits, max_iterations) -> State:
        tolerance, goal = limits[0], limits[1]
        residuals = objective.residuals(state.z, targets)
        tangents = jacobian(lambda z: objective.residuals(z, targets), state.z)
        repeated = {name: tf.repeat(target, len(_LENGTHS), 0) for name, target in targets.items()}

        def body(count, z, residuals, tangents):
            return count + 1, *_step(objective, repeated, z, residuals, tangents, state.prior)

        _, z, residuals, _ = tf.while_loop(
            lambda count, *_: count < steps, body, (0, state.z, residuals, tangents)
        )
        value = _energy(residuals)
        iterations = state.iterations + steps
        status = tf.where(iterations >= max_iterations, rounds.RAN_OUT, state.status)
        stalled = state.value - value <= tolerance * state.value
        last = tf.minimum(_PRECISION / residuals.shape[1], PRIOR)
        status = tf.where((value <= goal) | (stalled & (state.prior <= last)), rounds.CONVERGED, status)
        prior = tf.where(stalled, last, state.prior)
        passes = state.z.shape[1] + steps * 2 * len(_LENGTHS)
        return State(z, prior, value, iterations, state.evaluations + passes, status)

    return begin, advance


def _step(objective, repeated, z, residuals, tangents, prior) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns latents, residuals and corrected tangents after a step, which may be none."""
    count, dim = len(_LENGTHS), z.shape[1]
    precise = tf.cast(tangents, tf.float64)
    unit = tf.eye(dim, dtype=tf.float64)
    hessian = tf.matmul(precise, precise, transpose_b=True)
    alpha = tf.cast(prior * _energy(residuals), tf.float64)
    # Where nothing is in doubt any more, a latent that the audio does not hear would make it singular.
    alpha = tf.maximum(alpha, 1e-15 * tf.linalg.trace(hessian) + 1e-30)[:, None]
    hessian += alpha[..., None] * unit
    hessian = tf.where(tf.math.is_finite(hessian), hessian, unit)  # a member with NaN must not stop the rest

    def solve(gradient):
        return -tf.cast(tf.linalg.solve(hessian, gradient[..., None])[..., 0], tf.float32)

    def ends(steps):
        candidates = tf.reshape(z[:, None] + steps, [-1, dim])
        return tf.reshape(objective.residuals(candidates, repeated), [-1, count, residuals.shape[1]])

    gradient = tf.linalg.matvec(precise, tf.cast(residuals, tf.float64)) + alpha * tf.cast(z, tf.float64)
    step = tf.clip_by_norm(solve(gradient), _LONGEST_STEP, axes=[1])
    lengths = tf.constant(_LENGTHS)[:, None]
    steps = step[:, None] * lengths
    tried = ends(steps)
    # What the longest step met beyond the linear model is half the second derivative along it.
    bend = tried[:, 0] - residuals - tf.linalg.matvec(tangents, step, transpose_a=True)
    correction = solve(tf.linalg.matvec(precise, tf.cast(bend, tf.float64)))
    curved_steps = steps + lengths**2 * correction[:, None]
    curved = ends(curved_steps)
    damping = tf.cast(alpha, tf.float32)

    def cost(steps, residuals):
        return _energy(residuals) + damping * _energy(z[:, None] + steps)

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


def standard_deviation(
    generator: base.Generator,
    clips: np.ndarray,
    latents: np.ndarray,
    progress: Callable[[Iterable], Iterable] = iter,
) -> np.ndarray:
    """Returns error bars on recovered latents, float32 [n, latent_dim].

    The square root of the diagonal of (J^T J / s^2 + 3)^-1: s^2 is the mean square of what the clip
    leaves unexplained, J the Jacobian of the audio, 3 the precision of the prior, uniform on [-1, 1].
    It says 0.58 of a component that the clip tells nothing about, and holds for white noise on the clip;
    another minimum, far away, it can't see.

    Args:
      clips: float32 [n, num_samples].
      latents: float32 [n, latent_dim], a solution.
      progress: wraps the loop over batches.
    """
    deviation = functools.partial(_deviation, generator)
    return in_batches(deviation, clips, latents, batch_size=_MEMBERS, progress=progress)


@functools.partial(tf.function, reduce_retracing=True)
def _deviation(generator, clips, latents):
    tangents = tf.cast(jacobian(generator, latents), tf.float64)
    power, noise = (
        tf.reduce_mean(tf.cast(x, tf.float64) ** 2, 1, keepdims=True)
        for x in (clips, clips - generator(latents))
    )
    noise = tf.maximum(noise, 1e-12 * power + 1e-30)  # float32 audio of a network is no more exact
    heard, directions = tf.linalg.eigh(tf.matmul(tangents, tangents, transpose_b=True))
    variance = noise / (tf.nn.relu(heard) + _PRECISION * noise)
    return tf.cast(tf.sqrt(tf.linalg.matvec(directions**2, variance)), tf.float32)


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
