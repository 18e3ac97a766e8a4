"""The named methods, each a start and a refinement, and the one call that runs them.

Two choices that do not know each other make a method: where the latent vector
starts (`starts.py`) and how it is refined (`lbfgs.py`, `adam.py`,
`gauss_newton.py`, or not at all).
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable

import keras
import numpy as np
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.generators import base
from tf_inversion.inversion import result


@dataclasses.dataclass(frozen=True)
class Method:
    """A start and a refinement."""

    start: str
    refinement: str
    max_iterations: int = 0


METHODS = {
    "encoder": Method("encoder", "none"),
}


def invert(
    audio,
    generator: base.Generator | None = None,
    method: str = "encoder",
    *,
    inverter: keras.Model | None = None,
    classifier: keras.Model | None = None,
    batch_size: int = 64,
    seed: int = 0,
    progress: Callable[[Iterable], Iterable] | None = None,
) -> result.InversionResult:
    """Recovers the latent vectors of audio clips under a frozen generator.

    Args:
      audio: clips [n, num_samples] or one [num_samples], or the path of an audio file, or paths.
      generator: z [b, latent_dim] -> audio [b, num_samples]; default the embedded one.
      method: a name in `METHODS`.
      inverter: audio -> z; default the embedded one, if the method starts with it.
      classifier: audio -> logits with `.features`, for objectives that need it.
      batch_size: how many clips are worked on at once; bounds the memory.
      seed: fixes every random choice.
      progress: wraps the iteration over batches, for instance `tqdm.tqdm`.

    Raises:
      InvalidArgumentError: for an unknown method or clips of a wrong shape.
    """
    if method not in METHODS:
        raise errors.InvalidArgumentError(f"method: {method!r} is unknown; choose from {', '.join(METHODS)}")
    if generator is None:
        from tf_inversion.generators import loading

        generator = loading.load_generator()
    clips, names = _clips(audio, generator)
    inverter = inverter or _embedded_inverter()
    batches = range(0, len(clips), batch_size)
    parts = []
    for first in progress(batches) if progress else batches:
        began = time.perf_counter()
        latents = inverter(clips[first : first + batch_size], training=False)
        outputs = generator(latents)
        parts.append((latents.numpy(), outputs.numpy(), time.perf_counter() - began))
    latents, outputs = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    seconds = np.concatenate([np.full(len(part[0]), part[2] / len(part[0])) for part in parts])
    finite = np.isfinite(clips).all(1)
    return result.InversionResult(
        latents=latents,
        audio=outputs,
        objective=np.mean((outputs - clips) ** 2, 1),
        steps=np.zeros(len(clips), np.int32),
        evaluations=np.ones(len(clips), np.int32),
        status=np.where(finite, "encoded", "not finite"),
        clip_seconds=seconds.astype(np.float32),
        names=names,
    )


def _clips(audio, generator: base.Generator) -> tuple[np.ndarray, list[str] | None]:
    """Returns clips float32 [n, num_samples] and their names, if they were paths."""
    if not isinstance(audio, (np.ndarray, tf.Tensor)):
        from tf_inversion.audio import clips

        paths = [audio] if not isinstance(audio, (list, tuple)) else list(audio)
        loaded = clips.load_clips(paths, generator.num_samples, generator.sample_rate)
        return loaded.audio, loaded.names
    audio = np.atleast_2d(np.asarray(audio, np.float32))
    if audio.ndim != 2 or audio.shape[1] != generator.num_samples:
        raise errors.InvalidArgumentError(
            f"audio: shape {audio.shape}; the generator makes clips of {generator.num_samples} samples, "
            f"so give [n, {generator.num_samples}] or [{generator.num_samples}]"
        )
    return audio, None


def _embedded_inverter() -> keras.Model:
    from tf_inversion.networks import loading

    return loading.load_inverter()
