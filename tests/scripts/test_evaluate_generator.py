"""evaluate_generator, on the pretrained generator and noise for real clips."""

import json

import pytest


def test_tables_and_figures(command, tiny_models, write_noise, tmp_path):
    for i in range(9):
        write_noise(tmp_path / "data" / f"{i}.wav", level=0.1 + i / 100)
    judge = tiny_models[1]
    done = command(
        "evaluate_generator", "--data_dir=data", "--split=all", "--num_clips=20", judge, cwd=tmp_path
    )
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


def test_one_real_clip_is_too_few(command, tiny_models, write_noise, tmp_path):
    write_noise(tmp_path / "data/one.wav")
    arguments = ("--data_dir=data", "--split=all", "--quiet", tiny_models[1])
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
