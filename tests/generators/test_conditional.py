"""Conditional generators, at the level of calls: a second input, and the same fixed."""

import dataclasses
import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.generators.base import Generator
from tf_inversion.generators.conditional import Condition, Conditioned
from tf_inversion.models import ModelBundle, ModelSettings

WORDS = Condition(3, labels=("zero", "one", "two"))


@keras.saving.register_keras_serializable("tests")
class Tones(Generator):
    """Stereo: the latents' sum at the left, a tone of the class at the right."""

    def __init__(self, **kwargs):
        kwargs |= {"latent_dim": 4, "num_samples": 32, "num_channels": 2}
        super().__init__(**kwargs, latent_prior="normal", condition=WORDS)

    def call(self, z, condition):
        tones = np.sin(np.outer([1, 2, 3], np.arange(32) / 10)).astype(np.float32)
        left = tf.tile(tf.reduce_sum(z, 1, keepdims=True), [1, 32])
        return tf.stack([left, condition @ tones], axis=1)


def _load(path, settings, **options):
    settings = dataclasses.replace(settings, generator=str(path))
    return ModelBundle.load(settings, needs=(), wants=(), **options)


def test_vectors_of_labels_and_codes():
    np.testing.assert_array_equal(WORDS.vector("two"), [0, 0, 1])
    np.testing.assert_array_equal(WORDS.vector(0), [1, 0, 0])
    np.testing.assert_array_equal(Condition(3, "binary").vector(6), [0, 1, 1])
    for condition, label, words in (
        (WORDS, "three", "'three' is unknown; choose from zero, one, two"),
        (WORDS, 3, "choose from zero"),
        (Condition(3, "binary"), 8, "choose from 0 to 7"),
    ):
        with pytest.raises(errors.InvalidArgumentError, match=words):
            condition.vector(label)


@pytest.mark.parametrize("condition", [WORDS, Condition(2, "binary")], ids=["one_hot", "binary"])
def test_every_class_is_drawn_as_often(condition):
    vectors, counts = np.unique(condition.sample(3000, seed=1), axis=0, return_counts=True)
    assert vectors.dtype == np.float32
    assert len(vectors) == (3 if condition is WORDS else 4)
    assert counts.min() > 0.9 * 3000 / len(vectors)
    np.testing.assert_array_equal(condition.sample(5, seed=1), condition.sample(3000, seed=1)[:5])


def test_fixed_it_is_a_generator_of_latents_alone(tmp_path):
    generator = Tones()
    generator.to_model().save(tmp_path / "tones.keras")
    load = functools.partial(_load, tmp_path / "tones.keras")
    fixed = Conditioned(generator, WORDS.vector("one"))
    z = fixed.draw_latents(5, seed=0)
    assert (fixed.condition, fixed.prior, fixed.num_channels) == (None, generator.prior, 2)
    latents = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(latents)
        audio = fixed(latents)
    assert audio.shape == fixed.compute_output_shape(z.shape) == (5, 2, 32)
    np.testing.assert_array_equal(audio, generator(z, np.tile(WORDS.vector("one"), [5, 1])))
    np.testing.assert_array_equal(tape.gradient(audio, latents), np.full((5, 4), 32))
    assert ModelBundle(fixed).generator is fixed
    with pytest.raises(errors.InvalidArgumentError, match=r"give one as label: zero, one, two"):
        load(ModelSettings())
    assert isinstance(load(ModelSettings(label="one")).generator, Conditioned)
    assert load(ModelSettings(), conditional=True).generator.condition == WORDS


def test_a_vector_of_another_size_is_refused():
    with pytest.raises(
        errors.InvalidArgumentError, match=r"shape \(2,\), but the generator's condition has 3"
    ):
        Conditioned(Tones(), np.zeros(2))
    with pytest.raises(errors.InvalidArgumentError, match="has none"):
        Conditioned(Conditioned(Tones(), WORDS.vector(0)), np.zeros(3))


def test_both_inputs_are_in_its_model(tmp_path):
    generator = Tones()
    generator.to_model().save(tmp_path / "tones.keras")
    model = keras.saving.load_model(tmp_path / "tones.keras")
    z, condition = generator.draw_latents(2, seed=0), WORDS.sample(2, seed=0)
    np.testing.assert_array_equal(model([z, condition]), generator(z, condition))
