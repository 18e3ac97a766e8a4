"""How far recovered latents may be off."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from tf_inversion.batching import in_batches
from tf_inversion.generators.base import Generator
from tf_inversion.inversion.compiled import for_any_number, kept
from tf_inversion.inversion.solvers.gauss_newton import GaussNewton, jacobian
from tf_inversion.losses.terms import rows


def standard_deviation(
    generator: Generator,
    clips: np.ndarray,
    latents: np.ndarray,
    progress: Callable[[Iterable], Iterable] = iter,
) -> np.ndarray:
    """Returns error bars on recovered latents, float32 [n, latent_dim].

    The square root of the diagonal of (J^T J / s^2 + p)^-1: s^2 is the mean square of what the clip
    leaves unexplained, J the Jacobian of the audio, p the precision of the prior (3, if it is uniform in
    [-1, 1]: of a component that the clip tells nothing about it says 0.58). It holds for white noise on
    the clip; another minimum, far away, it can't see.

    Args:
      clips: float32 [n, ..., num_samples].
      latents: float32 [n, latent_dim], a solution.
      progress: wraps the loop over batches.
    """
    deviation = kept(generator, _deviation)
    return in_batches(deviation, clips, latents, batch_size=GaussNewton.max_batch_size, progress=progress)


def _deviation(generator: Generator) -> Callable:
    @for_any_number
    def deviation(clips, latents):
        tangents = tf.cast(jacobian(lambda z: rows(generator(z)), latents), tf.float64)
        power, noise = (
            tf.reduce_mean(tf.cast(rows(x), tf.float64) ** 2, 1, keepdims=True)
            for x in (clips, clips - generator(latents))
        )
        noise = tf.maximum(noise, 1e-12 * power + 1e-30)  # float32 audio of a network is no more exact
        audible, directions = tf.linalg.eigh(tf.matmul(tangents, tangents, transpose_b=True))
        variance = noise / (tf.nn.relu(audible) + generator.prior.precision * noise)
        return tf.cast(tf.sqrt(tf.linalg.matvec(directions**2, variance)), tf.float32)

    return deviation
