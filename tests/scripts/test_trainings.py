"""The training commands as a user runs them: to the end, killed and resumed, misused."""

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

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


def test_classifier_is_trained_then_used_to_train_an_inverter(command, tones, tmp_path):
    trained = command(
        "train_classifier", f"--flagfile={SMOKE}", f"--data_dir={tones}", "--quiet", cwd=tmp_path
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


def test_killed_and_started_again_it_goes_on(tones, tmp_path):
    program = [Path(sys.executable).parent / "train_classifier", f"--data_dir={tones}", "--width=2"]
    program += ["--batch_size=4", "--epochs=2", "--steps_per_epoch=40", "--checkpoint_minutes=0", "--quiet"]
    process = subprocess.Popen(program, cwd=tmp_path, stderr=subprocess.DEVNULL)
    checkpoints = tmp_path / "runs/classifier/checkpoints"
    while not list(checkpoints.glob("ckpt-*.index")):
        assert process.poll() is None, "ended before its first checkpoint"
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    reached = max(int(path.stem.split("-")[1]) for path in checkpoints.glob("ckpt-*.index"))
    assert reached < 80
    again = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    # One checkpoint a step and one an epoch, counted on from where the killed run had come.
    assert max(int(path.stem.split("-")[1]) for path in checkpoints.glob("ckpt-*.index")) == 82
    other = subprocess.run([*program, "--width=3"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert other.returncode == 1
    assert "--width=2, this one has --width=3" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["train_inverter", "--data_dir=nowhere"], 1, "nowhere"),
        (["train_classifier", "--data_dir=nowhere"], 1, "nowhere"),
        (["train_inverter", "--synthesized_only"], 1, "give --steps_per_epoch"),
        (["train_inverter", "--synthesized_only", "--steps_per_epoch=1", "--generator=no"], 1, "no"),
        (["train_inverter", "--epochs=0"], 1, "--epochs=0"),
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


def test_settings_are_kept_beside_the_weights(command, tmp_path):
    arguments = ["--synthesized_only", f"--flagfile={SMOKE}", "--epochs=1", "--quiet", "--output_dir=run"]
    result = command("train_inverter", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    settings = json.loads((tmp_path / "run/settings.json").read_text())
    assert settings["width"] == 4
    assert settings["synthesized_only"] is True
