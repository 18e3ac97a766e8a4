"""Bundles of models: what is loaded, what must fit, and what is said where it does not."""

import subprocess
import sys

import official_wavegan
import pytest

from tf_inversion import errors
from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
from tf_inversion.models import ModelBundle, ModelSettings
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.inverter import Inverter
from tf_inversion.priors import PRIORS


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Generators of 4 latents, one of them of 32,768 samples, and an inverter for either."""
    home = tmp_path_factory.mktemp("models")
    official_wavegan.write(home / "small", WaveGANConfig(dim=1, latent_dim=4))
    official_wavegan.write(home / "long", WaveGANConfig(dim=1, latent_dim=4, slice_len=32768))
    Inverter(latent_dim=4, width=2, num_samples=32768).save(home / "long.keras")
    Inverter(latent_dim=4, width=2, sample_rate=22050).save(home / "small.keras")
    Classifier(width=2, num_samples=8192).save(home / "short_judge.keras")
    return {path.name: str(path) for path in home.iterdir()}


def test_the_pretrained_models_fit():
    models = ModelBundle.load()
    assert (models.inverter.latent_dim, models.generator.latent_dim) == (100, 100)
    assert models.classifier.features
    assert models.judge.architecture == "mel_cnn"
    assert models.sources == dict.fromkeys(["generator", "inverter", "classifier", "judge"], "pretrained")


def test_only_what_is_asked_for_is_loaded(files):
    settings = ModelSettings(generator=files["small"], inverter="missing.keras", latent_prior="normal")
    models = ModelBundle.load(settings, needs=(), wants=("judge",))
    assert models.inverter is models.classifier is None
    assert models.sources == {
        "generator": files["small"],
        "judge": "none",
    }  # of 16 kHz, the generator of 22.05
    assert models.generator.prior.name == "normal"


def test_what_does_not_fit_and_is_only_wanted_is_left_out(files, caplog):
    settings = ModelSettings(generator=files["long"])
    models = ModelBundle.load(settings, needs=(), wants=("inverter", "classifier", "judge"))
    assert models.inverter is models.classifier is models.judge is None
    assert set(models.sources.values()) == {files["long"], "none"}
    assert not caplog.messages


@pytest.mark.parametrize(
    ("given", "needs", "words"),
    [
        (
            {"generator": "small"},
            "inverter",
            "inverter: the pretrained one is made for latent_dim 100, but .* 4",
        ),
        ({"generator": "small"}, "judge", "judge: the pretrained one is made for sample_rate 16000"),
        (
            {"inverter": "small.keras"},
            "inverter",
            "inverter: made for latent_dim 4, .*; give one trained for it",
        ),
        (
            {"generator": "small", "inverter": "long.keras"},
            "inverter",
            "inverter: made for num_samples 32768",
        ),
        ({"judge": "short_judge.keras"}, None, "judge: made for num_samples 8192"),
        ({"classifier": "short_judge.keras"}, None, "classifier: made for num_samples 8192"),
    ],
)
def test_what_does_not_fit_is_refused(files, given, needs, words):
    settings = ModelSettings(**{name: files[file] for name, file in given.items()})
    with pytest.raises(errors.InvalidArgumentError, match=words):
        ModelBundle.load(
            settings, needs=(needs,) if needs else (), wants=() if needs else ("classifier", "judge")
        )


def test_the_pretrained_inverter_is_used_with_a_warning(tmp_path, caplog):
    WaveGAN(WaveGANConfig(dim=1)).to_model().save(tmp_path / "other.keras")
    settings = ModelSettings(generator=str(tmp_path / "other.keras"))
    assert ModelBundle.load(settings, needs=(), wants=("inverter",)).inverter is None
    assert not caplog.messages
    models = ModelBundle.load(settings, wants=())
    assert models.sources["inverter"] == "pretrained"
    assert "other.keras" in caplog.text


def test_a_score_model_is_no_classifier():
    class Scores:
        num_samples, sample_rate = 16384, 16000

    generator = WaveGAN(WaveGANConfig(dim=1, latent_dim=4))
    assert ModelBundle(generator, judge=Scores()).judge
    with pytest.raises(errors.InvalidArgumentError, match="classifier: the official score model"):
        ModelBundle(generator, classifier=Scores())


def test_models_of_mono_are_not_for_stereo():
    stereo = WaveGAN(WaveGANConfig(dim=1, latent_dim=4, num_channels=2))
    with pytest.raises(errors.InvalidArgumentError, match="made for num_channels 1, but the generator has 2"):
        ModelBundle(stereo, inverter=Inverter(latent_dim=4, width=2))


def test_of_takes_a_bundle_a_generator_or_nothing():
    generator = WaveGAN(WaveGANConfig(dim=1, latent_dim=4))
    models = ModelBundle.of(generator)
    assert models.generator is generator
    assert ModelBundle.of(models) is models
    pretrained = ModelBundle.of(None)
    assert pretrained is ModelBundle.of(None)
    assert pretrained.with_inverter() is pretrained
    with pytest.raises(
        errors.InvalidArgumentError, match="inverter: the pretrained one is made for latent_dim"
    ):
        models.with_inverter()
    other = WaveGAN(WaveGANConfig(dim=1))
    assert ModelBundle.of(other).with_inverter().inverter is pretrained.inverter


def test_settings_need_no_tensorflow_and_know_every_prior():
    program = "import sys, tf_inversion.models; print('tensorflow' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "False"
    fields = ModelSettings.__dataclass_fields__
    assert fields["latent_prior"].metadata["choices"] == tuple(PRIORS)
    # Where models lie is no part of a result.
    assert set(ModelSettings().shaping()) == {
        "original_graph",
        "latent_tensor",
        "audio_tensor",
        "condition_tensor",
        "condition_kind",
        "condition_labels",
        "label",
        "latent_prior",
    }


def test_a_classifier_is_for_clips_of_the_classes_that_it_knows(caplog):
    generator = WaveGAN(WaveGANConfig(dim=1))
    classifier = Classifier(("no", "yes"), width=2)
    models = ModelBundle(generator, classifier=classifier, judge=classifier)
    assert models.for_classes(["yes"]) is models.for_classes(()) is models
    without = models.for_classes(["left", "yes", "right"])
    assert without.classifier is None
    assert without.judge is classifier
    assert without.sources["classifier"] == "none"
    assert "left, right" in caplog.text
    assert ModelBundle(generator).for_classes(["left"]).classifier is None
