"""Changes to clips that keep a training from learning its few clips by heart."""

from __future__ import annotations

import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Changes that do not change the word, drawn anew for every clip.

    Attributes:
      gain_db: the level is changed by up to this many decibels, up or down.
      shift_seconds: the clip starts up to this much later.
      noise_db: white noise up to this level relative to full scale; None for no noise.
      speed: the clip is played up to this share faster or slower, and so higher or lower: other voices.
    """

    gain_db: float = 0.0
    shift_seconds: float = 0.0
    noise_db: float | None = None
    speed: float = 0.0

    def __call__(self, audio: tf.Tensor, seed: tf.Tensor, sample_rate: int) -> tf.Tensor:
        """Changes audio [batch, ..., num_samples], the same way for the same seed (int [2])."""
        batch, *channels, num_samples = audio.shape
        each = [batch] + [1] * (len(channels) + 1)
        seeds = tf.random.split(seed, 5)
        if self.speed:
            factors = tf.random.stateless_uniform([batch], seeds[4], 1.0 - self.speed, 1.0 + self.speed)
            audio = tf.map_fn(_played, (audio, factors), fn_output_signature=audio.dtype)
        gain = tf.random.stateless_uniform(each, seeds[0], -self.gain_db, self.gain_db)
        audio = audio * 10.0 ** (gain / 20.0)
        longest = int(self.shift_seconds * sample_rate)
        shifts = tf.random.stateless_uniform([batch, 1], seeds[1], 0, longest + 1, tf.int32)
        padded = tf.pad(audio, [[0, 0]] * (len(channels) + 1) + [[longest, 0]])
        audio = tf.gather(padded, tf.range(num_samples) + longest - shifts, axis=-1, batch_dims=1)
        if self.noise_db is not None:
            level = tf.random.stateless_uniform(each, seeds[2], self.noise_db - 40.0, self.noise_db)
            audio += 10.0 ** (level / 20.0) * tf.random.stateless_normal(audio.shape, seeds[3])
        return tf.clip_by_value(audio, -1.0, 1.0)


def _played(clip_and_speed: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
    """Resamples a clip [..., num_samples] by a factor, and cuts it or fills it up to its length."""
    clip, speed = clip_and_speed
    num_samples = clip.shape[-1]
    length = tf.cast(tf.round(num_samples / speed), tf.int32)
    image = tf.reshape(clip, [-1, num_samples])[..., tf.newaxis, tf.newaxis]
    resized = tf.image.resize(image, [length, 1], "lanczos5", antialias=True)[:, :num_samples, 0, 0]
    padded = tf.pad(resized, [[0, 0], [0, tf.maximum(num_samples - length, 0)]])
    return tf.reshape(padded, clip.shape)
