"""evaluate_generator, on the pretrained generator and noise for real clips."""

import json

import numpy as np
import pytest
import soundfile
from curved import Curved

from tf_inversion.networks.classifier import Classifier


def test_tables_and_figures(command, tiny_models, write_noise, tmp_path):
    for i in range(9):
        write_noise(tmp_path / "data" / f"{i}.wav", level=0.1 + i / 100)
    arguments = ("--data_dir=data", "--split=all", "--num_clips=20", tiny_models[1])
    done = command("evaluate_generator", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    columns = json.loads((tmp_path / "out/generator/samples.json").read_text(), parse_constant=pytest.fail)
    assert (columns["real"]["clips"], columns["synthesized"]["clips"]) == (9, 20)
    assert columns["real"]["inception_score"] is None, "of too few clips"
    assert columns["synthesized"]["inception_score"] >= 1
    assert columns["real"]["background_db"] > columns["synthesized"]["background_db"]
    assert abs(columns["real"]["frechet_distance"]) < 1e-3 < columns["synthesized"]["frechet_distance"]
    assert "inception_score" in (tmp_path / "out/generator/samples.md").read_text()
    assert (tmp_path / "out/generator/samples.png").stat().st_size > 10_000
    assert (tmp_path / "out/generator/spectra.png").stat().st_size > 5_000


def test_recovery(command, tmp_path):
    """Of a small generator: training clips are its own here, test clips are noise."""
    folder, random = tmp_path / "data", np.random.default_rng(0)
    made = Curved()(Curved().draw_latents(4, 1)).numpy()
    for split, clips in (("train", made), ("test", random.normal(0, 0.1, (4, 2048)))):
        (folder / split).mkdir(parents=True)
        for number, audio in enumerate(clips):
            soundfile.write(folder / split / f"{number}.wav", audio, 16000, subtype="FLOAT")
    judge = tmp_path / "judge.keras"
    Classifier(architecture="mel_cnn", width=2, num_samples=2048).save(judge)
    arguments = ("--generator=curved:Curved", f"--judge={judge}", "--num_clips=20", "--peak=0", "--recover=3")
    done = command("evaluate_generator", "--data_dir=data", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "out/generator/samples.json").read_text())["recovery"]
    assert [(row["clips"], row["num"]) for row in rows] == [("train", 3), ("test", 3), ("synthesized", 3)]
    assert rows[0]["better_than_test"] == 1
    assert "better than test" in done.stdout
    assert (tmp_path / "out/generator/recovery.png").stat().st_size > 5_000


def test_one_real_clip_is_too_few(command, tiny_models, write_noise, tmp_path):
    write_noise(tmp_path / "data/one.wav")
    arguments = ("--data_dir=data", "--split=all", "--quiet", *tiny_models[1:])
    done = command("evaluate_generator", *arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == "evaluate_generator: data: one readable clip to compare with; two are needed\n"
    assert not (tmp_path / "out").exists()


def test_mistakes_are_told_in_one_line(command, tmp_path):
    done = command("evaluate_generator", "--data_dir=nowhere", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "nowhere" in done.stderr
    done = command("evaluate_generator", "--num_clips=5", cwd=tmp_path)
    assert done.returncode == 1
    assert "num_clips" in done.stderr
