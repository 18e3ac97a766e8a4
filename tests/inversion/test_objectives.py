"""Pieces of an objective against NumPy, on sounds of 1,024 samples."""

import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.generators.base import Generator
from tf_inversion.inversion import objectives
from tf_inversion.latents import draw_latents
from tf_inversion.networks.classifier import Classifier


class Sounds(Generator):
    """Three sounds, tone and noise, whose levels are the latents."""

    def __init__(self):
        super().__init__(latent_dim=3, num_samples=1024)
        noise = np.random.default_rng(0).normal(0, 0.1, (3, 1024))
        tones = np.sin(np.arange(1024) * np.array([[0.05], [0.2], [0.8]]))
        self._sounds = (0.2 * tones + noise).astype(np.float32)

    def call(self, z):
        return tf.matmul(z, self._sounds)


@pytest.fixture(scope="module")
def generator():
    return Sounds()


@pytest.fixture(scope="module")
def classifier():
    tf.keras.utils.set_random_seed(0)
    return Classifier(width=2, num_samples=1024)


@pytest.fixture(scope="module")
def case(generator):
    """Latents, of which some leave [-1, 1], clips of other latents, and these others."""
    latents, others = 1.3 * draw_latents(2, 3, seed=0), draw_latents(2, 3, seed=1)
    assert (np.abs(latents) > 1).any(1).all()
    return tf.constant(latents), generator(others), tf.constant(others)


def frames(audio, length):
    """Hann-windowed spectra [b, n, bins] at a hop of half the length, padded at the end."""
    audio = np.pad(audio, [(0, 0), (0, length)])[:, : 1024 + length // 2]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    parts = [audio[:, i : i + length] * window for i in range(0, 1024, length // 2)]
    return np.fft.rfft(np.stack(parts, 1))


def mean(x):
    return np.mean(np.reshape(x, [len(x), -1]), 1)


def log_mel_distance(a, b):
    values = []
    for length, bands in ((256, 32), (1024, 80)):
        to_mel = tf.signal.linear_to_mel_weight_matrix(bands, length // 2 + 1, 16000, 20.0, 8000.0).numpy()
        mels = [np.log10((np.abs(frames(x, length)) * 4 / length) ** 2 @ to_mel + 1e-6) / 2 for x in (a, b)]
        values.append(mean((mels[0] - mels[1]) ** 2))
    return np.mean(values, 0)


def expected(name, latents, start, a, b, classifier):
    """Returns what a piece is worth, [b], of audio a for clips b."""
    spectra = frames(a, 256), frames(b, 256)
    if name == "waveform":
        return np.sum((a - b) ** 2, 1) / np.sum(b**2, 1)
    if name == "waveform_mse":
        return mean((a - b) ** 2)
    if name == "waveform_mae":
        return mean(np.abs(a - b))
    if name == "real_part":
        return mean(np.abs(spectra[0].real - spectra[1].real))
    if name == "magnitude":
        return mean(np.abs(np.abs(spectra[0]) - np.abs(spectra[1])))
    if name == "log_magnitude":
        return mean(np.abs(np.log(np.abs(spectra[0]) + 1e-2) - np.log(np.abs(spectra[1]) + 1e-2)))
    if name == "log_mel":
        return log_mel_distance(a, b)
    if name == "level":
        return np.diff([np.log10(np.sqrt(np.mean(x**2, 1))) for x in (a, b)], axis=0)[0] ** 2
    if name == "encoder":
        return mean((latents - start) ** 2)
    if name == "prior":
        return mean(np.maximum(np.abs(latents) - 1, 0) ** 2)
    features = [[x.numpy() for x in classifier.features(audio)] for audio in (a, b)]
    if name == "perceptual":
        return np.mean([mean((x - y) ** 2) for x, y in zip(*features)], 0)
    if name == "middle":
        return mean(np.abs(features[0][3] - features[1][3]))
    assert name == "posterior"
    roots = [np.sqrt(tf.nn.softmax(classifier(audio)).numpy() + 1e-6) for audio in (a, b)]
    return mean((roots[0] - roots[1]) ** 2)


@pytest.mark.parametrize("name", objectives.PIECES)
def test_value(generator, classifier, case, name):
    latents, clips, start = case
    objective = objectives.make({name: 0.5}, generator, classifier)
    value = objective.value(latents, objective.targets(clips, start)).numpy()
    audio = generator(latents).numpy()
    by_hand = expected(name, latents.numpy(), start.numpy(), audio, clips.numpy(), classifier)
    np.testing.assert_allclose(value, 0.5 * by_hand, rtol=1e-3)
    assert (value > 0).all()


@pytest.mark.parametrize("name", objectives.PIECES)
def test_zero_at_the_answer(generator, classifier, case, name):
    _, clips, start = case
    objective = objectives.make({name: 0.5}, generator, classifier)
    value, gradient = objective.value_and_gradient(start, objective.targets(clips, start))
    np.testing.assert_allclose(value, [0, 0], atol=1e-12)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", objectives.PIECES)
def test_gradient_along_a_way_adds_up_to_the_rise(generator, classifier, case, name):
    """However many kinks there are: absolute differences, ReLU."""
    latents, clips, start = (x[:1] for x in case)
    objective = objectives.make({name: 0.5}, generator, classifier)
    targets = objective.targets(tf.repeat(clips, 201, 0), tf.repeat(start, 201, 0))
    way = latents + tf.linspace(0.0, 0.1, 201)[:, None] * tf.constant([[0.3, 0.5, 0.2]])
    value, gradient = (x.numpy() for x in objective.value_and_gradient(way, targets))
    rise = np.sum((gradient[1:] + gradient[:-1]) / 2 * np.diff(way, axis=0))
    assert value[-1] - value[0] == pytest.approx(rise, rel=0.01)
    assert abs(rise) > 1e-6


@pytest.mark.parametrize("name", [name for name, piece in objectives.PIECES.items() if piece.power == 2])
def test_residuals_are_what_the_value_is_the_sum_of_squares_of(generator, classifier, case, name):
    latents, clips, start = case
    objective = objectives.make({name: 0.5, "waveform": 0.1}, generator, classifier)
    targets = objective.targets(clips, start)
    residuals = objective.residuals(latents, targets)
    assert residuals.shape.rank == 2
    np.testing.assert_allclose(np.sum(residuals**2, 1), objective.value(latents, targets), rtol=1e-5)


@pytest.mark.parametrize(
    ("weights", "answer"),
    [
        ("synthesized", True),
        ("phase_free", True),
        ({"waveform": 1, "encoder": 0.1}, True),
        ("paper", False),
        ({"waveform": 1, "waveform_mae": 0.1}, False),
        ({"posterior": 1}, False),
    ],
)
def test_is_least_squares(generator, classifier, weights, answer):
    assert objectives.make(weights, generator, classifier).is_least_squares is answer


def test_an_objective_is_the_weighted_sum_of_its_pieces(generator, classifier, case):
    latents, clips, start = case

    def value(weights):
        objective = objectives.make(weights, generator, classifier)
        return objective.value(latents, objective.targets(clips, start)).numpy()

    parts = [weight * value({name: 1}) for name, weight in objectives.PRESETS["authors"].items()]
    np.testing.assert_allclose(value("authors"), sum(parts), rtol=1e-5)


def test_silence_has_finite_values_and_gradients(generator, classifier):
    silent, latents = tf.zeros([1, 1024]), tf.zeros([1, 3])
    objective = objectives.make(dict.fromkeys(objectives.PIECES, 1.0), generator, classifier)
    value, gradient = objective.value_and_gradient(latents, objective.targets(silent, latents))
    np.testing.assert_allclose(value, [0], atol=1e-9)
    assert np.isfinite(gradient).all()


def test_phase_free_pieces_forget_the_sign(generator, case):
    latents, _, start = case
    for name in ("magnitude", "log_magnitude", "log_mel"):
        objective = objectives.make({name: 1}, generator)
        value = objective.value(latents, objective.targets(generator(-latents), start))
        np.testing.assert_allclose(value, [0, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("spec", "answer"),
    [
        ("waveform", [({"waveform": 1}, None)]),
        ("paper", [({"real_part": 1}, None)]),
        ("waveform+0.1*prior", [({"waveform": 1, "prior": 0.1}, None)]),
        ("2*log_mel:40,synthesized", [({"log_mel": 2}, 40), ({"waveform": 1}, None)]),
        ("prior:1,paper:2,prior+prior", [({"prior": 1}, 1), ({"real_part": 1}, 2), ({"prior": 2}, None)]),
        ({"prior": 3.0}, [({"prior": 3.0}, None)]),
    ],
)
def test_stages(spec, answer):
    assert objectives.stages(spec) == answer


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "objective: '' is no piece; pieces are waveform, "),
        ("loud", "objective: 'loud' is no piece"),
        ("waveform,", "objective: '' is no piece"),
        ("waveform++prior", "objective: '' is no piece"),
        ("waveform +prior", "objective: 'waveform ' is no piece"),
        ("paper+prior", "objective: 'paper' is no piece; .*whole objectives auto, paper"),
        ("log_mel:4,auto", "objective: 'auto' is no piece"),
        ("much*waveform", r"objective: 'much\*waveform': 'much' is no weight"),
        ("2*3*waveform", r"'2\*3' is no weight"),
        ("waveform:0", "objective: 'waveform:0': '0' is no iteration count"),
        ("waveform:-1", "'-1' is no iteration count"),
        ("waveform:1.5", "'1.5' is no iteration count"),
        ("waveform:5:6", "'5:6' is no iteration count"),
    ],
)
def test_stages_that_can_not_be_read(spec, message):
    with pytest.raises(errors.InvalidArgumentError, match=message) as caught:
        objectives.stages(spec)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({}, "objective: is empty"),
        ({"hue": 1.0}, "objective: 'hue' is unknown"),
        ({"waveform": -1.0}, "objective: weight -1.0 of waveform"),
        ({"waveform": 0.0}, "objective: weight 0.0 of waveform"),
        ({"waveform": float("nan")}, "objective: weight nan of waveform"),
        ({"waveform": float("inf")}, "objective: weight inf of waveform"),
        ("authors", "objective: middle needs a classifier"),
        ("real", "objective: perceptual needs a classifier"),
    ],
)
def test_objectives_that_can_not_be_made(generator, weights, message):
    with pytest.raises(errors.InvalidArgumentError, match=message):
        objectives.make(weights, generator)


def test_made_again_it_is_the_same_objective(generator, classifier):
    made = objectives.make({"waveform": 1.0}, generator)
    assert objectives.make("synthesized", generator) is made
    assert objectives.make({"waveform": 2.0}, generator) is not made
    assert objectives.make("synthesized", generator, classifier) is not made
    assert objectives.make("synthesized", Sounds()) is not made
