"""Where the search for a latent vector begins."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.audio.mel import log_mels
from tf_inversion.batching import in_batches
from tf_inversion.generators.base import Generator
from tf_inversion.inversion.compiled import kept
from tf_inversion.networks.inverter import Inverter

INITIALIZERS = ("encoder", "random", "screened", "zero", "file")
_SCREENED_FROM = 1024  # random latents, the same for all clips


def encoder(audio: np.ndarray, inverter: Inverter, batch_size: int) -> np.ndarray:
    """Returns the inverter's answer for clips [n, num_samples]: float32 [n, latent_dim]."""
    return in_batches(inverter.encode, audio, batch_size=batch_size)


def random(n: int, count: int, generator: Generator, seed: int) -> np.ndarray:
    """Draws latents from the generator's prior: float32 [n, count, latent_dim]."""
    # Another stream than `latents.draw_latents`: a start must not be the answer by the same seed.
    drawn = generator.prior.sample(n * count, generator.latent_dim, [seed, 1])
    return drawn.reshape(n, count, -1)


def screened(audio: np.ndarray, generator: Generator, count: int, seed: int, batch_size: int) -> np.ndarray:
    """Returns for each clip the best `count` of 1,024 random latents: float32 [n, count, latent_dim].

    The distance is that of multi-resolution log-mel features, which forgets the phase. The random
    clips are made once and serve all of `audio`.
    """
    candidates = random(1, max(_SCREENED_FROM, count), generator, seed)[0]
    features = kept(generator, _features)
    made = in_batches(lambda z: features(generator(z)), candidates, batch_size=batch_size)
    given = in_batches(features, audio, batch_size=batch_size)
    # |given - made|^2 without its constant part.
    distance = tf.reduce_sum(made**2, 1) - 2 * tf.matmul(given, made, transpose_b=True)
    return candidates[tf.math.top_k(-distance, count).indices.numpy()]


def _features(generator: Generator) -> Callable:
    return tf.function(lambda x: log_mels(x, generator.sample_rate), reduce_retracing=True)


def file(path: str | os.PathLike, n: int, latent_dim: int) -> np.ndarray:
    """Reads starts [n, latent_dim] from a latents file, as `invert_audio` and `generate_audio` write it.

    Raises:
      InvalidArgumentError: if there is none, if it is no such file, or its shape is another.
    """
    if path is None:
        raise errors.InvalidArgumentError("init_file: is missing; name the latents file to start at")
    try:
        with np.load(path, allow_pickle=False) as archive:
            read = archive["latents"].astype(np.float32)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise errors.InvalidArgumentError(f"{path}: not a latents file (.npz with `latents`)") from error
    if read.shape != (n, latent_dim):
        raise errors.InvalidArgumentError(
            f"{path}: latents of shape {read.shape}; needed are ({n}, {latent_dim})"
        )
    return read
