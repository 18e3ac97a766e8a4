"""How good an inversion is, metric by metric: of a clip, of latent vectors, and over a set of clips.

MSE and the SSIM of the real part are what the paper prints. On real audio both
reward silence, so they stand beside distances that forget the phase, the level
of the reconstruction, the error in the latent vector, and an evaluation classifier's posterior.

The metrics of a clip take clips and reconstructions, float32 [batch, num_samples] or
[batch, num_channels, num_samples] in [-1, 1], and the sample rate in hertz, and return [batch].
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence

import keras
import numpy as np
import tensorflow as tf

from tf_inversion.audio import spectrogram
from tf_inversion.batching import in_batches
from tf_inversion.generators.base import Generator

SOLVED_DB = -40.0
EXACT_DB = -100.0
# An error that float32 audio can't tell from none counts as this, so that one perfect clip can't
# pull a mean to minus infinity.
PERFECT_DB = -200.0
NUM_SPLITS = 10
_FEWEST_TO_SCORE = 10  # clips in a split


def mse(clips: tf.Tensor, reconstructions: tf.Tensor, sample_rate: int) -> np.ndarray:
    """Mean squared error of the waveforms, in float64, so that errors far below the clip keep digits."""
    return _power(tf.cast(clips, tf.float64) - tf.cast(reconstructions, tf.float64))


def nmse_db(clips: tf.Tensor, reconstructions: tf.Tensor, sample_rate: int) -> np.ndarray:
    """10 log10(squared error / energy of the clip), at least -200; NaN for a silent clip."""
    return _decibels(_ratio(mse(clips, reconstructions, sample_rate), _power(clips)))


def rms_ratio(clips: tf.Tensor, reconstructions: tf.Tensor, sample_rate: int) -> np.ndarray:
    """RMS of the reconstruction over that of the clip; NaN for a silent clip."""
    return np.sqrt(_ratio(_power(reconstructions), _power(clips)))


def ssim(clips: tf.Tensor, reconstructions: tf.Tensor, sample_rate: int) -> np.ndarray:
    """Structural similarity of the real parts of the STFT, the paper's "SSIM (spectrogram)".

    The images are frames x bins, the data range is the clip's own (largest less
    smallest value), so that the level of a recording does not matter. It depends
    on the phase: silence scores about 0.96 on speech. NaN for a silent clip.
    """
    image = tf.math.real(spectrogram.stft(clips))
    axes = list(range(1, image.shape.rank))
    data_range = tf.reduce_max(image, axes, True) - tf.reduce_min(image, axes, True)
    return _ssim(image / data_range, tf.math.real(spectrogram.stft(reconstructions)) / data_range)


def ssim_magnitude(clips: tf.Tensor, reconstructions: tf.Tensor, sample_rate: int) -> np.ndarray:
    """Structural similarity of log-magnitude spectrograms: the image that a reader looks at.

    Decibels of the STFT's magnitude from -60, under which all is black, to a full-scale sine at
    0, which is white: a data range of 60 dB.
    """
    return _ssim(_decibel_image(clips), _decibel_image(reconstructions))


def _rows(x: tf.Tensor) -> tf.Tensor:
    """Flattens [batch, ...] to [batch, m]."""
    return tf.reshape(x, [-1, math.prod(x.shape[1:])])


def _power(audio: tf.Tensor) -> np.ndarray:
    return tf.reduce_mean(tf.square(_rows(tf.cast(audio, tf.float64))), 1).numpy()


def _ratio(power: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return np.divide(power, reference, out=np.full_like(power, np.nan), where=reference > 0)


def _decibels(ratio: np.ndarray) -> np.ndarray:
    return 10 * np.log10(np.maximum(ratio, 10 ** (PERFECT_DB / 10)))


def _decibel_image(audio: tf.Tensor) -> tf.Tensor:
    full_scale = spectrogram.FRAME_LENGTH / 4  # half the sum of the Hann window
    magnitude = tf.abs(spectrogram.stft(audio)) / full_scale
    return 1 + tf.math.log(tf.maximum(magnitude, 1e-3)) / np.log(1e3)


def _ssim(images: tf.Tensor, others: tf.Tensor) -> np.ndarray:
    """SSIM (Wang et al. 2004: Gaussian of 11, sigma 1.5) of images [batch, ..., frames, bins], range 1."""
    size = min(11, *images.shape[-2:])
    window = np.exp(-0.5 * ((np.arange(size) - (size - 1) / 2) / 1.5) ** 2)
    blur = functools.partial(_blur, window=(window / window.sum()).astype(np.float32))
    x, y = images.numpy(), others.numpy()
    with np.errstate(invalid="ignore", over="ignore"):  # of a silent clip
        means, other_means = blur(x), blur(y)
        product, squares = 2 * means * other_means, means**2 + other_means**2
        covariance, variances = 2 * blur(x * y) - product, blur(x**2 + y**2) - squares
        values = (product + 0.01**2) / (squares + 0.01**2) * (covariance + 0.03**2) / (variances + 0.03**2)
        return values.mean(tuple(range(1, values.ndim)))


def _blur(images: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Returns weighted means of neighbours; TensorFlow's convolutions take 50 times as long."""
    for _ in range(2):  # the last two axes
        count = images.shape[-2] - len(window) + 1
        shifted = (weight * images[..., i : i + count, :] for i, weight in enumerate(window))
        images = sum(shifted).swapaxes(-2, -1)
    return images


def latent_correlation(latents: np.ndarray, recovered: np.ndarray) -> float:
    """Pearson correlation over all clips and components [n, latent_dim]; NaN if either is constant."""
    x, y = (np.ravel(array).astype(np.float64) - np.mean(array) for array in (latents, recovered))
    scale = np.sqrt(np.sum(x * x) * np.sum(y * y))
    return float(np.sum(x * y) / scale) if scale > 0 else float("nan")


def jacobian_weighted_error_db(
    generator: Generator,
    latents: np.ndarray,
    recovered: np.ndarray,
    *,
    batch_size: int = 64,
    progress: Callable[[Iterable], Iterable] = iter,
) -> np.ndarray:
    """Error of latents in decibels, each direction weighted by how much the audio changes along it.

    10 log10(|J (z' - z)|^2 / |G(z)|^2), J the Jacobian of the generator at the true z: the distance of the
    clips in the generator's linear approximation. Most directions of z hardly change the audio, so that
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
        lambda z, other: _decibels(_ratio(*map(_power, _tangent(generator, z, other - z)))),
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


def confusion(labels: np.ndarray, predictions: np.ndarray, label_names: Sequence[str]) -> np.ndarray:
    """Counts clips by label (rows) and prediction (columns), both str [n]: int [classes, classes].

    A clip of which either is none of `label_names` is not counted.
    """
    return np.array([[np.sum((labels == a) & (predictions == b)) for b in label_names] for a in label_names])


def judge_probabilities(
    judge: keras.Model,
    audio: np.ndarray,
    *,
    batch_size: int = 64,
    progress: Callable[[Iterable], Iterable] = iter,
) -> np.ndarray:
    """Returns p(class | clip) [n, classes] by a classifier audio [b, num_samples] -> logits [b, classes]."""
    return in_batches(
        lambda x: tf.nn.softmax(judge(x, training=False)), audio, batch_size=batch_size, progress=progress
    )


def inception_score(probabilities: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation over splits of exp(E_x KL(p(y|x) || p(y))) (Salimans et al. 2016).

    p(y) is the mean of p(y|x) over the split. There are ten splits, or one of less than 100 clips: a split
    of m clips can't score above m. The clips are dealt out at random, with a fixed seed: data sets are
    sorted by class, which would leave each split with one class and a score of 1.

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
