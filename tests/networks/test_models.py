import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.networks.classifier import DIGITS, FEATURES, Classifier
from tf_inversion.networks.inverter import Inverter
from tf_inversion.networks.loading import load_classifier, load_inverter


@pytest.fixture(scope="module")
def audio():
    return tf.random.stateless_normal([3, 16384], [1, 2]) * 0.1


@pytest.mark.parametrize("architecture", ["resnet18", "mel_cnn"])
def test_classifier_comes_back_from_its_file(architecture, audio, tmp_path):
    classifier = Classifier(architecture=architecture, width=4, peak=0.9)
    logits = classifier(audio)
    classifier.save(tmp_path / "c.keras")
    loaded = load_classifier(tmp_path / "c.keras")
    np.testing.assert_array_equal(loaded(audio), logits)
    assert logits.shape == (3, 10)
    assert loaded.label_names == DIGITS
    assert loaded.peak == 0.9
    assert loaded.trainable_variables == []


def test_features_are_the_eight_blocks_of_one_pass(audio):
    classifier = Classifier(width=4)
    features = classifier.features(audio)
    assert [f.shape[-1] for f in features] == [4, 4, 8, 8, 16, 16, 32, 32]
    # The last block, averaged and passed through the last layer, is the answer.
    dense = classifier.network.get_layer("logits")
    np.testing.assert_allclose(
        dense(tf.reduce_mean(features[-1], [1, 2])), classifier(audio), rtol=1e-4, atol=1e-5
    )


def test_authors_features_begin_with_the_spectrogram(audio):
    classifier = Classifier(width=4, spectrogram="real")
    features = classifier.features(audio, "authors")
    assert len(features) == len(FEATURES["authors"]) == 6
    stft = tf.signal.stft(audio, 256, 128, pad_end=True)
    np.testing.assert_allclose(features[0][..., 0], tf.math.real(stft), atol=1e-6)


def test_features_of_another_architecture_are_refused_by_name(audio):
    judge = Classifier(architecture="mel_cnn", width=2)
    assert len(judge.features(audio)) == 4
    assert judge.features(audio, ["stage_4", "embedding"])[1].shape == (3, 16)
    with pytest.raises(errors.InvalidArgumentError, match=r"\(mel_cnn\) has no layer 'block_1'"):
        judge.features(audio, "blocks")


@pytest.mark.parametrize("architecture", ["resnet18", "mel_cnn"])
def test_a_clip_is_judged_alike_in_any_company(architecture, audio):
    classifier = Classifier(architecture=architecture, width=4)
    loud = tf.concat([audio[:1], audio[1:] * 10], axis=0)
    np.testing.assert_allclose(classifier(loud)[0], classifier(audio[:1])[0], rtol=1e-4, atol=1e-5)


def test_inverter_comes_back_from_its_file_in_float32(audio, tmp_path):
    inverter = Inverter(latent_dim=7, width=4, dtype="mixed_bfloat16", peak=0.5)
    assert inverter(audio).dtype == tf.float32
    assert inverter.network.get_layer("block_3_conv_1").compute_dtype == "bfloat16"
    inverter.save(tmp_path / "i.keras")
    loaded = load_inverter(tmp_path / "i.keras")
    assert loaded(audio).shape == (3, 7)
    assert loaded.peak == 0.5
    assert loaded.network.get_layer("block_3_conv_1").compute_dtype == "float32"
    for before, after in zip(inverter.weights, loaded.weights):
        np.testing.assert_array_equal(before, after)


def test_bad_files_are_refused_by_name(tmp_path):
    with pytest.raises(errors.ModelFileError, match=r"none\.keras: no such file"):
        load_inverter(tmp_path / "none.keras")
    (tmp_path / "broken.keras").write_bytes(b"not a zip")
    with pytest.raises(errors.ModelFileError, match=r"broken\.keras: not a readable Keras model"):
        load_classifier(tmp_path / "broken.keras")
    Classifier(width=2).save(tmp_path / "classifier.keras")
    with pytest.raises(errors.ModelFileError, match="is of kind Classifier, but a trained inverter"):
        load_inverter(tmp_path / "classifier.keras")


def test_a_file_can_not_smuggle_code(tmp_path):
    model = keras.Sequential([keras.Input((16384,)), keras.layers.Lambda(lambda x: x * 2)])
    model.save(tmp_path / "lambda.keras")
    with pytest.raises(errors.ModelFileError):
        load_inverter(tmp_path / "lambda.keras")
