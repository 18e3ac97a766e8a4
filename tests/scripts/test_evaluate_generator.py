"""evaluate_generator, on the embedded generator and noise for real clips."""

import json


def test_tables_and_figures(command, tiny_models, write_noise, tmp_path):
    for i in range(20):
        write_noise(tmp_path / "data" / f"{i}.wav", level=0.1 + i / 100)
    judge = tiny_models[1]
    done = command(
        "evaluate_generator", "--data_dir=data", "--split=all", "--num_clips=20", judge, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    columns = json.loads((tmp_path / "out/generator/samples.json").read_text())
    assert columns["real"]["clips"] == columns["synthesized"]["clips"] == 20
    assert columns["real"]["background_db"] > columns["synthesized"]["background_db"]
    assert abs(columns["real"]["frechet_distance"]) < 1e-3 < columns["synthesized"]["frechet_distance"]
    assert "inception_score" in (tmp_path / "out/generator/samples.md").read_text()
    assert (tmp_path / "out/generator/samples.png").stat().st_size > 10_000
    assert (tmp_path / "out/generator/spectra.png").stat().st_size > 5_000


def test_mistakes_are_told_in_one_line(command, tmp_path):
    done = command("evaluate_generator", "--data_dir=nowhere", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "nowhere" in done.stderr
    done = command("evaluate_generator", "--num_clips=5", cwd=tmp_path)
    assert done.returncode == 1
    assert "num_clips" in done.stderr
