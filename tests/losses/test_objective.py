"""Weighted sums of loss terms, on sounds of 1,024 samples."""

import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import errors, losses
from tf_inversion.losses.terms import absolute_error, kl_divergence
from tf_inversion.networks.classifier import Classifier


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
    assert losses.Objective(weights, generator, classifier).is_least_squares is answer


def test_an_objective_is_the_weighted_sum_of_its_terms(generator, classifier, case):
    latents, clips, start = case

    def value(weights):
        objective = losses.Objective(weights, generator, classifier)
        return objective.value(latents, objective.targets(clips, start)).numpy()

    parts = [weight * value({name: 1}) for name, weight in losses.PRESETS["authors"].items()]
    np.testing.assert_allclose(value("authors"), sum(parts), rtol=1e-5)


def test_other_spellings_are_the_same_terms(generator, classifier, case):
    latents, clips, start = case
    objective = losses.Objective({"encoder": 1.0, "latent": 2.0, "posterior": 0.5}, generator, classifier)
    assert objective.weights == {"latent": 3.0, "posterior_hellinger": 0.5}
    terms = objective.terms(latents, objective.targets(clips, start))
    assert list(terms) == list(objective.weights)
    np.testing.assert_allclose(terms["latent"], np.mean((latents - start) ** 2, 1), rtol=1e-5)


def test_a_new_term_is_an_entry_of_the_table(generator, case, monkeypatch):
    latents, clips, start = case
    mae = losses.LossTerm(lambda v: v.log_mels, absolute_error)
    monkeypatch.setitem(losses.LOSS_TERMS, "log_mel_l1", mae)
    objective = losses.Objective(losses.weights("log_mel_l1+2*log_mel"), generator)
    terms = objective.terms(latents, objective.targets(clips, start))
    assert np.all(terms["log_mel_l1"] < np.sqrt(terms["log_mel"]))  # Jensen


def test_a_temperature_divides_the_logits(generator, classifier, case):
    latents, clips, start = case
    objective = losses.Objective({"posterior_kl": 1.0}, generator, classifier, temperature=3.0)
    terms = objective.terms(latents, objective.targets(clips, start))
    logits = [classifier(audio).numpy() / 3 for audio in (clips, generator(latents))]
    np.testing.assert_allclose(terms["posterior_kl"], kl_divergence(*logits), rtol=1e-4)


def test_terms_of_latents_alone_need_no_audio(generator, case):
    latents, clips, start = case

    class Mute(type(generator)):
        def call(self, z):
            raise AssertionError("not to be called")

    objective = losses.Objective({"latent": 1.0, "prior": 1.0}, Mute())
    assert np.all(objective.value(latents, objective.targets(clips, start)) > 0)


def test_silence_has_finite_values_and_gradients(generator, classifier):
    silent, latents = tf.zeros([1, 1024]), tf.zeros([1, 3])
    objective = losses.Objective(dict.fromkeys(losses.LOSS_TERMS, 1.0), generator, classifier)
    value, gradient = objective.value_and_gradient(latents, objective.targets(silent, latents))
    np.testing.assert_allclose(value, [0], atol=1e-9)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({}, "objective: is empty"),
        ({"hue": 1.0}, "objective: 'hue' is no loss term"),
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
        losses.Objective(weights, generator)


def test_layers_that_a_classifier_lacks_are_refused(generator):
    classifier = Classifier(architecture="mel_cnn", width=2, num_samples=1024)
    losses.Objective({"perceptual": 1.0}, generator, classifier)
    with pytest.raises(errors.InvalidArgumentError, match=r"mel_cnn.*no layer 'spectrogram'"):
        losses.Objective({"perceptual_authors": 1.0}, generator, classifier)


@pytest.fixture(scope="module")
def trained(classifier):
    """A classifier whose batch normalisations have something to do."""
    random = np.random.default_rng(0)
    for variable in classifier.weights:
        if "variance" in variable.path or "gamma" in variable.path:
            variable.assign(random.uniform(0.5, 2, variable.shape))
        elif "mean" in variable.path or "beta" in variable.path:
            variable.assign(random.normal(0, 0.1, variable.shape))
    return classifier


@pytest.mark.parametrize("weights", ["real", {"logits": 1.0}])
def test_a_folded_classifier_changes_nothing(generator, trained, case, weights, monkeypatch):
    monkeypatch.setitem(losses.LOSS_TERMS, "logits", losses.LossTerm(lambda v: v.logits, layers="logits"))
    latents, clips, start = case
    plain, folded = (losses.Objective(weights, generator, trained, fold=fold) for fold in (False, True))
    targets = plain.targets(clips, start)
    for name, features in folded.targets(clips, start).items():
        np.testing.assert_allclose(features, targets[name], rtol=1e-2, atol=1e-3)
    for one, other in zip(
        plain.value_and_gradient(latents, targets), folded.value_and_gradient(latents, targets)
    ):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3 * np.abs(one).max())


def test_what_folding_would_hide_is_not_folded(generator, trained, case):
    latents, clips, start = case
    plain, folded = (losses.Objective("authors", generator, trained, fold=fold) for fold in (False, True))
    other = losses.Objective(
        {"perceptual_authors": 1.0}, generator, trained, fold=True
    )  # looks at a convolution before its normalisation
    assert np.isfinite(other.value(latents, other.targets(clips, start))).all()
    targets = plain.targets(clips, start)
    np.testing.assert_allclose(folded.value(latents, targets), plain.value(latents, targets), rtol=1e-3)
