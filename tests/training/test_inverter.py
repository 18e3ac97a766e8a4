import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.audio.clips import ClipList
from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
from tf_inversion.losses.terms import kl_divergence
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.inverter import Inverter
from tf_inversion.training import loop
from tf_inversion.training.augmentation import Augmentation
from tf_inversion.training.inverter import (
    PAPER_WEIGHTS,
    InverterTrainer,
    latents_of_step,
    start_from,
    train_inverter,
)

TRAINER = """
import json, os, sys
import keras, numpy as np, tensorflow as tf
from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.inverter import Inverter
from tf_inversion.training.inverter import PAPER_WEIGHTS, InverterTrainer, latents_of_step

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

def losses(strategy):
    keras.utils.set_random_seed(0)
    with strategy.scope():
        generator = WaveGAN(WaveGANConfig(dim=2))
        classifier = Classifier(width=2)
        classifier.trainable = False
        inverter = Inverter(width=2)
        optimizer = keras.optimizers.Adam(1e-3)
        optimizer.build(inverter.trainable_variables)
    trainer = InverterTrainer(inverter, generator, classifier, optimizer, PAPER_WEIGHTS, 8, strategy)
    dataset = tf.data.Dataset.range(3).map(lambda step: {"latents": latents_of_step(8, 100, 0, step)})
    return [float(trainer.train_step(batch)["loss"])
            for batch in strategy.experimental_distribute_dataset(dataset)]

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
    assert one[0] != one[-1]


@pytest.fixture(scope="module")
def frozen():
    """A generator and a classifier, tiny and random but real."""
    keras.utils.set_random_seed(0)
    classifier = Classifier(width=2)
    classifier.trainable = False
    return WaveGAN(WaveGANConfig(dim=2)), classifier


def _trainer(frozen, weights=PAPER_WEIGHTS, freeze_batch_norm=False, temperature=1.0, **settings):
    keras.utils.set_random_seed(1)
    inverter = Inverter(width=4, **settings)
    optimizer = keras.optimizers.Adam(1e-2)
    optimizer.build(inverter.trainable_variables)
    options = {"freeze_batch_norm": freeze_batch_norm, "temperature": temperature}
    return inverter, InverterTrainer(inverter, *frozen, optimizer, weights, 4, **options)


def _batch(frozen):
    latents = latents_of_step(4, 100, 0, 0)
    return {"audio": frozen[0](latents_of_step(4, 100, 5, 0)), "latents": latents}


def test_a_step_trains_the_inverter_and_nothing_else(frozen):
    _, trainer = _trainer(frozen, {"latent": 1.0})
    generator, classifier = frozen
    before = [w.numpy() for w in generator.weights + classifier.weights]
    batch = {"latents": latents_of_step(4, 100, 0, 0)}
    for _ in range(40):
        metrics = trainer.train_step(batch)
    assert metrics["synthesized/latent"] < 0.25  # zero would score 1/3
    for old, weight in zip(before, generator.weights + classifier.weights):
        np.testing.assert_array_equal(weight, old)


def test_the_loss_is_the_weighted_sum_of_its_terms(frozen):
    weights = {"perceptual": 0.5, "posterior_kl": 2.0, "log_mel": 4.0, "latent": 3.0, "waveform_log": 0.1}
    _, trainer = _trainer(frozen, weights)
    metrics = {name: float(value) for name, value in trainer.train_step(_batch(frozen)).items()}
    for kind, names in (("real", list(weights)[:3]), ("synthesized", weights)):
        terms = {name: metrics[f"{kind}/{name}"] for name in names}
        assert {*terms, "loss"} == {name.split("/")[1] for name in metrics if name.startswith(kind)}
        assert min(terms.values()) > 0
        total = sum(weights[name] * value for name, value in terms.items())
        assert metrics[f"{kind}/loss"] == pytest.approx(total, rel=1e-5)
    assert metrics["loss"] == pytest.approx(metrics["real/loss"] + metrics["synthesized/loss"], rel=1e-5)


def test_the_temperature_is_the_posteriors(frozen):
    _, trainer = _trainer(frozen, {"posterior_kl": 1.0}, temperature=3.0)
    generator, classifier = frozen
    audio = _batch(frozen)["audio"]
    predicted, terms = trainer.evaluate(audio)
    logits = [classifier(x, training=False) / 3 for x in (audio, generator(predicted))]
    np.testing.assert_allclose(terms["posterior_kl"], kl_divergence(*logits), rtol=1e-4)


def test_a_perfect_answer_costs_nothing(frozen):
    _, trainer = _trainer(frozen, {"waveform_log": 1.0, "posterior_kl": 1.0, "log_mel": 1.0, "latent": 1.0})
    latents = latents_of_step(4, 100, 0, 0)
    terms = trainer._terms(frozen[0](latents), latents, latents)
    assert len(terms) == 5
    for term in terms.values():
        np.testing.assert_allclose(term, 0, atol=1e-9)


def test_a_term_is_of_real_clips_unless_it_is_of_latents_or_phase(frozen):
    _, trainer = _trainer(frozen, {"magnitude": 1.0, "real_part": 1.0})
    metrics = trainer.train_step(_batch(frozen))
    assert "real/magnitude" in metrics
    assert "real/real_part" not in metrics


def test_synthesized_clips_alone_train_too(frozen):
    _, trainer = _trainer(frozen)
    metrics = trainer.train_step({"latents": latents_of_step(4, 100, 0, 0)})
    assert "real/loss" not in metrics
    assert np.isfinite(metrics["loss"])


def test_a_frozen_batch_norm_trains_as_the_inverter_answers(frozen):
    inverter, trainer = _trainer(frozen, freeze_batch_norm=True)
    batch = _batch(frozen)
    statistics = [v.numpy() for v in inverter.non_trainable_variables]
    weights = [v.numpy() for v in inverter.trainable_variables]
    loss = trainer.evaluate(batch["audio"])[1]["loss"]
    assert float(trainer.train_step(batch)["real/loss"]) == pytest.approx(float(np.mean(loss)), rel=1e-5)
    for old, value in zip(statistics, inverter.non_trainable_variables):
        np.testing.assert_array_equal(value, old)
    assert all(np.any(value != old) for old, value in zip(weights, inverter.trainable_variables))


def test_mixed_precision_trains(frozen):
    _, trainer = _trainer(frozen, dtype="mixed_bfloat16")
    batch = _batch(frozen)
    history = [float(trainer.train_step(batch)["loss"]) for _ in range(15)]
    assert history[-1] < history[0]


def test_latents_are_uniform_and_a_function_of_seed_and_step():
    latents = latents_of_step(200, 100, 3, 7).numpy()
    np.testing.assert_array_equal(latents, latents_of_step(200, 100, 3, tf.constant(7, tf.int64)))
    assert not np.array_equal(latents, latents_of_step(200, 100, 3, 8))
    assert -1 <= latents.min() < -0.99
    assert 0.99 < latents.max() <= 1
    assert latents.std() == pytest.approx(1 / np.sqrt(3), rel=0.01)


def test_training_on_speech_writes_weights_curves_and_sound(frozen, fsdd_dir, tmp_path):
    from tf_inversion.audio.clips import find_clips
    from tf_inversion.networks.loading import load_inverter

    keras.utils.set_random_seed(0)
    run = loop.Run(tmp_path, epochs=1, steps_per_epoch=2, settings={})
    best = train_inverter(
        run,
        Inverter(width=2, peak=0.9),
        *frozen,
        find_clips(fsdd_dir, "train"),
        find_clips(fsdd_dir, "valid"),
        batch_size=8,
        augmentation=Augmentation(gain_db=6, shift_seconds=0.05),
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


@pytest.mark.parametrize(
    ("clips", "weights", "error", "message"),
    [
        (ClipList(["absent.wav"]), PAPER_WEIGHTS, errors.DatasetError, r"absent\.wav: 0 of 1 readable"),
        (
            ClipList(["absent.wav"]),
            {"latent": 1.0, "waveform_log": 1.0},
            errors.InvalidArgumentError,
            "weights: none is of a loss term for real clips",
        ),
        (None, {}, errors.InvalidArgumentError, "objective: is empty"),
    ],
)
def test_nothing_to_learn_from_is_refused_before_anything_is_written(
    frozen, tmp_path, clips, weights, error, message
):
    run = loop.Run(tmp_path / "run", epochs=1, steps_per_epoch=1, settings={})
    with pytest.raises(error, match=message):
        train_inverter(run, Inverter(width=2), *frozen, clips, clips, weights=weights)
    assert not list(tmp_path.iterdir())


def test_training_goes_on_from_a_trained_inverter(tmp_path):
    keras.utils.set_random_seed(0)
    trained, fresh = Inverter(width=2), Inverter(width=2)
    trained.save(tmp_path / "trained.keras")
    start_from(tmp_path / "trained.keras", fresh)
    for weight, other in zip(fresh.get_weights(), trained.get_weights()):
        np.testing.assert_array_equal(weight, other)
    with pytest.raises(errors.ModelFileError, match="has width 2, but 4 is to be trained"):
        start_from(tmp_path / "trained.keras", Inverter(width=4))
