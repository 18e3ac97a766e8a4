"""The one entry point: where files lie, which step counts, and every other format."""

import gzip
import zipfile

import keras
import numpy as np
import official_wavegan
import pytest
import tensorflow as tf

import tf_inversion
from tf_inversion import errors
from tf_inversion.generators import checkpoint
from tf_inversion.generators.loading import load_generator
from tf_inversion.generators.official_graph import save_official
from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
from tf_inversion.networks.inverter import Inverter
from tf_inversion.networks.loading import load_inverter

SMALL = WaveGANConfig(dim=1, latent_dim=4)
Z = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4)


@pytest.fixture(scope="module")
def training_folder(tmp_path_factory):
    """Steps 900, 1000 and 20: neither the order of writing nor of letters is that of the numbers."""
    folder = tmp_path_factory.mktemp("train")
    for step in (900, 1000, 20):
        official_wavegan.write(folder, SMALL, step=step, seed=step)
    return folder


@pytest.fixture
def flat_folder(tmp_path):
    official_wavegan.write(tmp_path / "flat", SMALL, flat=True)
    return tmp_path / "flat"


def test_newest_step_counts_unless_one_is_named(training_folder):
    newest = load_generator(training_folder / "model.ckpt-1000")(Z)
    old = load_generator(training_folder / "model.ckpt-20")(Z)
    assert np.abs(newest - old).max() > 0.1
    named = ("", "model.ckpt", "infer", "checkpoint", "infer/infer.meta")
    for same in (*named, "model.ckpt-1000.index", "model.ckpt-1000.meta"):
        np.testing.assert_array_equal(load_generator(training_folder / same)(Z), newest)
    data = training_folder / "model.ckpt-20.data-00000-of-00001"
    np.testing.assert_array_equal(load_generator(str(data))(Z), old)
    np.testing.assert_allclose(load_generator(training_folder, original_graph=True)(Z), newest, atol=1e-5)


def test_flat_download_by_folder_and_prefix(flat_folder):
    audio = load_generator(flat_folder)(Z)
    np.testing.assert_array_equal(load_generator(flat_folder / "model.ckpt")(Z), audio)


@pytest.mark.parametrize("name", ["w[1]", "what?", "st*r", "{a}", "back\\slash"])
def test_folders_with_the_characters_of_patterns(flat_folder, tmp_path, monkeypatch, name):
    expected = load_generator(flat_folder)(Z)
    flat_folder.rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for folder in (name, tmp_path / name, f"{name}/model.ckpt"):
        np.testing.assert_array_equal(load_generator(folder)(Z), expected)


@pytest.mark.parametrize("name", ["m[7]-7000", "what?", "st*r-5", "{a}", "back\\slash", "[!a]"])
@pytest.mark.parametrize("original_graph", [False, True], ids=["port", "original_graph"])
def test_checkpoints_with_the_characters_of_patterns(flat_folder, monkeypatch, name, original_graph):
    expected = load_generator(flat_folder)(Z)
    for file in flat_folder.glob("model.ckpt.*"):
        file.rename(flat_folder / file.name.replace("model.ckpt", name))
    (flat_folder / "infer.meta").rename(flat_folder / f"{name}.meta")
    monkeypatch.chdir(flat_folder)
    for path in (name, f"{name}.index", flat_folder, flat_folder / name):
        generator = load_generator(path, original_graph=original_graph)
        np.testing.assert_allclose(generator(Z), expected, atol=1e-5)


def test_other_formats_in_such_folders(flat_folder, tmp_path):
    generator = load_generator(flat_folder)
    generator.to_model().export(tmp_path / "w[1]" / "saved*", verbose=False)
    generator.to_model().save(tmp_path / "w[1]" / "{a}?.keras")
    save_official(generator, tmp_path / "w[1]" / "st*r", step=3)
    for name in ("saved*", "saved*/saved_model.pb", "{a}?.keras", "st*r", "st*r/model.ckpt"):
        np.testing.assert_allclose(load_generator(tmp_path / "w[1]" / name)(Z), generator(Z), atol=1e-6)


def test_sample_rate_is_the_files_unless_given(training_folder, flat_folder):
    assert load_generator(training_folder).sample_rate == 22050
    assert load_generator(flat_folder).sample_rate == 16000
    assert load_generator(training_folder, sample_rate=8000).sample_rate == 8000


def test_pretrained_generator_is_the_default():
    generator = load_generator()
    assert isinstance(generator, tf_inversion.Generator)
    assert (generator.latent_dim, generator.num_samples, generator.sample_rate) == (100, 16384, 16000)
    audio = generator(tf.random.stateless_uniform([4, 100], [1, 2], -1, 1))
    assert 0.1 < np.abs(audio).max() <= 1


@pytest.mark.parametrize("original_graph", [False, True], ids=["port", "original_graph"])
@pytest.mark.parametrize("suffix", ["index", "data-00000-of-00001"])
@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "flipped"])
def test_damaged_checkpoint_is_refused_by_name(flat_folder, suffix, damage, original_graph):
    path = flat_folder / f"model.ckpt.{suffix}"
    contents = bytearray(path.read_bytes())
    contents[len(contents) // 3] ^= 0xFF
    if damage == "missing":
        path.unlink()
    else:
        kept = {"empty": 0, "truncated": len(contents) - 4, "flipped": len(contents)}[damage]
        path.write_bytes(contents[:kept])
    with pytest.raises(errors.ModelFileError) as caught:
        load_generator(flat_folder / "model.ckpt", original_graph=original_graph)
    assert "model.ckpt" in str(caught.value)
    if suffix != "index" and damage != "flipped":
        assert "bytes instead of" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", ["truncated", "missing", "index"])
def test_an_older_step_that_is_whole_is_named(tmp_path, damage):
    older, broken, newest = (official_wavegan.write(tmp_path, SMALL, step=step) for step in (1, 2, 3))
    for prefix in (broken, newest):
        path = prefix.with_name(f"{prefix.name}.data-00000-of-00001")
        contents = path.read_bytes()
        path.write_bytes(contents[:1000] + b"wrong" + contents[1005:])
    if damage == "truncated":
        path.write_bytes(contents[:1000])
    elif damage == "missing":
        path.unlink()
    else:
        newest.with_name(f"{newest.name}.index").write_bytes(b"garbage")
    with pytest.raises(errors.ModelFileError, match=rf"{newest}.* or give {older}, which is whole"):
        load_generator(tmp_path)
    assert load_generator(older).config == SMALL


def test_moving_averages_are_taken(training_folder, tmp_path, caplog):
    kernel = "G/z_project/dense/kernel"
    prefix = training_folder / "model.ckpt-20"
    value = checkpoint.read_variables(prefix, [kernel])[kernel]
    averages = {f"{kernel}/ExponentialMovingAverage": 2 * value}
    averaged = official_wavegan.write(tmp_path / "averaged", SMALL, seed=20, changed=averages)
    doubled = official_wavegan.write(tmp_path / "doubled", SMALL, seed=20, changed={kernel: 2 * value})
    np.testing.assert_array_equal(load_generator(averaged)(Z), load_generator(doubled)(Z))
    assert "takes the moving averages" in caplog.text
    caplog.clear()
    graph = load_generator(averaged, original_graph=True)
    np.testing.assert_allclose(graph(Z), load_generator(prefix)(Z), atol=1e-5)
    assert "not their moving averages" in caplog.text


@pytest.mark.parametrize("contents", [b"", b"\x00garbage\xff" * 20])
def test_damaged_graph_is_refused_by_name(flat_folder, contents):
    (flat_folder / "infer.meta").write_bytes(contents)
    with pytest.raises(errors.ModelFileError, match=r"infer\.meta: "):
        load_generator(flat_folder, original_graph=True)


def test_what_is_no_generator_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    for path, message in {
        tmp_path: "holds no checkpoint",
        tmp_path / "notes.txt": "neither a checkpoint, a SavedModel nor a .keras file",
        tmp_path / "nowhere": "no such file or folder",
        tmp_path / "nowhere.keras": "no such file",
        "no_such_module:Gan": "no_such_module",
    }.items():
        with pytest.raises(errors.ModelFileError, match=message) as caught:
            load_generator(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def _zipped(path, *names):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "")


FOREIGN = {
    "model.h5": (lambda path: keras.Sequential([keras.Input([4]), keras.layers.Dense(9)]).save(path), "HDF5"),
    "gan.zip": (lambda path: _zipped(path, "gan/model.ckpt.index"), "archive; unpack it"),
    "zip.keras": (lambda path: _zipped(path, "gan/model.ckpt.index"), "archive; unpack it"),
    "gan.tgz": (lambda path: path.write_bytes(gzip.compress(b"tar")), "archive; unpack it"),
    "gan.pt": (lambda path: _zipped(path, "archive/data.pkl"), "PyTorch"),
    "old.pth": (lambda path: path.write_bytes(b"\x80\x02}q\x00."), "PyTorch"),
    "gan.tflite": (lambda path: path.write_bytes(b"\x1c\0\0\0TFL3"), "TensorFlow Lite"),
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("load", [load_generator, load_inverter])
def test_foreign_formats_are_called_what_they_are(tmp_path, name, load):
    write, message = FOREIGN[name]
    write(tmp_path / name)
    with pytest.raises(errors.ModelFileError, match=rf"{name}: is .*{message}"):
        load(tmp_path / name)


def test_inverters_are_no_generators(tmp_path):
    Inverter(width=1, num_samples=2048).save(tmp_path / "inverter.keras")
    encoder = keras.Sequential([keras.Input([9]), keras.layers.Dense(4)])
    encoder.export(tmp_path / "saved_model", verbose=False)
    for name, message in {
        "inverter.keras": "is of kind Inverter",
        "saved_model": "is it an inverter",
    }.items():
        with pytest.raises(errors.ModelFileError, match=f"{name}: .*{message}"):
            load_generator(tmp_path / name)


def test_what_the_system_can_not_open_is_named(tmp_path):
    for name in (300 * "x", 255 * "x", f"{252 * 'x'}.keras"):
        with pytest.raises(errors.ModelFileError, match=f"{name}: can't be read"):
            load_generator(tmp_path / name)


def test_port_comes_back_from_keras_file_and_saved_model(training_folder, tmp_path):
    generator = load_generator(training_folder)
    generator.to_model().save(tmp_path / "generator.keras")
    again = load_generator(tmp_path / "generator.keras")
    assert isinstance(again, WaveGAN)
    assert (again.config, again.sample_rate) == (SMALL, 22050)
    np.testing.assert_array_equal(again(Z), generator(Z))
    assert again.trainable_variables == []
    generator.to_model().export(tmp_path / "saved_model", verbose=False)
    _assert_same_generator(load_generator(tmp_path / "saved_model", sample_rate=22050), generator)


def test_original_graph_exports_to_a_saved_model(training_folder, tmp_path):
    generator = load_generator(training_folder, original_graph=True)
    generator.to_model().export(tmp_path / "saved_model", verbose=False)
    _assert_same_generator(load_generator(tmp_path / "saved_model", sample_rate=22050), generator)


def _assert_same_generator(left, right):
    for name in ("latent_dim", "num_samples", "num_channels", "sample_rate"):
        assert getattr(left, name) == getattr(right, name)
    z = tf.constant(Z)
    gradients = []
    for generator in (left, right):
        with tf.GradientTape() as tape:
            tape.watch(z)
            energy = tf.reduce_sum(generator(z) ** 2)
        gradients.append(tape.gradient(energy, z))
    np.testing.assert_allclose(left(z), right(z), atol=1e-6)
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-4)
    assert left.trainable_variables == []


@pytest.mark.parametrize("channels", [None, 1, 2])
def test_any_keras_model_from_latents_to_audio_loads(tmp_path, channels):
    shape = [32] if channels is None else [32 // channels, channels]
    layers = [
        keras.Input([3]),
        keras.layers.Dense(32),
        keras.layers.Dropout(0.9),
        keras.layers.Reshape(shape),
    ]
    model = keras.Sequential(layers)
    model.save(tmp_path / "own.keras")
    generator = load_generator(tmp_path / "own.keras")
    z = np.ones([5, 3], np.float64)
    assert generator(z).shape == ((5, 32) if channels != 2 else (5, 2, 16))
    expected = np.moveaxis(model(z), -1, 1) if channels == 2 else np.reshape(model(z), [5, 32])
    np.testing.assert_allclose(generator(z), expected, atol=1e-6)
    assert generator.trainable_variables == []


def test_model_of_another_kind_is_refused(tmp_path):
    classifier = keras.Sequential([keras.Input([64]), keras.layers.Dense(4)])
    classifier.save(tmp_path / "words.keras")
    with pytest.raises(errors.ModelFileError, match=r"words\.keras: makes 4 samples of 64 latents"):
        load_generator(tmp_path / "words.keras")
    sequence_model = keras.Sequential([keras.Input([None, 3]), keras.layers.Dense(4)])
    sequence_model.export(tmp_path / "sequences", verbose=False)
    with pytest.raises(errors.ModelFileError, match=r"sequences: takes \(None, None, 3\)"):
        load_generator(tmp_path / "sequences")


def test_keras_file_with_values_that_are_not_finite_is_refused(tmp_path):
    generator = WaveGAN(SMALL)
    generator.network.get_layer("upconv_3").bias.assign([np.inf])
    generator.to_model().save(tmp_path / "bad.keras")
    with pytest.raises(errors.ModelFileError, match=r"bad\.keras: .*upconv_3/bias .* not finite"):
        load_generator(tmp_path / "bad.keras")


def test_damaged_keras_file_and_saved_model_are_refused(tmp_path):
    WaveGAN(SMALL).to_model().save(tmp_path / "cut.keras")
    contents = (tmp_path / "cut.keras").read_bytes()
    (tmp_path / "cut.keras").write_bytes(contents[: len(contents) // 2])
    (tmp_path / "saved_model.pb").write_bytes(b"\x00garbage")
    for path in (tmp_path / "cut.keras", tmp_path):
        with pytest.raises(errors.ModelFileError, match=str(path)) as caught:
            load_generator(path)
        assert "\n" not in str(caught.value)


OWN_CLASS = """
import keras
from tf_inversion import Generator

@keras.saving.register_keras_serializable("tests")
class Sines(Generator):
    def __init__(self, num_samples=64, **kwargs):
        super().__init__(latent_dim=2, num_samples=num_samples, **kwargs)

    def call(self, z):
        t = keras.ops.linspace(0.0, 1.0, self.num_samples)
        return z[:, :1] * keras.ops.sin(z[:, 1:] * t)

    def get_config(self):
        return {**super().get_config(), "num_samples": self.num_samples}

class NoGenerator:
    pass
"""


def test_own_class_loads_by_name_and_from_its_keras_file(tmp_path, monkeypatch):
    (tmp_path / "my_sines.py").write_text(OWN_CLASS)
    monkeypatch.chdir(tmp_path)
    generator = load_generator("my_sines:Sines", sample_rate=4000)
    assert (generator.num_samples, generator.sample_rate) == (64, 4000)
    np.testing.assert_allclose(generator(np.ones([1, 2]))[0, -1], np.sin(1), atol=1e-6)
    generator.to_model().save("sines.keras")
    again = load_generator("sines.keras")
    assert type(again).__name__ == "Sines"
    np.testing.assert_array_equal(again(np.ones([1, 2])), generator(np.ones([1, 2])))
    keras.saving.get_custom_objects().pop("tests>Sines")
    with pytest.raises(errors.ModelFileError, match=r"sines\.keras: .* not registered"):
        load_generator("sines.keras")
    for name, message in {"NoGenerator": "derive the class", "Missing": "Missing"}.items():
        with pytest.raises(errors.ModelFileError, match=f"my_sines:{name}: .*{message}"):
            load_generator(f"my_sines:{name}")


def test_prior_is_uniform_unless_the_file_or_the_caller_says_otherwise(flat_folder, tmp_path):
    assert load_generator(flat_folder).prior.name == "uniform"
    generator = load_generator(flat_folder, latent_prior="normal")
    assert generator.prior.name == "normal"
    generator.to_model().save(tmp_path / "normal.keras")
    assert load_generator(tmp_path / "normal.keras").prior.name == "normal"
    assert load_generator(tmp_path / "normal.keras", latent_prior="uniform").prior.name == "uniform"
    with pytest.raises(errors.InvalidArgumentError, match="latent_prior: 'cauchy'"):
        load_generator(flat_folder, latent_prior="cauchy")
