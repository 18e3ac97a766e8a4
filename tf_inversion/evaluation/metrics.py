"""How good an inversion is: per clip, and over a set of clips.

MSE and the SSIM of the real part are what the paper prints. On real audio both
reward silence, so they stand beside distances that forget the phase, the level
of the answer, the error in the latent vector, and a judge's opinion.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

import keras
import numpy as np
import tensorflow as tf

from tf_inversion.audio import mel, spectrogram
from tf_inversion.batching import in_batches
from tf_inversion.generators.base import Generator

SOLVED_DB = -40.0
EXACT_DB = -100.0
# An error that float32 audio can't tell from none counts as this, so that one perfect clip can't
# pull a mean to minus infinity.
PERFECT_DB = -200.0
NUM_SPLITS = 10
_FEWEST_TO_SCORE = 10  # clips in a split


def clip_metrics(
    clips: np.ndarray,
    reconstructions: np.ndarray,
    sample_rate: int,
    *,
    batch_size: int = 64,
    progress: Callable[[Iterable], Iterable] = iter,
) -> dict[str, np.ndarray]:
    """Compares reconstructions with their clips, batch by batch.

    Args:
      clips: float32 [n, num_samples] in [-1, 1], finite.
      reconstructions: the same for what was made of them.
      sample_rate: in hertz.
      batch_size: bounds the memory; the values do not depend on it.
      progress: wraps the loop over batches; tqdm for a bar.

    Returns:
      float64 [n] under each of
        mse: mean squared error of the waveforms.
        nmse_db: 10 log10(squared error / energy of the clip), at least -200. NaN for a silent clip.
        ssim: of the real part of the STFT, see `ssim_real`. NaN for a silent clip.
        ssim_magnitude: of the log-magnitude, see `ssim_magnitude`.
        log_mel_l1: mean absolute difference of log10 mel magnitudes, see `audio.mel`; 1 is 20 dB.
        rms_ratio: RMS of the reconstruction over that of the clip. NaN for a silent clip.
    """
    measure = functools.partial(_batch_metrics, sample_rate=sample_rate)
    values = in_batches(measure, clips, reconstructions, batch_size=batch_size, progress=progress)
    return {key: value.astype(np.float64) for key, value in values.items()}


def _batch_metrics(clips: tf.Tensor, reconstructions: tf.Tensor, sample_rate: int) -> dict[str, np.ndarray]:
    # In float64, so that errors far below the clip keep their digits.
    clip_power = _power(clips)
    mse = _power(tf.cast(clips, tf.float64) - tf.cast(reconstructions, tf.float64))
    rms_ratio = np.sqrt(
        np.divide(_power(reconstructions), clip_power, out=np.full_like(mse, np.nan), where=clip_power > 0)
    )
    return {
        "mse": mse,
        "nmse_db": _ratio_db(mse, clip_power),
        "ssim": ssim_real(clips, reconstructions).numpy(),
        "ssim_magnitude": ssim_magnitude(clips, reconstructions).numpy(),
        "log_mel_l1": mel.log_mel_l1(clips, reconstructions, sample_rate).numpy(),
        "rms_ratio": rms_ratio,
    }


def _power(audio: tf.Tensor) -> np.ndarray:
    return tf.reduce_mean(tf.square(tf.cast(audio, tf.float64)), axis=1).numpy()


def _ratio_db(power: np.ndarray, reference: np.ndarray) -> np.ndarray:
    ratio = np.divide(power, reference, out=np.full_like(power, np.nan), where=reference > 0)
    return 10 * np.log10(np.maximum(ratio, 10 ** (PERFECT_DB / 10)))


def ssim_real(clips: tf.Tensor, reconstructions: tf.Tensor) -> tf.Tensor:
    """Structural similarity of the real parts of the STFT, the paper's "SSIM (spectrogram)".

    The images are frames x bins, the data range is the clip's own (largest less
    smallest value), so that the level of a recording does not matter. It depends
    on the phase: silence scores about 0.96 on speech.

    Args:
      clips, reconstructions: [batch, num_samples].

    Returns:
      [batch], NaN for a silent clip.
    """
    image = tf.math.real(spectrogram.stft(clips))
    data_range = tf.reduce_max(image, [1, 2], True) - tf.reduce_min(image, [1, 2], True)
    return _ssim(image / data_range, tf.math.real(spectrogram.stft(reconstructions)) / data_range)


def ssim_magnitude(clips: tf.Tensor, reconstructions: tf.Tensor) -> tf.Tensor:
    """Structural similarity of log-magnitude spectrograms: the picture that a reader looks at.

    Decibels of the STFT's magnitude from -60, under which all is black, to a full-scale sine at
    0, which is white: a data range of 60 dB.

    Args:
      clips, reconstructions: [batch, num_samples] in [-1, 1].

    Returns:
      [batch].
    """
    return _ssim(_decibel_image(clips), _decibel_image(reconstructions))


def _decibel_image(audio: tf.Tensor) -> tf.Tensor:
    full_scale = spectrogram.FRAME_LENGTH / 4  # half the sum of the Hann window
    magnitude = tf.abs(spectrogram.stft(audio)) / full_scale
    return 1 + tf.math.log(tf.maximum(magnitude, 1e-3)) / np.log(1e3)


def _ssim(images: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """SSIM (Wang et al. 2004: Gaussian of 11, sigma 1.5) of images [batch, frames, bins], data range 1."""
    size = min(11, *images.shape[1:])
    return tf.image.ssim(images[..., None], others[..., None], max_val=1.0, filter_size=size)


def latent_correlation(latents: np.ndarray, recovered: np.ndarray) -> float:
    """Pearson correlation over all clips and components [n, latent_dim]; NaN if either is constant."""
    x, y = (np.ravel(array).astype(np.float64) - np.mean(array) for array in (latents, recovered))
    scale = np.sqrt(np.sum(x * x) * np.sum(y * y))
    return float(np.sum(x * y) / scale) if scale > 0 else float("nan")


def latent_heard_db(
    generator: Generator,
    latents: np.ndarray,
    recovered: np.ndarray,
    *,
    batch_size: int = 64,
    progress: Callable[[Iterable], Iterable] = iter,
) -> np.ndarray:
    """How far off latents are in decibels, each direction weighted by how much the sound changes along it.

    10 log10(|J (z' - z)|^2 / |G(z)|^2), J the Jacobian of the generator at the true z: the distance of the
    clips in the generator's linear approximation. Most directions of z hardly change the sound, so that
    |z' - z| alone tells little.

    Args:
      generator: z [b, latent_dim] -> audio [b, num_samples].
      latents: the true z, float32 [n, latent_dim].
      recovered: z', the same, finite.
      batch_size: bounds the memory; the values do not depend on it.
      progress: wraps the loop over batches.

    Returns:
      float64 [n], at least -200; NaN where G(z) is silent.
    """
    return in_batches(
        lambda z, other: _ratio_db(*map(_power, _tangent(generator, z, other - z))),
        latents,
        recovered,
        batch_size=batch_size,
        progress=progress,
    )


@functools.partial(tf.function, reduce_retracing=True)
def _tangent(generator: Generator, latents: tf.Tensor, direction: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    with tf.autodiff.ForwardAccumulator(latents, direction) as accumulator:
        audio = generator(latents)
    return accumulator.jvp(audio), audio


def confusion(labels: np.ndarray, answers: np.ndarray, num_words: int) -> np.ndarray:
    """Counts clips by label (rows) and answer (columns).

    Args:
      labels: int [n], -1 for unknown: not counted.
      answers: int [n].

    Returns:
      int [num_words, num_words].
    """
    counts = np.zeros((num_words, num_words), int)
    known = labels >= 0
    np.add.at(counts, (labels[known], answers[known]), 1)
    return counts


def judge_probabilities(
    judge: keras.Model,
    audio: np.ndarray,
    *,
    batch_size: int = 64,
    progress: Callable[[Iterable], Iterable] = iter,
) -> np.ndarray:
    """Returns p(word | clip) [n, classes] by a classifier audio [b, num_samples] -> logits [b, classes]."""
    return in_batches(
        lambda x: tf.nn.softmax(judge(x, training=False)), audio, batch_size=batch_size, progress=progress
    )


def inception_score(probabilities: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation over splits of exp(E_x KL(p(y|x) || p(y))) (Salimans et al. 2016).

    p(y) is the mean of p(y|x) over the split. There are ten splits, or one of less than 100 clips: a split
    of m clips can't score above m. The clips are dealt out at random, with a fixed seed: data sets are
    sorted by word, which would leave each split with one word and a score of 1.

    Args:
      probabilities: p(y|x) [n, classes].

    Returns:
      The deviation of a single split is NaN, as is the score of less than 10 clips.
    """
    if len(probabilities) < _FEWEST_TO_SCORE:
        return float("nan"), float("nan")
    num_splits = NUM_SPLITS if len(probabilities) >= NUM_SPLITS * _FEWEST_TO_SCORE else 1
    order = np.random.default_rng(0).permutation(len(probabilities))
    scores = []
    for split in np.array_split(probabilities[order].astype(np.float64), num_splits):
        ratio = np.maximum(split, 1e-30) / np.maximum(split.mean(0), 1e-30)
        scores.append(np.exp(np.mean(np.sum(split * np.log(ratio), axis=1))))
    return float(np.mean(scores)), float(np.std(scores)) if num_splits > 1 else float("nan")
