"""Gauss-Newton: exact recovery of latents from the generator's Jacobian.

Near a solution the objective's Hessian is 2 J^T J, J the Jacobian [m, d] of
the residuals. Its singular values span 60 dB, which is why first-order methods
get the sound nearly right and the latent vector not at all.

The cheapest exact form we found. J by forward mode: d tangents through the
generator, vectorised so that the values which they share are computed once; it
costs about 60 gradients at width 16 (reverse mode would need m = 16,384
passes). The gradient always comes from reverse mode and is exact. So J^T J is
only a metric: it may be damped, a little old, or leave out small terms without
moving the solution. One metric serves a whole round of L-BFGS, whose pairs
correct it as they go (a Broyden-type update). The damping follows the
residual (Levenberg-Marquardt with Marquardt's scaling): strong far away, where
the metric is soon wrong, none at the end.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.inversion import objectives

ROUND_LENGTH = 40  # evaluations that one Jacobian serves
_CHUNK = 8  # members whose tangents are in memory at once
_DAMPING = 1.0  # times the objective, between these:
_LEAST_DAMPING, _MOST_DAMPING = 1e-3, 1e-2


def metric(objective: objectives.Objective) -> Callable:
    """Returns (latents [b, d], targets, value [b]) -> damped inverse Hessians [b, d, d] of the objective."""

    if not objective.has_residuals:
        raise errors.InvalidArgumentError(
            "objective: Gauss-Newton needs a squared piece that looks at no classifier, such as waveform"
        )

    @tf.function(reduce_retracing=True)
    def inverse_hessian(latents, targets, value):
        hessian = 2 * gram(objective, latents, targets)
        damping = tf.clip_by_value(_DAMPING * tf.cast(value, tf.float64), _LEAST_DAMPING, _MOST_DAMPING)
        diagonal = damping[:, None] * tf.linalg.diag_part(hessian)
        return tf.cast(tf.linalg.inv(hessian + tf.linalg.diag(diagonal)), tf.float32)

    def by_chunks(latents, targets, value):
        parts = []
        for first in range(0, len(latents), _CHUNK):
            part = slice(first, first + _CHUNK)
            parts.append(
                inverse_hessian(latents[part], {k: t[part] for k, t in targets.items()}, value[part])
            )
        return tf.concat(parts, 0)

    return by_chunks


def polish(
    objective: objectives.Objective, clips: np.ndarray, latents: np.ndarray, where: np.ndarray
) -> np.ndarray:
    """Returns latents [n, d] after an undamped Gauss-Newton step of the rows `where` (bool [n]).

    At a solution the step is as long as the error that is left, down to what float32 audio can show.
    """
    latents = latents.copy()
    step = tf.function(lambda z, targets: _full_step(objective, z, targets), reduce_retracing=True)
    rows = np.flatnonzero(where)
    for part in (rows[i : i + _CHUNK] for i in range(0, len(rows), _CHUNK)):
        z = tf.constant(latents[part])
        latents[part] = step(z, objective.targets(tf.constant(clips[part]), z)).numpy()
    return latents


def _full_step(objective, latents, targets):
    value, gradient = objective.value_and_gradient(latents, targets)
    step = tf.linalg.solve(2 * gram(objective, latents, targets), tf.cast(gradient, tf.float64)[..., None])
    moved = latents - tf.cast(step[..., 0], tf.float32)
    return tf.where((objective.value(moved, targets) < value)[:, None], moved, latents)


def gram(objective: objectives.Objective, latents: tf.Tensor, targets) -> tf.Tensor:
    """Returns J^T J, float64 [b, d, d], of the objective's residuals at latents [b, d]."""
    tangents = jacobian(lambda z: objective.residuals(z, targets), latents)
    return tf.cast(tf.matmul(tangents, tangents, transpose_b=True), tf.float64)


def jacobian(function: Callable, latents: tf.Tensor) -> tf.Tensor:
    """Returns the transposed Jacobian [b, d, m] of a function [b, d] -> [b, m], by forward mode."""

    def tangent(direction):
        with tf.autodiff.ForwardAccumulator(latents, tf.ones_like(latents) * direction) as accumulator:
            values = function(latents)
        return accumulator.jvp(values)

    rows = tf.vectorized_map(tangent, tf.eye(latents.shape[1]), fallback_to_while_loop=False)
    return tf.transpose(rows, [1, 0, 2])
