"""The training commands as a user runs them: to the end, killed and resumed, misused."""

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import curved
import numpy as np
import pytest
import soundfile
import tensorflow as tf

from tf_inversion.generators.loading import load_generator
from tf_inversion.generators.wavegan import WaveGANConfig
from tf_inversion.networks.loading import load_classifier, load_inverter

SMOKE = Path(__file__).resolve().parents[2] / "flags" / "smoke.flags"


@pytest.fixture(scope="module")
def tones(tmp_path_factory) -> Path:
    """Two words, a folder each: low and high tones."""
    folder = tmp_path_factory.mktemp("tones")
    for name, hertz in (("low", 300), ("high", 3000)):
        (folder / name).mkdir()
        for index in range(40):
            tone = 0.5 * np.sin(2 * np.pi * hertz * np.arange(6000 + index) / 16000)
            soundfile.write(folder / name / f"{index}.wav", tone, 16000)
    return folder


@pytest.mark.usefixtures("eagerly")
def test_classifier_is_trained_then_used_to_train_an_inverter(command, tones, tmp_path):
    trained = command(
        "train_classifier",
        f"--flagfile={SMOKE}",
        f"--data_dir={tones}",
        "--num_samples=2048",
        "--batch_size=32",
        "--steps_per_epoch=1",
        "--quiet",
        cwd=tmp_path,
    )
    assert trained.returncode == 0, trained.stderr
    assert "best epoch" in trained.stdout
    classifier = tmp_path / "runs/classifier/classifier.keras"
    assert set(load_classifier(classifier).label_names) == {"low", "high"}
    trained = command(
        "train_inverter",
        f"--flagfile={SMOKE}",
        f"--data_dir={tones}",
        f"--classifier={classifier}",
        "--generator=curved:Curved",
        "--batch_size=32",
        "--steps_per_epoch=1",
        "--peak=0.9",
        cwd=tmp_path,
    )
    assert trained.returncode == 0, trained.stderr
    assert "epoch 2/2" in trained.stderr
    assert load_inverter(tmp_path / "runs/inverter/inverter.keras").peak == 0.9
    with (tmp_path / "runs/inverter/history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert {"real/perceptual", "synthesized/latent", "validation/synthesized/latent_correlation"} < set(
        rows[0]
    )


@pytest.mark.usefixtures("eagerly")
def test_a_judge_of_other_clips(command, tones, tmp_path):
    arguments = ["--architecture=mel_cnn", "--width=2", "--batch_size=4", "--epochs=1", "--steps_per_epoch=1"]
    arguments += [f"--data_dir={tones}", "--num_samples=4096", "--sample_rate=8000", "--quiet"]
    result = command("train_classifier", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    judge = load_classifier(tmp_path / "runs/classifier/classifier.keras")
    assert (judge.num_samples, judge.sample_rate) == (4096, 8000)


#: Of each training, the arguments of a small one, the file of its last weights and how to load it.
SHORT = ["--batch_size=4", "--epochs=2", "--checkpoint_minutes=0", "--quiet"]
KINDS = {
    "classifier": (["--architecture=mel_cnn", "--width=2"], "classifier_last.keras", load_classifier),
    "inverter": (
        ["--width=2", "--peak=0.9", "--generator=curved:Curved", "--loss_weights=latent+log_mel"],
        "inverter_last.keras",
        load_inverter,
    ),
    "wavegan": (
        ["--width=1", "--mel_width=1", "--kernel_len=5", "--num_judged=20"],
        "generator_last",
        load_generator,
    ),
    "wavegan --encoder": (
        ["--width=1", "--mel_width=0", "--kernel_len=5", "--num_judged=20", "--encoder_width=1"],
        "inverter_last.keras",
        load_inverter,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_any_moment_it_goes_on_to_the_same_weights(command, tones, tiny_models, tmp_path, kind):
    """TF_INVERSION_KILLS sets how often it is killed; without it once, and only the training with dropout.

    Every second time it has written a checkpoint before, the others it may not have come to the first step.
    """
    kills = int(os.environ.get("TF_INVERSION_KILLS", "1"))
    if kind != "classifier" and "TF_INVERSION_KILLS" not in os.environ:
        pytest.skip("takes half a minute: set TF_INVERSION_KILLS to how often it is to be killed")
    arguments, last, load = KINDS[kind]
    kind, *flags = kind.split()
    arguments = [f"--data_dir={tones}", *flags, *arguments, *SHORT]
    arguments += tiny_models[1:2] if kind == "wavegan" else []
    arguments.append(f"--steps_per_epoch={4 * kills}")
    name, run = f"train_{kind}", f"runs/{kind}"
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    for folder in (whole, torn):
        folder.mkdir()
        shutil.copy(curved.__file__, folder)
    trained = command(name, *arguments, cwd=whole)
    assert trained.returncode == 0, trained.stderr
    program, rng = [Path(sys.executable).parent / name, *arguments], random.Random()
    for kill in range(kills):
        known = set(torn.rglob("ckpt-*.index"))
        process = subprocess.Popen(program, cwd=torn, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if kill % 2 == 0:
            while process.poll() is None and set(torn.rglob("ckpt-*.index")) <= known:
                time.sleep(0.02)
        time.sleep(rng.uniform(0, 10 if kill % 2 else 0.5))
        process.kill()
        complaint = process.communicate()[1].decode()
        assert process.returncode == -signal.SIGKILL, complaint
    resumed = command(name, *arguments, cwd=torn)
    assert resumed.returncode == 0, resumed.stderr
    expected, actual = (load(folder / run / last).get_weights() for folder in (whole, torn))
    assert len(actual) == len(expected)
    for one, other in zip(expected, actual):
        np.testing.assert_array_equal(other, one)
    found = {path.name.split(".")[0] for path in (torn / run / "checkpoints").iterdir()}
    assert len(found - {"checkpoint"}) <= 2, "the two newest are kept, and nothing that is half written"
    assert not list(torn.rglob("*_temp"))
    other = command(name, *arguments, "--batch_size=5", cwd=torn)
    assert other.returncode == 1
    assert "holds a run with batch_size=4, this one has batch_size=5" in other.stderr


@pytest.mark.usefixtures("eagerly")
def test_wavegan_is_trained_resumed_and_trained_on(command, tones, tiny_models, tmp_path):
    judge = tiny_models[1]
    arguments = [
        f"--data_dir={tones}",
        judge,
        "--width=1",
        "--mel_width=1",
        "--kernel_len=5",
        "--batch_size=2",
    ]
    arguments += ["--latent_dim=3", "--steps_per_epoch=1", "--num_judged=20", "--quiet"]
    tf.config.run_functions_eagerly(False)
    trained = command("train_wavegan", *arguments, "--epochs=1", cwd=tmp_path)
    tf.config.run_functions_eagerly(True)
    assert (trained.returncode, trained.stderr) == (0, "")
    assert "best epoch 1 of 1, validation: loss" in trained.stdout
    assert "weights: runs/wavegan/generator (best), generator_last\n" in trained.stdout
    generator = load_generator(tmp_path / "runs/wavegan/generator")
    assert generator.config == WaveGANConfig(dim=1, kernel_len=5, latent_dim=3)

    resumed = command("train_wavegan", *arguments, "--epochs=2", cwd=tmp_path)
    assert (resumed.returncode, resumed.stderr) == (0, "")
    with (tmp_path / "runs/wavegan/history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    penalties = [float(row["discriminator/penalty"]) for row in rows]
    assert penalties[0] > 0
    assert penalties[1] == 0, "step 1, which the first run had not come to"
    last = tmp_path / "runs/wavegan/generator_last"
    assert {path.name for path in last.glob("model.ckpt-2.*")} == {
        "model.ckpt-2.index",
        "model.ckpt-2.data-00000-of-00001",
    }

    arguments += [f"--start_from={last}", "--epochs=1", "--mel_width=0", "--learning_rate=0"]
    arguments += ["--format=keras", "--repeat=low:2", "--tone_weight=1"]
    trained_on = command("train_wavegan", *arguments, "--output_dir=on", cwd=tmp_path)
    assert (trained_on.returncode, trained_on.stderr) == (0, "")
    with (tmp_path / "on/history.csv").open() as file:
        assert float(next(csv.DictReader(file))["generator/tones"]) > 0
    z = np.eye(3, dtype=np.float32)
    np.testing.assert_allclose(
        load_generator(tmp_path / "on/generator.keras")(z), load_generator(last)(z), atol=1e-6
    )


@pytest.mark.usefixtures("eagerly")
def test_an_encoder_is_trained_beside_a_wavegan_and_inverts_it(command, tones, tiny_models, tmp_path):
    arguments = [f"--data_dir={tones}", tiny_models[1], "--width=1", "--mel_width=1", "--kernel_len=5"]
    arguments += ["--batch_size=2", "--latent_dim=3", "--steps_per_epoch=1", "--epochs=1", "--num_judged=20"]
    trained = command("train_wavegan", *arguments, "--encoder", "--encoder_width=1", "--quiet", cwd=tmp_path)
    assert (trained.returncode, trained.stderr) == (0, "")
    assert "encoder: runs/wavegan/inverter.keras (best), inverter_last.keras\n" in trained.stdout
    models = ["--generator=runs/wavegan/generator", "--inverter=runs/wavegan/inverter.keras"]
    clip = next((tones / "low").iterdir())
    inverted = command("invert_audio", *models, tiny_models[1], clip, "--quiet", cwd=tmp_path)
    assert inverted.returncode == 0, inverted.stderr
    assert np.load(tmp_path / "out/inversion/latents.npz")["latents"].shape == (1, 3)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--start_from=nowhere", "nowhere: no such file or folder"),
        ("--judge=nowhere", "nowhere: no such file"),
        ("--sample_rate=8000", "judge: takes 16384 samples at 16000 Hz"),
        ("--repeat=low", "repeat: low: give each class once, as class:times"),
        ("--repeat=low:0", "repeat: low:0: give each class once"),
        ("--repeat=low:1000", "repeat: low:1000: give each class once, as class:times, up to 999 times"),
        ("--repeat=low:2,low:3", "repeat: low:3: give each class once"),
        ("--repeat=low:2,middle:2", "no clips of middle to repeat; classes of the clips: high, low"),
        ("--tone_weight=-1", "--tone_weight"),
    ],
)
def test_wavegan_refuses_what_does_not_fit_in_one_line(command, tones, tmp_path, argument, message):
    result = command("train_wavegan", f"--data_dir={tones}", "--width=1", argument, cwd=tmp_path)
    assert result.returncode == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train_inverter", "--data_dir=nowhere"], 1, "nowhere"),
        (["train_classifier", "--data_dir=nowhere"], 1, "nowhere"),
        (["train_wavegan", "--data_dir=nowhere"], 1, "nowhere"),
        (["train_wavegan", "--slice_len=20000"], 1, "slice_len"),
        (["train_wavegan", "--encoder_width=0"], 1, "--encoder_width=0"),
        (["train_wavegan", "--encoder", "--conditional", "--format=keras"], 1, "encoder: recovers no class"),
        (["train_inverter", "--synthesized_only"], 1, "steps_per_epoch: without a data set"),
        (["train_inverter", "--synthesized_only", "--steps_per_epoch=1", "--generator=no"], 1, "no"),
        (
            [
                "train_inverter",
                f"--flagfile={SMOKE}",
                "--synthesized_only",
                "--latent_weight=0",
                "--perceptual_weight=0",
            ],
            1,
            "nothing to learn",
        ),
        (["train_inverter", "--epochs=0"], 1, "--epochs=0"),
        (["train_inverter", "--average_weights=0.9"], 1, "average_weights: batch normalisation's"),
        (["train_inverter", "--freeze_batch_norm"], 1, "freeze_batch_norm: a new inverter"),
        (["train_inverter", "--no_such_flag"], 2, "no_such_flag"),
        (["train_inverter", "epochs=3"], 1, "not a flag"),
        (["train_inverter", "--flagfile=none.flags"], 1, "none.flags"),
    ],
)
def test_a_mistake_is_one_line(command, tmp_path, arguments, code, message):
    result = command(*arguments, cwd=tmp_path)
    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("eagerly")
def test_settings_are_kept_beside_the_weights(command, tmp_path):
    arguments = ["--synthesized_only", "--generator=curved:Curved", "--loss_weights=latent"]
    arguments += [f"--flagfile={SMOKE}", "--batch_size=32", "--epochs=1", "--quiet", "--output_dir=run"]
    result = command("train_inverter", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    settings = json.loads((tmp_path / "run/settings.json").read_text())
    assert settings["width"] == 4
    assert settings["train_clips"] == "none"
