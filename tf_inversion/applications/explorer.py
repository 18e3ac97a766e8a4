"""What the page of `explore_latents` does, without the page: clips in, latents found and moved, HTML out."""

from __future__ import annotations

import dataclasses
import io
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tf_inversion import errors, pages
from tf_inversion.audio import files, mel
from tf_inversion.audio.clips import SILENCE
from tf_inversion.evaluation import figures
from tf_inversion.evaluation.columns import MAIN, pick
from tf_inversion.evaluation.evaluation import clip_metrics
from tf_inversion.evaluation.metrics import judge_probabilities
from tf_inversion.generators.base import Generator
from tf_inversion.inversion.compiled import kept
from tf_inversion.inversion.invert import invert
from tf_inversion.inversion.methods import METHODS
from tf_inversion.inversion.solvers.gauss_newton import jacobian
from tf_inversion.models import ModelBundle
from tf_inversion.priors import Prior

_LONGEST = 30.0  # seconds that are read of a file
_ONSET = 0.03  # of the peak, -30 dB: where a recording begins,
_BEFORE = 0.05  # and so many seconds before that
_DPI = 150


@dataclasses.dataclass(frozen=True)
class Clip:
    """What is inverted.

    Attributes:
      name: to call it by.
      audio: float32 [num_samples].
      latents: float32 [latent_dim] that made it, if they are known.
    """

    name: str
    audio: np.ndarray
    latents: np.ndarray | None = None


class Found(NamedTuple):
    """Latents [latent_dim] that a search has come to, in words how it stands, and whether it is done."""

    latents: np.ndarray
    status: str
    done: bool = True


class _StoppedError(Exception):
    """Ends an inversion from within."""


def load_clip(path: str, generator: Generator, peak: float = 0.0) -> tuple[Clip, str]:
    """Reads a file as one clip; of a longer one the first slice after the silence that it begins with.

    Args:
      path: an audio file, of which 30 seconds are read.
      generator: whose clips are as long.
      peak: scale the clip to this largest magnitude; 0 for none.

    Returns:
      The clip, and in a line what was done to it.

    Raises:
      AudioFileError: if it can't be read or is silent.
    """
    rate, length = generator.sample_rate, generator.num_samples
    name = Path(path).stem
    try:
        recording = files.read(path, seconds=_LONGEST)
    except errors.AudioFileError as error:
        raise errors.AudioFileError(str(error).replace(str(path), Path(path).name)) from error
    samples = files.resample(recording.samples, recording.sample_rate, rate)
    note = f"{name}: {recording.num_frames / recording.sample_rate:.2f} s"
    if len(samples) > length:
        levels = np.abs(samples)
        onset = max(0, int(np.argmax(levels > _ONSET * levels.max()) - _BEFORE * rate))
        samples = samples[onset:]
        note += f"; of it the {length / rate:.2f} s from {onset / rate:.2f} s on"
    samples = np.pad(samples[:length], (0, max(0, length - len(samples))))
    level = np.abs(samples).max()
    if level <= SILENCE:
        raise errors.AudioFileError(f"{name}: is silent; choose another clip or record it again, louder")
    if peak:
        samples = samples * (peak / level)
    return Clip(name, samples.astype(np.float32)), note


def draw_clip(generator: Generator, seed: int) -> Clip:
    """Returns the clip of a random latent vector."""
    (latents,) = generator.draw_latents(1, seed)
    return Clip(f"random_{seed}", synthesize(generator, latents), latents)


def synthesize(generator: Generator, latents: np.ndarray) -> np.ndarray:
    """Returns the audio [num_samples] of latents [latent_dim]."""
    return generator(latents[None]).numpy()[0]


def search(
    models: ModelBundle, audio: np.ndarray, method: str, max_iterations: int, stop: threading.Event
) -> Iterator[Found]:
    """Inverts a clip and yields how the search stands after each round; what comes last is the answer.

    Args:
      models: to invert with.
      audio: float32 [num_samples].
      method: a name in `methods.METHODS`.
      max_iterations: of the refinement.
      stop: ends the search after the round in which it is set; the answer is then what that round had.
    """
    rounds: queue.SimpleQueue[np.ndarray | None] = queue.SimpleQueue()
    began = time.perf_counter()

    def watch(latents: np.ndarray) -> None:
        rounds.put(latents[0].copy())
        if stop.is_set():
            raise _StoppedError

    def described(status: str) -> str:
        return f"{method}: {status}, {time.perf_counter() - began:.1f} s"

    chosen = METHODS[method]
    if chosen.init == "encoder" and chosen.refine != "none":
        (inverter,) = models.require("inverter")
        (start,) = inverter.encode(audio[None]).numpy()
        yield Found(start, described("starting from the encoder's answer"), done=False)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(
            invert,
            audio,
            models,
            method,
            max_iterations=max_iterations,
            watch=None if chosen.refine == "none" else watch,
        )
        answer.add_done_callback(lambda _: rounds.put(None))
        count = 0
        try:
            while (latents := rounds.get()) is not None:
                count, last = count + 1, latents
                if count == 1 or rounds.empty():  # whoever looks is slower than the search
                    yield Found(latents, described(f"searching, round {count}"), done=False)
            result = answer.result()
            spent = f" after {result.iterations[0]} iterations" if result.iterations[0] else ""
            yield Found(result.latents[0], described(f"{result.status[0]}{spent}"))
        except _StoppedError:
            yield Found(last, described(f"stopped after round {count}"))
        finally:
            stop.set()  # if nobody listens any more


def audible_directions(
    generator: Generator, latents: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the directions in which the log-mel spectrogram changes most around a latent vector.

    They are the first right-singular vectors of the Jacobian of the spectrogram in dB, each turned so
    that it leads to louder clips.

    Args:
      generator: z [b, latent_dim] -> audio [b, num_samples].
      latents: float32 [latent_dim].
      count: how many, at most latent_dim.

    Returns:
      Unit vectors float32 [count, latent_dim], and by how many dB (root mean square over the
      spectrogram) each changes the clip per unit of length: [count].
    """
    tangents = kept(generator, _spectrum_jacobian)(tf.constant(latents)).numpy().astype(np.float64)
    energies, vectors = np.linalg.eigh(tangents @ tangents.T)
    directions = vectors[:, ::-1][:, :count].T
    directions = directions * np.where(directions @ tangents.sum(1) < 0, -1, 1)[:, None]
    strengths = np.sqrt(np.maximum(energies[::-1][:count], 0) / tangents.shape[1])
    return directions.astype(np.float32), strengths


def _spectrum_jacobian(generator: Generator) -> Callable:
    """Returns the function from latents [latent_dim] to d dB / d z, [latent_dim, frames * bands]."""

    @tf.function
    def tangents(z: tf.Tensor) -> tf.Tensor:
        of_audio = jacobian(generator, z[None])[0]
        # Through the spectrum as a batch: TensorFlow 2.17 crashes on a vectorised matrix product of one clip.
        audio = tf.repeat(generator(z[None]), z.shape[0], 0)
        with tf.autodiff.ForwardAccumulator(audio, of_audio) as accumulator:
            decibels = 20 * mel.log_mel(audio, generator.sample_rate)
        return tf.reshape(accumulator.jvp(decibels), [z.shape[0], -1])

    return tangents


def edit(
    prior: Prior,
    base: np.ndarray,
    other: np.ndarray,
    blend: float,
    directions: np.ndarray,
    amounts: np.ndarray,
) -> np.ndarray:
    """Returns latents [latent_dim] between two clips and moved along directions.

    They stay in the prior's range, apart from what is out of range without the move.

    Args:
      prior: of the generator.
      base, other: latents [latent_dim] of the two clips.
      blend: 0 for the first of them, 1 for the second.
      directions: [k, latent_dim].
      amounts: how far to go along each, [k].
    """
    blended = base + blend * (other - base)
    excess = prior.excess(blended)
    return (prior.project(blended + amounts @ directions - excess) + excess).astype(np.float32)


def show(
    models: ModelBundle,
    clip: Clip,
    latents: np.ndarray | None,
    status: str,
    play: bool = False,
    draft: bool = False,
) -> str:
    """Returns HTML: players, figure and metrics of a clip beside what its latents make.

    It holds all it shows: audio as WAV, the figure as PNG, and the files to save.

    Args:
      models: the generator makes the result, the evaluation classifier labels both.
      clip: the original.
      latents: float32 [latent_dim] of the result; None if there is none yet.
      status: a line on how it came about.
      play: start the result's player.
      draft: draw the figure coarsely, since a better result comes soon.
    """
    rate = models.generator.sample_rate
    versions = {"original": clip.audio}
    if latents is not None:
        versions["result"] = synthesize(models.generator, latents)
    sounds = {version: pages.sound(audio, rate, "wav") for version, audio in versions.items()}
    figure = io.BytesIO()
    columns = {version: audio[None] for version, audio in versions.items()}
    figures.reconstructions(columns, rate, "").savefig(figure, format="png", dpi=_DPI / 2 if draft else _DPI)
    numbers, saved = [], []
    if latents is not None:
        numbers = _numbers(clip, versions["result"], latents, rate)
        archive = io.BytesIO()
        np.savez(archive, latents=latents[None], names=np.array([clip.name]))  # as `save_latents` does
        latents_file = pages.data_uri("application/octet-stream", archive.getvalue())
        saved = [("z", f"{clip.name}.npz", latents_file), ("WAV", f"{clip.name}.wav", sounds["result"])]
    return pages.render(
        "exploration.html",
        status=status,
        players=[(name, sounds[name], *_label(models.judge, audio)) for name, audio in versions.items()],
        play=play,
        figure=pages.data_uri("image/png", figure.getvalue()),
        numbers=numbers,
        files=saved,
    )


def _label(judge: keras.Model, audio: np.ndarray) -> tuple[str, float]:
    """Returns the likeliest class of a clip, and its probability."""
    (probabilities,) = judge_probabilities(judge, audio[None])
    return judge.label_names[probabilities.argmax()], float(probabilities.max())


def _numbers(clip: Clip, audio: np.ndarray, latents: np.ndarray, rate: int) -> list[tuple[str, str, str]]:
    """Returns heading, text and meaning of the main metrics."""
    values = {key: value[0] for key, value in clip_metrics(clip.audio[None], audio[None], rate).items()}
    shown = list(MAIN)
    if clip.latents is not None:
        values["latent_mae"] = np.abs(latents - clip.latents).mean()
        shown += pick("latent_mae")
    return [(c.heading, c.text(values[c.key]), f"{c.legend}; {c.best}".rstrip("; ")) for c in shown]
