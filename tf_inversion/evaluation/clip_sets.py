"""The clips that are inverted for the tables: synthesized ones and real ones."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tf_inversion import errors
from tf_inversion.audio import clips as audio_clips
from tf_inversion.generators.base import Generator
from tf_inversion.latents import synthesize

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class ClipSet:
    """Clips to invert and what is known of them.

    Attributes:
      audio: float32 [n, num_samples] or [n, num_channels, num_samples] in [-1, 1], finite.
      sample_rate: in hertz.
      labels: int [n], index of the class among the evaluation classifier's, -1 if it does not know the class;
        None if there are no labels.
      latents: float32 [n, latent_dim] that made the clips; None for real ones.
      names: n different names to call the clips by; None if they have none.
      paths: of the files that the n clips come from; None if they come from none.
    """

    audio: np.ndarray
    sample_rate: int
    labels: np.ndarray | None = None
    latents: np.ndarray | None = None
    names: list[str] | None = None
    paths: list[str] | None = None


def synthesized_clips(
    generator: Generator,
    num: int,
    seed: int,
    *,
    batch_size: int = 64,
    progress: Callable[[Iterable], Iterable] = iter,
) -> ClipSet:
    """Clips that the generator makes of `num` latent vectors drawn with `seed`, see `synthesize`."""
    latents = generator.draw_latents(num, seed)
    audio = np.stack(list(synthesize(generator, latents, batch_size=batch_size, progress=progress)))
    names = [f"synthesized_{index:05d}" for index in range(num)]
    return ClipSet(audio, generator.sample_rate, latents=latents, names=names)


def real_clips(
    clips: audio_clips.ClipList,
    generator: Generator,
    label_names: Sequence[str],
    *,
    num: int,
    seed: int,
    peak: float = 0.0,
    progress: Callable[[Iterable], Iterable] = iter,
) -> ClipSet:
    """Reads at most `num` of the clips, chosen with `seed`, preprocessed as in training.

    Args:
      clips: from `find_clips`. The unreadable are logged and left out.
      generator: says how long a clip is and at what rate.
      label_names: classes of the evaluation classifier, which the labels come to refer to. Others that the
        clips have are logged.
      num, seed: how many clips, and which.
      peak: level that each clip is scaled to; 0 leaves it.
      progress: of `load_clips`.

    Raises:
      DatasetError: if no clip is readable.
    """
    chosen = np.random.default_rng(seed).permutation(len(clips))[:num]
    clips = clips.pick(sorted(chosen))
    loaded = audio_clips.load_clips(
        clips.paths,
        generator.num_samples,
        generator.sample_rate,
        peak,
        progress=progress,
        num_channels=generator.num_channels,
    )
    if not loaded.names:
        raise errors.DatasetError(f"{clips.paths[0]}: not readable, nor any of the {len(clips)} clips")
    labels = None
    if clips.labels is not None:
        index = {name: i for i, name in enumerate(label_names)}
        name_of = {path: clips.label_names[label] for path, label in zip(clips.paths, clips.labels)}
        names = [name_of[path] for path in loaded.paths]
        labels = np.array([index.get(name, -1) for name in names])
        if label_names and (unknown := sorted(set(names).difference(label_names))):
            _log.warning(
                "the evaluation classifier does not know %s: %d of %d clips are not judged",
                ", ".join(unknown),
                np.sum(labels < 0),
                len(names),
            )
    return ClipSet(loaded.audio, generator.sample_rate, labels, names=loaded.names, paths=loaded.paths)
