"""The table of what a conversion costs."""

import dataclasses

import keras
import numpy as np
import pytest

from tf_inversion.evaluation.clip_sets import ClipSet
from tf_inversion.export import comparison, tflite
from tf_inversion.export.exportable import make_exportable
from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
from tf_inversion.models import ModelBundle
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.inverter import Inverter

WORDS = ["low", "high"]


@pytest.fixture(scope="module")
def models():
    keras.utils.set_random_seed(0)
    inverter, generator = Inverter(latent_dim=4, width=1), WaveGAN(WaveGANConfig(dim=1, latent_dim=4))
    # The classifier has its words in another order than the judge.
    classifier, judge = Classifier(WORDS[::-1], width=1), Classifier(WORDS, "mel_cnn", width=1)
    return ModelBundle(generator, inverter, classifier, judge)


@pytest.fixture(scope="module")
def files(models):
    exportables = [make_exportable(name, models) for name in ("inverter", "generator", "classifier")]
    return {model.name: tflite.convert(model, ["float32"]) for model in exportables}


def _clips(labels):
    audio = np.random.default_rng(0).normal(0, 0.1, (4, 16384)).astype(np.float32)
    return ClipSet(audio, 16000, labels=labels)


def test_rows(models, files):
    inverter, generator, classifier, judge = (
        getattr(models, name) for name in ("inverter", "generator", "classifier", "judge")
    )
    audio = _clips(None).audio
    heard = {
        "inverter": judge(generator(inverter(audio))),
        "generator": judge(generator(inverter(audio))),
        "classifier": classifier(audio)[:, ::-1],  # the judge's order
    }
    labels = np.array([0, 1, 1, -1])
    rows = comparison.compare(files, _clips(labels), models, batch_size=3)
    assert [(row["model"], row["format"]) for row in rows] == [
        (name, form) for name in heard for form in ("keras", "float32")
    ]
    for row in rows:
        assert row["agreement"] == 1
        expected = np.mean(np.argmax(heard[row["model"]], axis=1)[:3] == labels[:3])
        assert row["accuracy"] == pytest.approx(expected)
        if row["format"] == "keras":
            assert row["kilobytes"] is row["milliseconds"] is row["correlation"] is None
        else:
            assert row["kilobytes"] == len(files[row["model"]]["float32"]) / 1000
            assert 0 <= row["mean_error"] <= row["max_error"] < 1e-4
            assert row["correlation"] > 0.999
            assert row["milliseconds"] > 0


def test_the_file_of_another_model_is_told(models, files):
    """It has an error, and a correlation below 1; clips without labels have no accuracy."""
    keras.utils.set_random_seed(1)
    other = dataclasses.replace(models, inverter=Inverter(latent_dim=4, width=1))
    rows = comparison.compare({"inverter": files["inverter"]}, _clips(None), other)
    assert [row["accuracy"] for row in rows] == [None, None]
    assert rows[1]["max_error"] > 1e-2
    assert rows[1]["correlation"] < 0.99


def test_markdown():
    row = {"kilobytes": 1234.5, "milliseconds": 0.5, "max_error": 0.01, "mean_error": 0.002}
    row |= {"correlation": 0.98765, "accuracy": 0.5, "agreement": 0.25}
    rows = [
        {"model": "inverter", "format": "keras", **dict.fromkeys(row), "agreement": 1.0},
        {"model": "inverter", "format": "int8", **row},
    ]
    lines = comparison.to_markdown(rows).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:4]]
    assert cells[0][:3] == ["", "KB", "ms"]
    assert cells[2] == ["inverter keras", "-", "-", "-", "-", "-", "-", "100.0%"]
    assert cells[3] == ["inverter int8", "1,234", "0.50", "1.0e-02", "2.0e-03", "0.98765", "50.0%", "25.0%"]
