import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import errors, invert
from tf_inversion.audio import files
from tf_inversion.audio.clips import ClipList, find_clips
from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
from tf_inversion.losses import LOSS_TERMS, LossTerm
from tf_inversion.losses.terms import absolute_error, kl_divergence
from tf_inversion.models import ModelBundle
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.inverter import Inverter
from tf_inversion.networks.loading import load_inverter
from tf_inversion.training.inverter import needs_classifier, start_from, train_inverter
from tf_inversion.training.inverter_training import InverterTraining
from tf_inversion.training.settings import InverterTrainingSettings, RunSettings

TRAINER = """
import json
import keras, numpy as np, tensorflow as tf
from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
from tf_inversion.models import ModelBundle
from tf_inversion.networks.inverter import Inverter
from tf_inversion.training.inverter_training import InverterTraining
from tf_inversion.training.settings import InverterTrainingSettings

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

def losses(strategy):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        models = ModelBundle(WaveGAN(WaveGANConfig(dim=2)))
        inverter = Inverter(width=2)
    settings = InverterTrainingSettings(
        loss_weights="latent+log_mel",
        batch_size=8,
        average_weights=0.5,
        freeze_batch_norm=True,
        start_from="a trained one",
    )
    training = InverterTraining(inverter, models, settings, (None, None), 3, strategy)
    batches = iter(training.batches(0))
    found = [float(training.train_step(next(batches))["loss"]) for _ in range(3)]
    with training.average.lent():
        return found + [float(tf.norm(inverter.trainable_variables[0]))]

mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert mirrored.num_replicas_in_sync == 2
print(json.dumps([losses(tf.distribute.get_strategy()), losses(mirrored)]))
"""


def test_two_devices_compute_the_losses_of_one():
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.run(
        [sys.executable, "-c", TRAINER], capture_output=True, text=True, env=environment, check=False
    )
    assert process.returncode == 0, process.stderr
    one, two = json.loads(process.stdout.splitlines()[-1])
    np.testing.assert_allclose(two, one, rtol=2e-3)
    assert one[0] != one[-2]


@pytest.fixture(scope="module")
def models():
    """A generator and a classifier, tiny and random but real."""
    keras.utils.set_random_seed(0)
    classifier = Classifier(width=2)
    classifier.trainable = False
    return ModelBundle(WaveGAN(WaveGANConfig(dim=2)), classifier=classifier)


def _training(models, weights="perceptual+latent", dtype=None, **settings):
    keras.utils.set_random_seed(1)
    settings = InverterTrainingSettings(loss_weights=weights, batch_size=4, learning_rate=1e-2, **settings)
    return InverterTraining(Inverter(width=4, dtype=dtype), models, settings, (None, None), num_steps=40)


def _latents(seed, count=4):
    return tf.random.stateless_uniform([count, 100], [seed, 0], -1.0, 1.0)


def _batch(models):
    return {"audio": models.generator(_latents(5)), "latents": _latents(0)}


def test_a_step_trains_the_inverter_and_nothing_else(models):
    training = _training(models, "latent")
    weights = models.generator.weights + models.classifier.weights
    before = [w.numpy() for w in weights]
    for _ in range(40):
        metrics = training.train_step({"latents": _latents(0)})
    assert metrics["synthesized/latent"] < 0.25  # zero would score 1/3
    assert not [name for name in metrics if name.startswith("real/")]
    for old, weight in zip(before, weights):
        np.testing.assert_array_equal(weight, old)


@pytest.mark.usefixtures("eagerly")
def test_the_loss_is_the_weighted_sum_of_its_terms(models):
    weights = {"perceptual": 0.5, "posterior_kl": 2.0, "log_mel": 4.0, "latent": 3.0, "waveform_log": 0.1}
    training = _training(models, "+".join(f"{weight}*{name}" for name, weight in weights.items()))
    metrics = {name: float(value) for name, value in training.train_step(_batch(models)).items()}
    for kind, names in (("real", list(weights)[:3]), ("synthesized", weights)):
        terms = {name: metrics[f"{kind}/{name}"] for name in names}
        assert {*terms, "loss"} == {name.split("/")[1] for name in metrics if name.startswith(kind)}
        assert min(terms.values()) > 0
        total = sum(weights[name] * value for name, value in terms.items())
        assert metrics[f"{kind}/loss"] == pytest.approx(total, rel=1e-5)
    assert metrics["loss"] == pytest.approx(metrics["real/loss"] + metrics["synthesized/loss"], rel=1e-5)


@pytest.mark.usefixtures("eagerly")
def test_the_temperature_is_the_posteriors(models):
    training = _training(models, "2*posterior_kl", posterior_temperature=3.0)
    audio = _batch(models)["audio"]
    predicted, terms = training.evaluate(audio)
    logits = [models.classifier(x, training=False) / 3 for x in (audio, models.generator(predicted))]
    np.testing.assert_allclose(terms["posterior_kl"], kl_divergence(*logits), rtol=1e-4)
    np.testing.assert_allclose(terms["loss"], 2 * 3**2 * terms["posterior_kl"], rtol=1e-5)


def test_a_perfect_answer_costs_nothing(models):
    training = _training(models, "waveform_log+posterior_kl+log_mel+latent")
    terms = training._terms(models.generator(_latents(0)), _latents(0), _latents(0))
    assert len(terms) == 5
    for term in terms.values():
        np.testing.assert_allclose(term, 0, atol=1e-9)


@pytest.mark.usefixtures("eagerly")
def test_a_term_is_of_real_clips_unless_it_is_of_latents_or_phase(models, monkeypatch):
    """One entry of the table makes a new term known."""
    monkeypatch.setitem(LOSS_TERMS, "mel_l1", LossTerm(lambda v: v.log_mels, absolute_error))
    metrics = _training(models, "2*mel_l1+real_part").train_step(_batch(models))
    assert float(metrics["real/loss"]) == pytest.approx(2 * float(metrics["real/mel_l1"]), rel=1e-5)
    assert "real/real_part" not in metrics


@pytest.mark.usefixtures("eagerly")
def test_a_frozen_batch_norm_trains_as_the_inverter_answers(models):
    training = _training(models, freeze_batch_norm=True, start_from="a trained one")
    inverter, batch = training.model, _batch(models)
    statistics = [v.numpy() for v in inverter.non_trainable_variables]
    weights = [v.numpy() for v in inverter.trainable_variables]
    loss = training.evaluate(batch["audio"])[1]["loss"]
    assert float(training.train_step(batch)["real/loss"]) == pytest.approx(float(np.mean(loss)), rel=1e-5)
    for old, value in zip(statistics, inverter.non_trainable_variables):
        np.testing.assert_array_equal(value, old)
    assert all(np.any(value != old) for old, value in zip(weights, inverter.trainable_variables))


def test_latents_are_the_priors_and_a_function_of_seed_and_step(models):
    training = _training(models, "latent", seed=3)
    latents = training._latents(200, 7).numpy()
    np.testing.assert_array_equal(latents, training._latents(200, tf.constant(7, tf.int64)))
    np.testing.assert_array_equal(latents, models.generator.prior.draw([200, 100], [3, 7]))
    assert not np.array_equal(latents, training._latents(200, 8))


def test_training_on_speech_writes_weights_curves_and_sound(models, fsdd_dir, tmp_path):
    keras.utils.set_random_seed(0)
    clips = (find_clips(fsdd_dir, split) for split in ("train", "valid"))
    best = train_inverter(
        models,
        *(some.pick(range(0, len(some), 20)) for some in clips),
        InverterTrainingSettings(width=2, peak=0.9, batch_size=32, gain_db=6, shift_seconds=0.05),
        RunSettings(str(tmp_path), epochs=1, steps_per_epoch=2),
    )
    assert best["epoch"] == 1
    assert np.isfinite(best["validation/real/perceptual"])
    assert load_inverter(tmp_path / "inverter.keras").peak == 0.9
    events = [
        value.tag
        for path in (tmp_path / "logs").iterdir()
        for record in tf.data.TFRecordDataset(str(path))
        for value in tf.compat.v1.Event.FromString(record.numpy()).summary.value
    ]
    wanted = {"validation/loss", "real/perceptual", "synthesized/clips_over_reconstructions"}
    assert wanted | {"real/clips_then_reconstructions"} < set(events)
    settings = json.loads((tmp_path / "settings.json").read_text())
    assert settings["loss_weights"] == {"latent": 1.0, "perceptual": 1.0}
    assert settings["generator"].split()[0] == str(models.generator.count_params())


@pytest.mark.usefixtures("eagerly")
def test_latents_alone_need_no_classifier(models, tmp_path):
    settings = InverterTrainingSettings(loss_weights="latent", width=2, batch_size=64)
    assert not needs_classifier(settings)
    assert needs_classifier(InverterTrainingSettings())
    run = RunSettings(str(tmp_path), epochs=1, steps_per_epoch=1)
    best = train_inverter(ModelBundle(models.generator), None, None, settings, run)
    assert np.isfinite(best["validation/synthesized/latent"])


ABSENT = ClipList(["absent.wav"])


@pytest.mark.parametrize(
    ("clips", "settings", "error", "message"),
    [
        (ABSENT, {}, errors.DatasetError, r"absent\.wav: 0 of 1 readable"),
        (
            ABSENT,
            {"loss_weights": "waveform"},
            errors.InvalidArgumentError,
            "no term is for real clips",
        ),
        (None, {"loss_weights": "hue"}, errors.InvalidArgumentError, "'hue' is no loss term"),
        (None, {"loss_weights": "0*latent"}, errors.InvalidArgumentError, "weight 0.0 of latent"),
        (None, {"start_from": "absent.keras"}, errors.ModelFileError, "absent.keras"),
        (None, {"mixed_precision": True}, errors.InvalidArgumentError, "mixed_precision: needs a GPU"),
    ],
)
def test_what_can_not_be_trained_is_refused_before_anything_is_written(
    models, tmp_path, clips, settings, error, message
):
    if "mixed_precision" in settings and tf.config.list_physical_devices("GPU"):
        pytest.skip("there is a GPU")
    run = RunSettings(str(tmp_path / "run"), epochs=1, steps_per_epoch=1)
    with pytest.raises(error, match=message):
        train_inverter(models, clips, clips, InverterTrainingSettings(width=2, **settings), run)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"average_weights": 0.9}, "average_weights: batch normalisation's"),
        ({"freeze_batch_norm": True}, "freeze_batch_norm: a new inverter"),
        ({"batch_size": 0}, "batch_size: 0; give at least 1"),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(errors.InvalidArgumentError, match=message):
        InverterTrainingSettings(**settings)


def test_training_goes_on_from_a_trained_inverter(tmp_path):
    keras.utils.set_random_seed(0)
    trained, fresh = Inverter(width=2), Inverter(width=2)
    trained.save(tmp_path / "trained.keras")
    start_from(tmp_path / "trained.keras", fresh)
    for weight, other in zip(fresh.get_weights(), trained.get_weights()):
        np.testing.assert_array_equal(weight, other)
    with pytest.raises(errors.ModelFileError, match="has width 2, but 4 is to be trained"):
        start_from(tmp_path / "trained.keras", Inverter(width=4))


@pytest.mark.usefixtures("eagerly")
def test_stereo(tmp_path):
    generator = WaveGAN(WaveGANConfig(dim=1, latent_dim=4, num_channels=2))
    settings = InverterTrainingSettings(
        width=2, batch_size=2, loss_weights="latent+log_mel", shift_seconds=0.01
    )
    rng = np.random.default_rng(0)
    for i in range(2):
        files.write_audio(tmp_path / f"clips/{i}.wav", rng.uniform(-1, 1, (2, 9000)), 16000)
    clips = ClipList([str(tmp_path / f"clips/{i}.wav") for i in range(2)])
    run = RunSettings(str(tmp_path / "run"), epochs=1, steps_per_epoch=1)
    train_inverter(ModelBundle(generator), clips, clips, settings, run)
    inverter = load_inverter(tmp_path / "run/inverter.keras")
    assert inverter.num_channels == 2
    made = generator(generator.draw_latents(3, seed=0)).numpy()
    latents = inverter.encode(made)
    assert latents.shape == (3, 4)
    other = inverter.encode(made[:, ::-1])  # left and right change places
    assert np.abs(other - latents).max() > 1e-4
    result = invert(made, ModelBundle(generator, inverter), "encoder")
    np.testing.assert_allclose(result.latents, latents, atol=1e-5)
    assert result.audio.shape == (3, 2, 16384)
