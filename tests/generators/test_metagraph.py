"""Graphs of other GANs than WaveGAN, by the names of their tensors."""

import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.generators.loading import load_generator

tf1 = tf.compat.v1


@pytest.fixture
def other_gan(tmp_path):
    """Writes a GAN whose saver keeps averaged weights under another name; returns its folder and weights."""
    with tf.Graph().as_default(), tf1.Session() as session:
        latent = tf1.placeholder(tf.float32, [None, 3], name="gan/latent")
        raw = tf1.get_variable("kernel", [3, 8], use_resource=False)
        audio = tf.tanh(latent @ raw, name="gan/audio")
        tf.identity(audio[:, :4] * tf1.placeholder(tf.float32, [], name="gain"), name="gan/louder")
        tf.cast(32767 * audio, tf.int16, name="gan/int16")
        tf.ones([2, 4], name="gan/constant")
        tf.tanh(tf1.placeholder(tf.float32, [64, 3], name="gan/fixed"), name="gan/from_fixed")
        tf.ensure_shape(audio, [64, 8], name="gan/for_64")
        tf.concat([audio, audio], 0, name="gan/twice")
        session.run(tf1.global_variables_initializer())
        tf1.train.Saver({"kernel/average": raw}).save(session, str(tmp_path / "gan.ckpt"), global_step=7)
        return tmp_path, session.run(raw)


def test_other_gan_by_the_names_of_its_tensors(other_gan):
    folder, kernel = other_gan
    names = {"latent_tensor": "gan/latent:0", "audio_tensor": "gan/audio:0"}
    generator = load_generator(folder, original_graph=True, sample_rate=8000, **names)
    assert (generator.latent_dim, generator.num_samples, generator.sample_rate) == (3, 8, 8000)
    z = tf.constant([[0.5, -1.0, 0.25], [0.0, 0.0, 1.0]])
    with tf.GradientTape() as tape:
        tape.watch(z)
        audio = generator(z)
    np.testing.assert_allclose(audio, np.tanh(z @ kernel), atol=1e-6)
    expected = (1 - np.tanh(z @ kernel) ** 2) @ kernel.T
    np.testing.assert_allclose(tape.gradient(audio, z), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("latent", "audio", "message"),
    [
        ("z:0", "gan/audio:0", "has no tensor 'z:0'"),
        ("gan/latent:0", "gan/audio", "has no tensor 'gan/audio'"),
        ("gan/latent:0", "gan/constant:0", "gan/constant:0 does not depend on gan/latent:0"),
        ("gan/latent:0", "gan/louder:0", "needs gain:0 fed too"),
        ("gan/fixed:0", "gan/from_fixed:0", "takes (64, 3)"),
        ("gan/latent:0", "gan/for_64:0", "fails on a batch of one latent vector"),
        ("gan/latent:0", "gan/twice:0", "returns (2, 8)"),
        ("gan/latent:0", "gan/latent:0", "does not depend"),
        ("gan/latent:0", "gan/int16:0", "returns audio as int16, which has no gradient"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(other_gan, latent, audio, message):
    folder, _ = other_gan
    with pytest.raises(errors.ModelFileError) as caught:
        load_generator(folder, original_graph=True, latent_tensor=latent, audio_tensor=audio)
    assert "gan.ckpt-7.meta: " in str(caught.value)
    assert message in str(caught.value)


def test_port_points_to_the_original_graph(other_gan):
    with pytest.raises(errors.ModelFileError, match="loads as original graph"):
        load_generator(other_gan[0])
