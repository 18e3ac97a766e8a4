"""The files against the models they come from, and in a process that has no TensorFlow."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import official_wavegan
import pytest
import soundfile
import soxr
import tensorflow as tf

from tf_inversion import Generator, errors, load_generator, load_inverter, paths
from tf_inversion.audio.clips import find_clips, load_clips
from tf_inversion.audio.spectrogram import KINDS, Spectrogram
from tf_inversion.evaluation.metrics import judge_probabilities
from tf_inversion.export import tflite
from tf_inversion.export.exportable import (
    Exportable,
    dft_spectrogram,
    exportable_classifier,
    exportable_generator,
    exportable_inverter,
)
from tf_inversion.export.settings import FORMATS, FRONT_ENDS
from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.inverter import Inverter
from tf_inversion.networks.loading import load_classifier
from tf_inversion.priors import UniformPrior

# Runs a file over clips as a device would; TensorFlow and this package can't be imported.
CLIENT = """
import sys
sys.modules.update(tensorflow=None, keras=None, tf_inversion=None)
import numpy as np
from ai_edge_litert.interpreter import Interpreter

model, inputs, output = sys.argv[1:]
interpreter = Interpreter(model_path=model, num_threads=1)
((signature, names),) = interpreter.get_signature_list().items()
call = interpreter.get_signature_runner(signature)
answers = [call(**{names["inputs"][0]: example[None]}) for example in np.load(inputs)]
outputs = {name: np.concatenate([answer[name] for answer in answers]) for name in names["outputs"]}
operations = [operation["op_name"] for operation in interpreter._get_ops_details()]
np.savez(output, signature=signature, operations=operations, **outputs)
"""


# Runs invert.py, without them too, over one clip after the other.
EACH = """
import runpy, sys
sys.modules.update(tensorflow=None, keras=None, tf_inversion=None)
for number, clip in enumerate(sys.argv[1:]):
    sys.argv = ["invert.py", "inverter_float32.tflite", clip, f"{number}.npy"]
    runpy.run_path("invert.py", run_name="__main__")
"""


@pytest.fixture(scope="module")
def in_client(tmp_path_factory):
    """Returns a function that gives what a file, in a process without TensorFlow, makes of inputs."""
    folder = tmp_path_factory.mktemp("client")

    def run(contents: bytes, inputs: np.ndarray) -> dict[str, np.ndarray]:
        (folder / "model.tflite").write_bytes(contents)
        np.save(folder / "inputs.npy", inputs)
        files = [folder / name for name in ("model.tflite", "inputs.npy", "output.npz")]
        subprocess.run([sys.executable, "-c", CLIENT, *files], check=True, timeout=200)
        with np.load(folder / "output.npz") as output:
            return dict(output)

    return run


@pytest.fixture(scope="module")
def clips():
    """Clips at the level of the training: the bundled ones, and synthesized ones."""
    paths_ = find_clips(paths.bundled("speech"), "all").paths
    synthesized = load_generator()(UniformPrior().sample(22, 100, seed=5)).numpy()
    return np.concatenate([load_clips(paths_, peak=load_inverter().peak).audio, synthesized])


@pytest.fixture(scope="module")
def inverter_files(clips):
    exportable = exportable_inverter(load_inverter())
    calibration = np.concatenate([clips[:10], load_generator()(UniformPrior().sample(40, 100, seed=6))])
    return tflite.convert(exportable, FORMATS, calibration)


def _float32(exportable: Exportable) -> bytes:
    return tflite.convert(exportable, ["float32"])["float32"]


@pytest.fixture
def noise():
    return np.random.default_rng(0).normal(0, 0.1, (3, 16384)).astype(np.float32)


@pytest.mark.parametrize(
    ("quantisation", "error", "correlation"),
    [("float32", 1e-5, 0.999999), ("float16", 1e-2, 0.9999), ("dynamic_range", 1, 0.99), ("int8", 1, 0.98)],
)
def test_pretrained_inverter_without_tensorflow(
    in_client, inverter_files, clips, quantisation, error, correlation
):
    expected = load_inverter().encode(clips).numpy()
    output = in_client(inverter_files[quantisation], clips)
    assert output["signature"] == "invert"
    assert output["latents"].shape == (len(clips), 100)
    np.testing.assert_allclose(output["latents"], expected, rtol=0, atol=error)
    assert np.corrcoef(output["latents"].ravel(), expected.ravel())[0, 1] >= correlation
    assert not [name for name in output["operations"] if name.upper().startswith(("FLEX", "CUSTOM"))]
    assert "RFFT2D" in output["operations"]


def test_sizes(inverter_files):
    size = {name: len(contents) for name, contents in inverter_files.items()}
    assert size["float16"] < 0.55 * size["float32"]
    assert size["dynamic_range"] < size["float32"] / 3
    assert size["int8"] < size["float32"] / 3


def test_the_word_survives_int8(inverter_files, fsdd_dir):
    inverter, generator = load_inverter(), load_generator()
    judge = load_classifier(paths.bundled("judge.keras"))
    found = find_clips(fsdd_dir, "test")
    found = found.pick(range(0, len(found), 2))
    audio = load_clips(found.paths, peak=inverter.peak).audio
    latents = {
        "keras": np.concatenate([inverter.encode(part) for part in np.array_split(audio, 6)]),
        "int8": tflite.run(inverter_files["int8"], audio)[0]["latents"],
    }
    accuracy = {}
    for name, z in latents.items():
        made = np.concatenate([generator(part) for part in np.array_split(z, 6)])
        accuracy[name] = np.mean(judge_probabilities(judge, made).argmax(1) == found.labels)
    assert abs(accuracy["int8"] - accuracy["keras"]) <= 0.02


def test_generator(in_client):
    generator = WaveGAN(WaveGANConfig(dim=2, latent_dim=5))
    latents = UniformPrior().sample(3, 5, seed=0)
    error = {"float32": 1e-5, "float16": 1e-2, "dynamic_range": 0.1}
    scale = np.abs(generator(latents)).max()
    for name, contents in tflite.convert(exportable_generator(generator), error).items():
        output = in_client(contents, latents)
        assert output["signature"] == "generate"
        np.testing.assert_allclose(output["audio"], generator(latents), rtol=0, atol=error[name] * scale)


def test_original_graph(tmp_path):
    official_wavegan.write(tmp_path, WaveGANConfig(dim=1, latent_dim=4), flat=True)
    generator = load_generator(tmp_path, original_graph=True)
    latents = UniformPrior().sample(2, 4, seed=0)
    outputs, _ = tflite.run(_float32(exportable_generator(generator)), latents)
    np.testing.assert_allclose(outputs["audio"], generator(latents), atol=1e-5)


@pytest.mark.parametrize("architecture", ["resnet18", "mel_cnn"])
def test_classifier(in_client, noise, architecture):
    classifier = Classifier(["low", "high"], architecture, width=2)
    output = in_client(_float32(exportable_classifier(classifier)), noise)
    assert output["signature"] == "classify"
    np.testing.assert_allclose(output["logits"], classifier(noise), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(
        output["probabilities"], tf.nn.softmax(classifier(noise)), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("kind", KINDS)
def test_dft_spectrogram(noise, kind):
    audio = noise[:, :1000]  # no whole number of frames
    # Near its floor of 1e-2 the logarithm makes a hundred times as much of an error.
    atol = 1e-3 if kind == "log_magnitude" else 1e-5
    np.testing.assert_allclose(dft_spectrogram(audio, kind), Spectrogram(kind)(audio), atol=atol)


def test_dft_front_end_needs_no_rfft(in_client, noise):
    keras.utils.set_random_seed(0)
    inverter = Inverter(latent_dim=3, width=2)
    exportable = exportable_inverter(inverter, "dft")
    output = in_client(_float32(exportable), noise)
    np.testing.assert_allclose(output["latents"], inverter(noise), rtol=1e-4, atol=1e-4)
    assert not [name for name in output["operations"] if "FFT" in name]
    assert "BATCH_MATMUL" in output["operations"]


def test_dft_stays_in_float(noise):
    """Its constants take four bytes each, not one: so much more than STFT files the DFT files hold."""
    inverter = Inverter(latent_dim=3, width=2)
    formats = ("dynamic_range", "int8")
    stft, dft = (
        tflite.convert(exportable_inverter(inverter, front_end), formats, noise) for front_end in FRONT_ENDS
    )
    for name in formats:
        assert len(dft[name]) - len(stft[name]) > 0.98 * 2 * 129 * 256 * 4


def test_classifier_with_dft(noise):
    classifier = Classifier(width=2)
    contents = _float32(exportable_classifier(classifier, "dft"))
    outputs, seconds = tflite.run(contents, noise)
    np.testing.assert_allclose(outputs["logits"], classifier(noise), rtol=1e-3, atol=1e-4)
    assert seconds > 0


def test_metadata():
    exportable = exportable_generator(WaveGAN(WaveGANConfig(dim=1, latent_dim=5), sample_rate=8000))
    contents = tflite.convert(exportable, ["float16"])["float16"]
    facts = tflite.metadata(exportable, "float16", contents)
    assert facts["signature"] == "generate"
    assert facts["inputs"] == {"latents": {"shape": [1, 5], "dtype": "float32"}}
    assert facts["outputs"] == {"audio": {"shape": [1, 16384], "dtype": "float32"}}
    assert (facts["sample_rate"], facts["latent_range"]) == (8000, (-1, 1))
    assert facts["sha256"] == hashlib.sha256(contents).hexdigest()
    assert facts["bytes"] == len(contents)
    assert "float16" in facts["quantisation"]
    assert facts["versions"]["tensorflow"] == tf.__version__


class Lacking(Generator):
    def call(self, z):
        return tf.signal.irfft(tf.cast(z, tf.complex64), [self.num_samples])


class NotTraceable(Generator):
    def call(self, z):
        return tf.constant(z.numpy())


@pytest.mark.parametrize(
    ("kind", "reason"), [(Lacking, r"lacking: IRFFT"), (NotTraceable, r"AttributeError: .*NotTraceable")]
)
def test_generator_that_can_not_be_converted(kind, reason, capfd):
    exportable = exportable_generator(kind(latent_dim=33, num_samples=64))
    with pytest.raises(errors.ModelFileError, match=rf"generator: can't be converted .*\({reason}") as caught:
        _float32(exportable)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_what_is_refused():
    generator = WaveGAN(WaveGANConfig(dim=1, latent_dim=5))
    with pytest.raises(errors.InvalidArgumentError, match="'int8' is none of the generator's, float32"):
        tflite.convert(exportable_generator(generator), ["int8"])
    with pytest.raises(errors.InvalidArgumentError, match="calibration: int8 needs typical inputs"):
        tflite.convert(exportable_inverter(Inverter(width=1)), ["int8"])
    with pytest.raises(errors.InvalidArgumentError, match="front_end: 'fft' is none of stft, dft"):
        exportable_inverter(Inverter(width=1), "fft")
    judge = Classifier(architecture="mel_cnn", width=1)
    with pytest.raises(errors.InvalidArgumentError, match="the classifier is a mel_cnn"):
        exportable_classifier(judge, "dft")


def test_the_documented_example(inverter_files, tmp_path):
    """docs/tflite.md turns a WAV file into the latents that this package gives, without it or TensorFlow."""
    inverter = load_inverter()
    document = (Path(__file__).parents[2] / "docs" / "tflite.md").read_text(encoding="utf-8")
    (tmp_path / "invert.py").write_text(document.split("```python\n")[1].split("```")[0])
    exportable = exportable_inverter(inverter)
    contents = inverter_files["float32"]
    (tmp_path / "inverter_float32.tflite").write_bytes(contents)
    facts = tflite.metadata(exportable, "float32", contents)
    (tmp_path / "inverter_float32.json").write_text(json.dumps(facts))
    original = paths.bundled("speech") / "zero_american.wav"
    samples, rate = soundfile.read(original)
    higher = soxr.resample(samples, rate, 44100)
    clips = {original: 1e-4, tmp_path / "stereo.wav": 5e-2}
    soundfile.write(tmp_path / "stereo.wav", np.stack([higher * 0.9, higher * 0.5], axis=1), 44100, "PCM_16")
    for encoding in ("PCM_U8", "PCM_24", "PCM_32"):
        clips[tmp_path / f"{encoding}.wav"] = 1e-4
        soundfile.write(tmp_path / f"{encoding}.wav", samples, rate, encoding)
    (tmp_path / "all.py").write_text(EACH)
    subprocess.run([sys.executable, "all.py", *clips], cwd=tmp_path, check=True, timeout=200)
    for number, (clip, error) in enumerate(clips.items()):
        same = original if clip.name == "stereo.wav" else clip
        expected = inverter.encode(load_clips([same], peak=inverter.peak).audio)
        np.testing.assert_allclose(np.load(tmp_path / f"{number}.npy"), expected, rtol=0, atol=error)
