"""detect_synthetic as a user runs it."""

import csv

import pytest
import soundfile
from curved import Curved

CHEAP = ("--starts=1", "--quiet")


@pytest.fixture(scope="module")
def home(tmp_path_factory, write_noise):
    """A clip of the generator, through a 16-bit file at another level, and noise."""
    home = tmp_path_factory.mktemp("detection")
    (own,) = Curved()(Curved().draw_latents(1, seed=5)).numpy()
    soundfile.write(home / "own.wav", 0.8 * own, 16000, subtype="PCM_16")
    write_noise(home / "noise.wav")
    for index in (0, 1, *range(10, 14)):
        write_noise(home / f"data/1_noise_{index}.wav", level=0.1 + 0.05 * index)
    return home


def test_finds_its_own_clip(command, curved_models, home):
    arguments = ("--max_iterations=40", "--output_dir=out", "own.wav", "noise.wav", "missing.wav")
    result = command("detect_synthetic", *curved_models, *CHEAP, *arguments, cwd=home)
    assert result.returncode == 1
    assert "missing.wav" in result.stderr
    told = result.stdout.splitlines()
    assert told[0].startswith("own: synthesized by this generator: residual -")
    assert told[1].startswith("noise: not synthesized by this generator: residual ")
    with (home / "out/detection.csv").open(newline="") as file:
        own, noise = csv.DictReader(file)
    assert (own["own"], noise["own"]) == ("1", "0")
    assert float(own["residual_db"]) < -40
    assert -3 < float(noise["residual_db"]) <= 0.1  # no better than silence, or a little worse


def test_features_too_if_there_are_recordings(command, curved_models, home):
    arguments = ("--max_iterations=1", "--data_dir=data", "--output_dir=both", "own.wav", "noise.wav")
    result = command("detect_synthetic", *curved_models, *CHEAP, *arguments, cwd=home)
    assert result.returncode == 0, result.stderr
    told = result.stdout.splitlines()
    assert "; by features synthesized: log-odds +" in told[0]
    assert "; by features real: log-odds -" in told[1]
    with (home / "both/detection.csv").open(newline="") as file:
        own, noise = csv.DictReader(file)
    assert float(own["features_log_odds"]) > 0 > float(noise["features_log_odds"])


def test_evaluation(command, curved_models, home):
    arguments = ("--max_iterations=1", "--evaluate", "--data_dir=data", "--num_clips=2", "--output_dir=table")
    result = command(
        "detect_synthetic", *curved_models, *CHEAP, *arguments, "--other_generator=curved:Other", cwd=home
    )
    assert result.returncode == 0, result.stderr
    written = (home / "table/detection.md").read_text(encoding="utf-8")
    assert written.strip() in result.stdout
    lines = [
        [cell.strip() for cell in line.strip("| ").split("|")] for line in written.splitlines() if "|" in line
    ]
    assert lines[0][2:] == [
        "own / other",
        "own / real",
        "other / real",
        "median own",
        "median other",
        "median real",
    ]
    assert [line[:2] for line in lines[2:4]] == [["nothing", "attribution"], ["nothing", "features"]]
    assert {line[0] for line in lines[2:]} >= {
        "nothing",
        "16-bit WAV",
        "white noise, SNR 20 dB",
        "8 kHz and back",
    }
    assert lines[3][3] == "1.000"  # noise against a voice
    assert all(0 <= float(cell) <= 1 for line in lines[2:] for cell in line[2:5])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--evaluate"], "--evaluate: give --data_dir"),
        (["--data_dir=missing", "own.wav"], "missing: no such folder"),
        (["missing.wav"], "missing.wav: no such file"),
    ],
)
def test_mistakes_end_in_one_line(command, curved_models, home, arguments, words):
    before = sorted(home.rglob("*"))
    result = command("detect_synthetic", *curved_models, *CHEAP, "--output_dir=new", *arguments, cwd=home)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert words in result.stderr
    assert sorted(home.rglob("*")) == before
