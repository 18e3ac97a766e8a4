"""What is written in the official layout: read back, and run by TensorFlow 1's own means."""

import dataclasses
import itertools

import numpy as np
import official_wavegan
import pytest
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.generators import checkpoint
from tf_inversion.generators.loading import load_generator
from tf_inversion.generators.official_graph import export_graph, save_official
from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
from tf_inversion.networks.discriminator import Discriminator

tf1 = tf.compat.v1
SMALL = WaveGANConfig(dim=2, latent_dim=6)
VARIANTS = {
    "official": {},
    "even_kernel": {"kernel_len": 6},
    "stereo": {"num_channels": 2},
    "batchnorm": {"batchnorm": True},
    "nearest": {"upsample": "nn"},
    "post_filter": {"post_filter_len": 31},
    "65536": {"slice_len": 65536},
    "everything": {
        "dim": 1,
        "slice_len": 32768,
        "batchnorm": True,
        "upsample": "nn",
        "num_channels": 2,
        "post_filter_len": 16,
    },
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_reads_back_and_runs_in_a_session(variant, tmp_path):
    config = dataclasses.replace(SMALL, **VARIANTS[variant])
    official_wavegan.write(tmp_path / "source", config)
    generator = load_generator(tmp_path / "source")  # has random values in all variables
    save_official(generator, tmp_path / "written", step=12)
    z = np.random.default_rng(0).uniform(-1, 1, [3, config.latent_dim]).astype(np.float32)
    audio = generator(z).numpy()
    assert np.abs(audio).mean() > 0.05

    again = load_generator(tmp_path / "written")
    assert again.config == config
    assert again.sample_rate == 22050
    np.testing.assert_array_equal(again(z), audio)

    with tf.Graph().as_default(), tf1.Session() as session:
        saver = tf1.train.import_meta_graph(str(tmp_path / "written/infer/infer.meta"))
        saver.restore(session, str(tmp_path / "written/model.ckpt-12"))
        original = session.run("G_z:0", {"z:0": z})
        assert session.run("global_step:0") == 12
    expected = np.moveaxis(original, 2, 1)  # the official code has channels last
    np.testing.assert_allclose(audio, expected if generator.num_channels > 1 else expected[:, 0], atol=1e-5)


def test_graph_has_the_other_inputs_and_outputs(tmp_path):
    prefix = official_wavegan.write(tmp_path, SMALL)
    with tf.Graph().as_default(), tf1.Session() as session:
        tf1.train.import_meta_graph(str(tmp_path / "infer/infer.meta")).restore(session, str(prefix))
        latents = session.run("samp_z:0", {"samp_z_n:0": 50})
        assert latents.shape == (50, 6)
        assert -1 <= latents.min() < -0.9
        assert 0.9 < latents.max() < 1
        audio, pcm = session.run(["G_z:0", "G_z_int16:0"], {"z:0": latents[:2]})
        np.testing.assert_array_equal(pcm, (audio * np.float32(32767)).astype(np.int16))
        flat = session.run("G_z_flat_int16:0", {"z:0": latents[:2], "flat_pad:0": 5})
        np.testing.assert_array_equal(flat, np.pad(pcm, [(0, 0), (0, 5), (0, 0)]).reshape(-1, 1))


@pytest.mark.parametrize(
    ("config", "widths"),
    [
        (WaveGANConfig(), [1024, 512, 256, 128, 64, 1]),
        (WaveGANConfig(slice_len=65536, num_channels=2), [2048, 1024, 512, 256, 128, 64, 2]),
    ],
)
def test_variables_have_the_official_names_and_shapes(config, widths, tmp_path):
    expected = {
        "G/z_project/dense/kernel": (100, 16 * widths[0]),
        "G/z_project/dense/bias": (16 * widths[0],),
    }
    for i, (before, after) in enumerate(itertools.pairwise(widths)):
        expected[f"G/upconv_{i}/conv2d_transpose/kernel"] = (1, 25, after, before)
        expected[f"G/upconv_{i}/conv2d_transpose/bias"] = (after,)
    assert export_graph(config, tmp_path / "infer.meta") == expected


def test_opponents_are_written_under_their_scopes(tmp_path):
    discriminator = Discriminator(SMALL, mel_width=3)
    save_official(WaveGAN(SMALL), tmp_path / "run", step=1, opponents=discriminator.networks)
    shapes = checkpoint.read_shapes(tmp_path / "run/model.ckpt-1")
    assert shapes["D/downconv_0/conv1d/kernel"] == (25, 1, 2)
    assert shapes["D/output/dense/kernel"] == (512, 1)
    assert shapes["D_mel/conv_0/conv2d/kernel"] == (4, 4, 1, 3)
    assert {name.split("/")[0] for name in shapes} == {"G", "D", "D_mel", "global_step"}
    kernel = checkpoint.read_variables(tmp_path / "run/model.ckpt-1", ["D/downconv_4/conv1d/kernel"])
    np.testing.assert_array_equal(
        kernel["D/downconv_4/conv1d/kernel"], discriminator.waveform.get_layer("downconv_4").kernel
    )
    assert load_generator(tmp_path / "run").config == SMALL


def test_an_existing_folder_is_replaced_whole(tmp_path):
    first, second = WaveGAN(SMALL), WaveGAN(SMALL, sample_rate=8000)
    save_official(first, tmp_path / "run", step=100)
    (tmp_path / "run/notes.txt").write_text("of the first")
    save_official(second, tmp_path / "run", step=20)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "args.txt",
        "checkpoint",
        "infer",
        "model.ckpt-20.data-00000-of-00001",
        "model.ckpt-20.index",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert tf1.train.latest_checkpoint(tmp_path / "run") == str(tmp_path / "run/model.ckpt-20")
    again = load_generator(tmp_path / "run")
    assert again.sample_rate == 8000
    np.testing.assert_array_equal(again(tf.ones([1, 6])), second(tf.ones([1, 6])))


def test_a_conditional_generator_has_no_place_in_the_official_layout(tmp_path):
    generator = WaveGAN(WaveGANConfig(dim=1, labels=("no", "yes")))
    with pytest.raises(errors.InvalidArgumentError, match=r"conditional; save it as \.keras"):
        save_official(generator, tmp_path / "gan", step=1)
    assert not list(tmp_path.iterdir())
