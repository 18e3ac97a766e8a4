"""Where the search for a latent vector begins."""

from __future__ import annotations

import functools
import logging
import os
import zipfile
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.audio.clips import SILENCE
from tf_inversion.audio.mel import log_mels
from tf_inversion.batching import in_batches
from tf_inversion.generators.base import Generator
from tf_inversion.inversion.compiled import for_any_number, kept
from tf_inversion.inversion.methods import Method
from tf_inversion.inversion.settings import InversionSettings
from tf_inversion.models import ModelBundle
from tf_inversion.networks.inverter import Inverter

_SCREENED_FROM = 1024  # random latents, the same for all clips
_QUIET = 4  # so many times under the peak of its training, a clip is too quiet for an inverter
_log = logging.getLogger(__name__)


def starts(
    method: Method, audio: np.ndarray, rows: np.ndarray, models: ModelBundle, settings: InversionSettings
) -> np.ndarray:
    """Returns starts for some of all clips, those most likely first: float32 [m, method.starts, latent_dim].

    Args:
      method: where to start, and how often; from the second start on, at best-of-N latents unless at random.
      audio: all clips [n, num_samples].
      rows: int [m], those that are inverted.
      models: the generator, with an inverter if that is where to start.
      settings: seed, batch size and latents file.
    """
    generator, count, clips = models.generator, method.starts, audio[rows]
    batches = {"seed": settings.seed, "batch_size": settings.batch_size}
    if method.init == "random":
        return random(len(rows), count, generator, settings.seed)
    if method.init == "best_of_n":
        return best_of_n(clips, generator, count, **batches)
    if method.init == "zero":
        first = np.zeros((len(rows), generator.latent_dim), np.float32)
    elif method.init == "file":
        first = file(settings.init_file or "", len(audio), generator.latent_dim)[rows]
    else:
        assert models.inverter is not None
        first = in_batches(models.inverter.encode, clips, batch_size=settings.batch_size)
    if count == 1:
        return first[:, None]
    return np.concatenate([first[:, None], best_of_n(clips, generator, count - 1, **batches)], 1)


def random(n: int, count: int, generator: Generator, seed: int) -> np.ndarray:
    """Draws latents from the generator's prior: float32 [n, count, latent_dim]."""
    # Another stream than `Generator.draw_latents`: a start must not be the answer by the same seed.
    drawn = generator.prior.sample(n * count, generator.latent_dim, [seed, 1])
    return drawn.reshape(n, count, -1)


def best_of_n(audio: np.ndarray, generator: Generator, count: int, seed: int, batch_size: int) -> np.ndarray:
    """Returns for each clip the best `count` of 1,024 random latents: float32 [n, count, latent_dim].

    The distance is that of multi-resolution log-mel features, which forgets the phase (a generator's own
    features are compared as they are). The random
    clips are made once and serve all of `audio`, and the next call with the same seed.
    """
    features, make = kept(generator, _screen)
    candidates, made = make(max(_SCREENED_FROM, count), seed, batch_size)
    given = in_batches(features, audio, batch_size=batch_size)
    # |given - made|^2 without its constant part.
    distance = tf.reduce_sum(made**2, 1) - 2 * tf.matmul(given, made, transpose_b=True)
    return candidates[tf.math.top_k(-distance, count).indices.numpy()]


def _screen(generator: Generator) -> tuple[Callable, Callable]:
    """Returns the features of clips, and what makes candidates with theirs, which remembers the latest."""
    what = (lambda x: x) if generator.feature_shape else (lambda x: log_mels(x, generator.sample_rate))
    features = for_any_number(what)

    @functools.lru_cache(maxsize=1)
    def make(count: int, seed: int, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
        candidates = random(1, count, generator, seed)[0]
        made = in_batches(lambda z: features(generator(z)), candidates, batch_size=batch_size)
        return candidates, made

    return features, make


def file(path: str | os.PathLike, n: int, latent_dim: int) -> np.ndarray:
    """Reads starts [n, latent_dim] from a latents file, as `invert_audio` and `generate_audio` write it.

    Raises:
      InvalidArgumentError: if there is none, if it is no such file, or its shape is another.
    """
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


def warn_of_quiet(names: Sequence[str], audio: np.ndarray, inverter: Inverter) -> None:
    """Warns of clips [n, num_samples] far quieter than those of the inverter's training."""
    levels = np.abs(audio).reshape(len(audio), -1).max(1)
    quiet = [name for name, level in zip(names, levels) if SILENCE < level < inverter.peak / _QUIET]
    if quiet:
        _log.warning(
            "%d clip(s) far quieter than those of the inverter's training will come out wrong; raise them "
            "to peak=%.2g: %s",
            len(quiet),
            inverter.peak,
            ", ".join(quiet),
        )
