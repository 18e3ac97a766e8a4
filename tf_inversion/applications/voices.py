"""The same word in another voice: latents whose clip has the class of one clip and the voice of another.

Van den Oord et al. (2017) give a decoder the speaker beside what is said. A GAN of latents alone has no such
input, so the clip that fits best is looked for among random ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from tf_inversion.applications.assessors import mono, pitch
from tf_inversion.audio import mel
from tf_inversion.batching import in_batches
from tf_inversion.models import ModelBundle

_NUM_CANDIDATES = 2048
_SURE = 0.9  # probability of the class from which on the voice alone decides
_NUM_CEPSTRA = 12


def voice(audio: tf.Tensor, sample_rate: int) -> tf.Tensor:
    """What tells speakers apart, spectral envelope and pitch, of audio [b, num_samples]: [b, 25].

    Mean and standard deviation of 12 mel-frequency cepstral coefficients, without the first, which is the
    level, over frames weighted by their power; and `pitch` in semitones.
    """
    log_mel = mel.log_mel(audio, sample_rate)
    cepstra = tf.signal.mfccs_from_log_mel_spectrograms(2 * math.log(10) * log_mel)[..., 1 : _NUM_CEPSTRA + 1]
    weight = tf.reduce_sum(10 ** (2 * log_mel), -1, keepdims=True)
    weight /= tf.reduce_sum(weight, 1, keepdims=True)
    mean = tf.reduce_sum(weight * cepstra, 1)
    variance = tf.reduce_sum(weight * tf.square(cepstra - mean[:, tf.newaxis]), 1)
    return tf.concat([mean, tf.sqrt(variance), pitch(audio, sample_rate)[:, tf.newaxis]], 1)


def in_voice_of(
    other: np.ndarray,
    latents: np.ndarray,
    models: ModelBundle,
    *,
    seed: int,
    batch_size: int = 64,
    progress: Callable[[Iterable], Iterable] = iter,
) -> np.ndarray:
    """Finds for each clip, among 2,048 random ones of its class, that whose `voice` is nearest to another's.

    Of the clip nothing stays but its class, which the classifier hears: not its timing nor its intonation.

    Args:
      other: audio [num_samples] or [num_channels, num_samples] of the voice to take.
      latents: of the clips, float32 [n, latent_dim].
      models: with a classifier; without one all clips get the same answer, whatever it says.
      seed: of the random latents.
      batch_size: clips at once.
      progress: wraps the loop over the random ones.

    Returns:
      float32 [n, latent_dim].
    """
    generator, classifier = models.generator, models.classifier

    def listen(z):
        audio = generator(z)
        chances = tf.nn.softmax(classifier(audio, training=False)) if classifier else tf.ones([len(z), 1])
        return chances, voice(mono(audio), generator.sample_rate)

    candidates = generator.draw_latents(_NUM_CANDIDATES, seed)
    chances, voices = in_batches(listen, candidates, batch_size=batch_size, progress=progress)
    labels = in_batches(listen, latents, batch_size=batch_size)[0].argmax(1)
    wanted = voice(mono(tf.constant(other[np.newaxis])), generator.sample_rate).numpy()
    distance = np.linalg.norm(voices - wanted, axis=1)
    of_class = chances[:, labels]  # [candidates, n]
    sure = of_class >= np.minimum(_SURE, of_class.max(0))
    return candidates[np.where(sure, distance[:, np.newaxis], np.inf).argmin(0)]
