"""The same class in another voice, where it is known which clip is the right one."""

import numpy as np
import tensorflow as tf
from curved import Curved

from tf_inversion.applications import voices
from tf_inversion.models import ModelBundle

RATE = 16000


def tones(frequencies, brightness):
    """Harmonic sounds [n, 8192] with partials that fall off by `brightness` a step."""
    time = np.arange(8192) / RATE
    partials = [brightness**k * np.sin(2 * np.pi * np.outer(frequencies, k * time)) for k in range(1, 9)]
    return tf.constant(0.2 * sum(partials), tf.float32)


class Sign:
    """Tells whether the first sample is positive."""

    features = None
    label_names = ("negative", "positive")

    def __call__(self, audio, training=False):
        return tf.concat([-1000 * audio[:, :1], 1000 * audio[:, :1]], 1)


def test_voices_differ_by_pitch_and_by_colour_more_than_by_level():
    same, higher, brighter = (
        voices.voice(x, RATE)[0].numpy() for x in (tones([120], 0.5), tones([180], 0.5), tones([120], 0.8))
    )
    softer = voices.voice(tones([120], 0.5) / 3, RATE)[0].numpy()
    assert same.shape == (25,)
    assert higher[-1] > same[-1] + 1
    assert np.linalg.norm(brighter[:-1] - same[:-1]) > 2 * np.linalg.norm(softer - same)


def test_of_the_class_the_nearest_voice_is_taken(monkeypatch):
    monkeypatch.setattr(voices, "_NUM_CANDIDATES", 64)
    generator = Curved()
    candidates = generator.draw_latents(64, 5)
    audio = generator(candidates).numpy()
    other, start = audio[7], np.stack([candidates[7], -candidates[7]])
    found = voices.in_voice_of(other, start, ModelBundle(generator, classifier=Sign()), seed=5)
    np.testing.assert_array_equal(found[0], candidates[7])
    classes = Sign()(generator(np.concatenate([start, found]))).numpy().argmax(1)
    np.testing.assert_array_equal(classes[:2], classes[2:])
    assert classes[0] != classes[1]
    alone = voices.in_voice_of(other, start, ModelBundle(generator), seed=5)
    np.testing.assert_array_equal(alone, candidates[[7, 7]])
