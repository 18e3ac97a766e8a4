"""Nothing that computes is bound to the CPU: each operation has a GPU kernel, and none names a device."""

import dataclasses

import gpu_readiness
import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import invert
from tf_inversion.audio.clips import ClipList
from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
from tf_inversion.models import ModelBundle
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.discriminator import Discriminator
from tf_inversion.networks.inverter import Inverter
from tf_inversion.training.adversarial import LOSSES, WaveGANTrainer
from tf_inversion.training.augmentation import Augmentation
from tf_inversion.training.classifier import ClassifierTraining
from tf_inversion.training.inverter_training import InverterTraining
from tf_inversion.training.settings import ClassifierTrainingSettings, InverterTrainingSettings

pytestmark = pytest.mark.skipif(
    not gpu_readiness.available(), reason="this TensorFlow was built without GPU kernels"
)


@pytest.fixture(scope="module")
def models():
    keras.utils.set_random_seed(0)
    classifier = Classifier(architecture="mel_cnn", width=2)
    generator = WaveGAN(WaveGANConfig(dim=1, kernel_len=5, latent_dim=8))
    return ModelBundle(generator, Inverter(latent_dim=8, width=2, peak=0.9), classifier, classifier)


def test_what_is_bound_to_the_cpu_is_found():
    @tf.function
    def bound():
        with tf.device("CPU:0"):
            return tf.math.bincount(tf.constant([1]), dtype=tf.int64), tf.strings.length("text")

    with gpu_readiness.traced() as graphs:
        bound.get_concrete_function()
    found = gpu_readiness.bound_to_cpu(graphs)
    assert "DenseBincount" in found
    assert any(name.startswith("StringLength on ") and name.endswith("CPU:0") for name in found)


SOLVERS = [
    {"method": "encoder"},
    {"method": "hybrid", "starts": 2},
    {"refine": "lbfgs", "backend": "tfp", "objective": "synthesized"},
    {"refine": "lbfgs", "backend": "scipy", "objective": "paper"},
    {"refine": "adam", "objective": "waveform+0.1*prior"},
    {"refine": "gauss_newton", "init": "random", "adjust": ("gain", "shift"), "error_bars": True},
]


@pytest.mark.parametrize("options", SOLVERS, ids=lambda options: "-".join(map(str, options.values())))
def test_solvers(models, options):
    clips = models.generator(models.generator.draw_latents(2, seed=0)).numpy()
    with gpu_readiness.traced() as graphs:
        result = invert(clips, models, **{"max_iterations": 2, **options})
    assert np.all(np.isfinite(result.latents))
    assert graphs
    assert gpu_readiness.bound_to_cpu(graphs) == set()


@pytest.mark.parametrize("loss", LOSSES)
def test_adversarial_training(loss):
    config = WaveGANConfig(dim=1, kernel_len=5, latent_dim=8)
    generator, discriminator = WaveGAN(config), Discriminator(config, mel_width=1)
    rules = dataclasses.replace(LOSSES[loss], critic_steps=1)
    trainer = WaveGANTrainer(generator, discriminator, rules, Augmentation(6.0, 0.1, -40.0), seed=0)
    clips = tf.zeros([2, generator.num_samples])
    with gpu_readiness.traced() as graphs:
        metrics = trainer.train_step((clips, tf.zeros(len(clips), tf.int64), tf.constant(0, tf.int64)))
    assert np.isfinite(metrics["loss"])
    assert gpu_readiness.bound_to_cpu(graphs) == set()


@pytest.mark.parametrize("architecture", ["mel_cnn", "resnet18"])
def test_training_of_a_classifier(architecture):
    settings = ClassifierTrainingSettings(architecture=architecture, width=2, batch_size=2)
    clips = ClipList(["0.wav", "1.wav"], [0, 1], ["zero", "one"])
    training = ClassifierTraining(settings, clips, clips, num_steps=10)
    batch = (tf.zeros([2, settings.num_samples]), tf.constant([0, 1], tf.int64)), tf.constant(0)
    with gpu_readiness.traced() as graphs:
        metrics = training.train_step(batch)
    assert np.isfinite(metrics["loss"])
    assert gpu_readiness.bound_to_cpu(graphs) == set()


def test_training_of_an_inverter_in_mixed_precision(models):
    terms = "perceptual+posterior_kl+log_mel+latent+waveform_log"
    settings = InverterTrainingSettings(loss_weights=terms, batch_size=2, mixed_precision=True)
    inverter = Inverter(latent_dim=8, width=2, dtype="mixed_float16")
    training = InverterTraining(inverter, models, settings, (None, None), num_steps=10)
    latents = models.generator.draw_latents(2, seed=0)
    batch = {"audio": models.generator(latents), "latents": latents}
    before = [weight.numpy() for weight in inverter.trainable_variables]
    with gpu_readiness.traced() as graphs:
        history = [training.train_step(batch) for _ in range(10)]
    assert np.all(np.isfinite([list(metrics.values()) for metrics in history]))
    assert history[-1]["loss"] < history[0]["loss"]
    assert all(np.any(weight != old) for weight, old in zip(inverter.trainable_variables, before))
    assert gpu_readiness.bound_to_cpu(graphs) == set()
