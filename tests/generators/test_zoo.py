"""Generators in every layout that people have: loaded, inverted exactly, and played back by an export."""

import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import errors, invert, load_generator
from tf_inversion.generators.conditional import ConditionSpec

tf1 = tf.compat.v1
#: Clips of every kind that are inverted; by default a few, of kinds that differ in how they are inverted.
CLIPS = int(os.environ.get("TF_INVERSION_ZOO", "0"))
INVERTED = ("latents 1 x 1 x 4", "stereo, channels last", "features 16 x 32 x 1", "class unknown")
WORDS = ("zero", "one", "two")


def decoder(num, seed=0):
    """A layer of 16 tanh units and one that is linear: curved, and with one latent vector for a clip."""
    kernel = lambda scale, seed: keras.initializers.RandomNormal(stddev=scale, seed=seed)  # noqa: E731
    return [
        keras.layers.Dense(16, "tanh", kernel_initializer=kernel(0.5, seed)),
        keras.layers.Dense(num, kernel_initializer=kernel(0.25, seed + 1)),
    ]


def applied(layers, x):
    for layer in layers:
        x = layer(x)
    return x


def plain(shape=(4,), num=512, output=None):
    z = x = keras.Input(shape, name="z")
    if len(shape) > 1:
        x = keras.layers.Flatten()(x)
    return keras.Model(z, keras.layers.Reshape(output or [num])(applied(decoder(num), x)))


def conditional(kind):
    z = keras.Input([4], name="noise")
    if kind == "number":
        y = keras.Input([], dtype="int32", name="word")
        vector = keras.layers.Embedding(3, 3, embeddings_initializer="orthogonal")(y)
    else:
        y = vector = keras.Input([2 if kind == "code" else 3], name="word")
    x = keras.layers.Concatenate()([z, keras.layers.Rescaling(2.0)(vector)])
    return keras.Model([y, z], applied(decoder(512), x))


def audio_and_more():
    z = keras.Input([4], name="z")
    audio = keras.layers.Identity(name="audio")(applied(decoder(512), z))
    return keras.Model(z, {"audio": audio, "level": keras.layers.Dense(1, name="level")(audio)})


# How each is made, and loaded.
ZOO = {
    "one latent": (lambda: plain([1]), {}),
    "many latents": (lambda: plain([1024], 2048), {"latent_prior": "normal"}),
    "latents 1 x 1 x 4": (lambda: plain([1, 1, 4]), {}),
    "latents 2 x 2": (lambda: plain([2, 2]), {"latent_prior": "normal"}),
    "stereo, channels last": (lambda: plain(output=[256, 2]), {}),
    "stereo, channels first": (lambda: plain(output=[2, 256]), {}),
    "audio 1 x n x 1": (lambda: plain(output=[1, 512, 1]), {}),
    "features 16 x 32 x 1": (lambda: plain(output=[16, 32, 1]), {}),
    "two outputs": (audio_and_more, {"audio_tensor": "audio"}),
    "class given": (
        lambda: conditional("vector"),
        {"latent_tensor": "noise", "condition": ConditionSpec(labels=WORDS), "label": "one"},
    ),
    "class unknown": (
        lambda: conditional("vector"),
        {"latent_tensor": "noise", "condition": ConditionSpec(labels=WORDS)},
    ),
    "number of the class": (
        lambda: conditional("number"),
        {"latent_tensor": "noise", "condition": ConditionSpec(labels=WORDS)},
    ),
    "code": (lambda: conditional("code"), {"condition": ConditionSpec("word", "binary")}),
}


def condition_of(generator, num):
    """Returns the names of classes or codes, all in turn, and their vectors; None and () if it takes none."""
    if not generator.condition:
        return None, ()
    names = [generator.condition.names[i % generator.condition.count] for i in range(num)]
    return names, (np.stack([generator.condition.vector(name) for name in names]),)


@pytest.mark.parametrize("form", ["keras", "saved_model"])
@pytest.mark.parametrize("kind", ZOO)
def test_every_kind_loads_and_makes_what_its_model_makes(tmp_path, kind, form):
    make, flags = ZOO[kind]
    model, path = make(), tmp_path / "gan.keras"
    if form == "keras":
        model.save(path)
    else:
        path = tmp_path / "gan"
        model.export(path, verbose=False)
        if kind == "two outputs":  # whose names SavedModels keep
            flags = {"audio_tensor": "audio"}
    generator = load_generator(path, **flags)
    latents = generator.draw_latents(3, seed=5)
    names, vectors = condition_of(generator, 3)
    audio = generator(latents, *vectors).numpy()
    assert audio.shape == (3, *generator.compute_output_shape((None,))[1:])
    inputs = latents.reshape(3, *model.inputs[-1].shape[1:])
    if len(model.inputs) == 2:
        numbers = np.array([WORDS.index(name) for name in names]) if "number" in kind else None
        given = vectors[0] if names else np.eye(3, dtype=np.float32)[[1, 1, 1]]
        inputs = [given if numbers is None else numbers, inputs]
    expected = model(inputs)
    expected = np.asarray(expected["audio"] if kind == "two outputs" else expected)
    if kind == "stereo, channels last":
        expected = expected.transpose(0, 2, 1)
    np.testing.assert_allclose(audio, expected.reshape(audio.shape), atol=1e-5)


@pytest.mark.parametrize("kind", ZOO if CLIPS else INVERTED)
def test_kinds_are_inverted_exactly(tmp_path, kind):
    make, flags = ZOO[kind]
    keras.utils.set_random_seed(1)
    make().save(tmp_path / "gan.keras")
    generator, num = load_generator(tmp_path / "gan.keras", **flags), CLIPS or 3
    latents = 0.5 * generator.draw_latents(num, seed=5)
    names, vectors = condition_of(generator, num)
    clips = generator(latents, *vectors).numpy()
    shape = generator.feature_shape or clips.shape[1:]
    result = invert(clips.reshape(num, *shape), generator, "least_squares")
    assert result.audio.shape == (num, *shape)
    assert result.condition == names
    np.testing.assert_allclose(result.audio.reshape(clips.shape), clips, atol=1e-4 * np.abs(clips).max())
    if kind != "many latents":  # 1,024 of them do not show in 16 units
        np.testing.assert_allclose(result.latents, latents, atol=1e-3)


def test_what_can_not_be_told_is_listed(tmp_path):
    conditional("vector").save(tmp_path / "gan.keras")
    listed = r"takes word float32 \(None, 3\), noise float32 \(None, 4\) and returns .*latent_tensor"
    for names in ({}, {"latent_tensor": "z"}, {"latent_tensor": "noise", "audio_tensor": "x"}):
        with pytest.raises(errors.ModelFileError, match=listed):
            load_generator(tmp_path / "gan.keras", **names)
    audio_and_more().save(tmp_path / "more.keras")
    with pytest.raises(errors.ModelFileError, match=r"returns audio float32 \(None, 512\), level"):
        load_generator(tmp_path / "more.keras")
    conditional("number").save(tmp_path / "number.keras")
    with pytest.raises(errors.ModelFileError, match="name the classes in their order by condition_labels"):
        load_generator(tmp_path / "number.keras", latent_tensor="noise")
    with pytest.raises(errors.ModelFileError, match="has 3 classes or codes; condition_labels names 2"):
        load_generator(
            tmp_path / "gan.keras", latent_tensor="noise", condition=ConditionSpec(labels=WORDS[:2])
        )
    with pytest.raises(errors.InvalidArgumentError, match="label: 'four' is unknown; choose from zero, one"):
        load_generator(
            tmp_path / "gan.keras", latent_tensor="noise", condition=ConditionSpec(labels=WORDS), label="four"
        )
    plain().save(tmp_path / "plain.keras")
    with pytest.raises(errors.InvalidArgumentError, match="label: one; but the generator takes no class"):
        load_generator(tmp_path / "plain.keras", label="one")


@pytest.fixture(scope="module")
def tensorflow_1(tmp_path_factory):
    """A conditional SpecGAN: its spectrogram from latents and a class, then the phase by Griffin and Lim."""
    folder = tmp_path_factory.mktemp("specgan")
    random = np.random.default_rng(0)
    with tf.Graph().as_default(), tf1.Session() as session:
        z = tf1.placeholder(tf.float32, [None, 4], name="z")
        label = tf1.placeholder(tf.float32, [None, 3], name="label")
        kernels = [
            tf1.get_variable(f"kernel_{i}", initializer=random.normal(0, 0.5, shape).astype(np.float32))
            for i, shape in enumerate([(7, 16), (16, 16 * 33)])
        ]
        hidden = tf.tanh(tf.concat([z, label], 1) @ kernels[0])
        log_magnitude = tf.reshape(hidden @ kernels[1], [-1, 16, 33, 1], name="spectrogram")
        magnitude = tf.exp(log_magnitude[..., 0])

        def improve(i, phase):
            audio = tf.signal.inverse_stft(
                tf.complex(magnitude * tf.cos(phase), magnitude * tf.sin(phase)), 64, 32
            )
            return i + 1, tf.math.angle(tf.signal.stft(audio, 64, 32))

        _, phase = tf1.while_loop(lambda i, _: i < 4, improve, (0, tf.zeros_like(magnitude)), name="loop")
        spectrum = tf.complex(magnitude * tf.cos(phase), magnitude * tf.sin(phase))
        tf.identity(tf.signal.inverse_stft(spectrum, 64, 32), name="griffin_lim")
        steps = tf.cast(tf.round(127 * tf.reshape(log_magnitude, [-1, 16 * 33])), tf.int32)
        tf.cast(steps, tf.float32, name="rounded")
        session.run(tf1.global_variables_initializer())
        tf1.train.Saver().save(session, str(folder / "gan.ckpt"))
    return folder


def load(folder, audio, **others):
    others = {"condition": ConditionSpec("label:0", labels=WORDS), **others}
    return load_generator(folder, original_graph=True, audio_tensor=audio, **others)


def test_the_spectrogram_of_a_graph_is_inverted(tensorflow_1):
    generator = load(tensorflow_1, "spectrogram:0", label="two")
    assert generator.feature_shape == (16, 33, 1)
    latents = generator.draw_latents(2, seed=1)
    features = generator(latents).numpy().reshape(2, 16, 33, 1)
    for method in ("least_squares", "gradient"):
        result = invert(features, generator, method, max_iterations=200, starts=1)
        np.testing.assert_allclose(result.latents, latents, atol=2e-3)
        np.testing.assert_allclose(result.audio, features, atol=1e-3)
    with pytest.raises(errors.InvalidArgumentError, match=r"makes features of shape \(16, 33, 1\)"):
        invert(["one.wav"], generator)


def test_audio_without_a_gradient_is_made_but_not_inverted(tensorflow_1):
    generator = load(tensorflow_1, "rounded:0", label="zero")
    made = generator(generator.draw_latents(2, seed=0))
    assert made.shape == (2, 528)
    with pytest.raises(errors.InvalidArgumentError, match="no gradient leads from its audio to the latents"):
        invert(made.numpy(), generator, "least_squares")


def test_placeholders_and_ends_are_listed(tensorflow_1):
    with pytest.raises(errors.ModelFileError, match=r"takes z:0 .*label:0 .* ends in .*griffin_lim:0"):
        load(tensorflow_1, "G_z:0")
    with pytest.raises(errors.ModelFileError, match=r"needs label:0 fed too; .* condition_tensor"):
        load(tensorflow_1, "spectrogram:0", condition=None)
