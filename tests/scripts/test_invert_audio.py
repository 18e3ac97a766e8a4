"""invert_audio as a user runs it, on files good and bad."""

import csv

import keras
import numpy as np
import pytest
import soundfile

from tf_inversion.generators.loading import load_generator
from tf_inversion.generators.official_graph import save_official
from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
from tf_inversion.latents import save_latents
from tf_inversion.networks.classifier import DIGITS, Classifier

COLUMNS = [
    "name",
    "path",
    "mse",
    "nmse_db",
    "ssim",
    "ssim_magnitude",
    "log_mel_l1",
    "rms_ratio",
    "predicted_label",
    "predicted_label_of_reconstruction",
    "objective",
    "status",
    "iterations",
    "evaluations",
    "seconds",
]


def rows_of(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def mixed_run(command, tiny_models, write_noise, tmp_path_factory):
    """Files, a folder and a glob, with everything in them that users have."""
    home = tmp_path_factory.mktemp("mixed")
    write_noise(home / "folder/deep/same.wav")
    write_noise(home / "folder/long.wav", num_samples=40000)
    write_noise(home / "folder/other_rate.wav", num_samples=8000, sample_rate=8000)
    write_noise(home / "folder/broken.wav").write_bytes(b"RIFF, or not")
    write_noise(home / "globbed/same.wav")
    write_noise(home / "quiet.wav", level=0.01)
    soundfile.write(home / "silent.wav", np.zeros(16000), 16000)
    soundfile.write(home / "nan.wav", np.full(16000, np.nan), 16000, subtype="FLOAT")
    files = ["folder", "globbed/*.wav", "quiet.wav", "silent.wav", "nan.wav", "missing.wav"]
    result = command("invert_audio", *tiny_models, "--output_dir=out", "--quiet", *files, cwd=home)
    return result, home / "out"


def test_good_files_are_done_and_bad_ones_reported(mixed_run):
    result, folder = mixed_run
    assert result.returncode == 1
    for bad in ("folder/broken.wav", "nan.wav", "missing.wav"):
        assert sum(f"{bad}: " in line for line in result.stderr.splitlines()) == 1, result.stderr
    names = {row["name"] for row in rows_of(folder)}
    assert names == {"deep_same", "globbed_same", "long", "other_rate", "quiet", "silent"}
    paths = {row["name"]: row["path"] for row in rows_of(folder)}
    assert paths["deep_same"] == "folder/deep/same.wav"
    assert paths["globbed_same"] == "globbed/same.wav"
    assert {p.stem for p in (folder / "reconstructions").iterdir()} == names
    files = ["latents.npz", "metrics.csv", "reconstructions", "report.html"]
    assert sorted(p.name for p in folder.iterdir()) == files


def test_warnings(mixed_run):
    lines = mixed_run[0].stderr.splitlines()
    assert any("longer than the slice" in line and "long.wav" in line for line in lines)
    (quiet,) = [line for line in lines if "peak=0.9" in line]
    assert "quiet" in quiet
    assert "silent" not in quiet
    assert "same" not in quiet
    assert all(line.startswith("invert_audio: ") for line in lines)


def test_reconstructions_are_what_the_generator_makes_of_the_latents(mixed_run, tiny_models):
    folder = mixed_run[1]
    saved = np.load(folder / "latents.npz", allow_pickle=False)
    generator = load_generator(tiny_models[2].removeprefix("--generator="))
    assert saved["names"].tolist() == [row["name"] for row in rows_of(folder)]
    assert saved["paths"].tolist() == [row["path"] for row in rows_of(folder)]
    for name, expected in zip(saved["names"], generator(saved["latents"]).numpy()):
        audio, rate = soundfile.read(folder / "reconstructions" / f"{name}.wav", dtype="float32")
        assert rate == 16000
        np.testing.assert_allclose(audio, expected, atol=1e-5)


def test_metrics(mixed_run):
    rows = {row["name"]: row for row in rows_of(mixed_run[1])}
    assert list(rows["deep_same"]) == COLUMNS
    folder = mixed_run[1].parent
    clip = np.pad(soundfile.read(folder / "globbed/same.wav")[0], (0, 384))
    answer = soundfile.read(mixed_run[1] / "reconstructions/deep_same.wav")[0]
    error = np.sum((clip - answer) ** 2) / np.sum(clip**2)
    assert float(rows["globbed_same"]["nmse_db"]) == pytest.approx(10 * np.log10(error), abs=1e-3)
    assert rows["silent"]["nmse_db"] == ""
    assert "nan" not in (mixed_run[1] / "metrics.csv").read_text()
    assert rows["deep_same"]["predicted_label"] in DIGITS


def test_its_own_outputs_are_not_inverted(command, tiny_models, write_noise, tmp_path):
    write_noise(tmp_path / "a.wav")
    for output_dir in ("out", "out", "other"):
        result = command(
            "invert_audio",
            *tiny_models,
            f"--output_dir={output_dir}",
            "--noreport",
            "--quiet",
            ".",
            cwd=tmp_path,
        )
        assert result.returncode == 0, result.stderr
        assert [row["name"] for row in rows_of(tmp_path / output_dir)] == ["a"]


def test_encoded_clips_are_not_refined(mixed_run):
    rows = rows_of(mixed_run[1])
    assert {(row["status"], row["iterations"], row["evaluations"]) for row in rows} == {("encoded", "0", "1")}
    assert all(float(row["objective"]) > 0 and float(row["seconds"]) > 0 for row in rows)
    assert "std" not in np.load(mixed_run[1] / "latents.npz")


@pytest.fixture(scope="module")
def refined_run(command, tiny_models, write_noise, tmp_path_factory):
    home = tmp_path_factory.mktemp("refined")
    write_noise(home / "clips/a.wav")
    write_noise(home / "clips/b.wav", level=0.3)
    Classifier(width=2).save(home / "classifier.keras")
    arguments = ("--method=hybrid", "--max_iterations=3", "--starts=1", "--trace", "--error_bars")
    models = (*tiny_models, f"--classifier={home / 'classifier.keras'}")
    run = command("invert_audio", *models, *arguments, "--output_dir=out", "--quiet", "clips", cwd=home)
    return run, home


def test_trace_and_error_bars(refined_run):
    result, home = refined_run
    assert result.returncode == 0, result.stderr
    assert result.stderr == "invert_audio: 2 of 2 clips ran out of iterations\n"
    rows = rows_of(home / "out")
    assert list(rows[0]) == [*COLUMNS, "latent_std"]
    saved = np.load(home / "out/latents.npz", allow_pickle=False)
    assert saved["std"].shape == saved["latents"].shape == (2, 100)
    for row, std in zip(rows, saved["std"]):
        assert float(row["latent_std"]) == pytest.approx(std.mean(), rel=1e-4)
        assert 0 < std.min() <= std.max() < 0.6  # a uniform prior's is 0.58
        assert row["status"] == "ran out"
        assert row["iterations"] == "3"  # none to see that no generator made it
    with (home / "out/trace.csv").open(newline="") as file:
        points = list(csv.DictReader(file))
    assert list(points[0]) == ["name", "iteration", "objective"]
    assert {point["name"] for point in points} == {"a", "b"}
    for row in rows:
        last = [point for point in points if point["name"] == row["name"]][-1]
        assert last["iteration"] == row["iterations"]
        assert float(last["objective"]) == pytest.approx(float(row["objective"]), rel=1e-5)


def test_report_shows_the_start_beside_the_refinement(refined_run):
    result, home = refined_run
    html = (home / "out/report.html").read_text(encoding="utf-8")
    for label in ("original of a", "encoder of a", "hybrid of a", "hybrid of b"):
        assert f'aria-label="Play {label}"' in html
    assert html.count("data:audio/flac") == 6
    assert "--method=hybrid --max_iterations=3" in html
    assert "report.html" in result.stdout


def test_starts_at_the_latents_of_an_earlier_run(command, tiny_models, refined_run):
    home = refined_run[1]
    arguments = ("--refine=none", "--init=file", "--init_file=out/latents.npz", "--output_dir=again")
    result = command("invert_audio", *tiny_models, *arguments, "--quiet", "clips", cwd=home)
    assert result.returncode == 0, result.stderr
    before, after = (np.load(home / folder / "latents.npz")["latents"] for folder in ("out", "again"))
    np.testing.assert_array_equal(before, after)
    assert [row["mse"] for row in rows_of(home / "out")] == [row["mse"] for row in rows_of(home / "again")]


def test_another_run_leaves_nothing_of_the_earlier_one(command, tiny_models, write_noise, tmp_path):
    write_noise(tmp_path / "a.wav")
    write_noise(tmp_path / "b.wav")
    for name in ("report.html", "report-2.html", "trace.csv", "mine.html", "reconstructions/mine.wav"):
        path = tmp_path / "out/inversion" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for arguments in (["a.wav", "b.wav"], ["b.wav", "--noreport"]):
        result = command("invert_audio", *tiny_models, "--quiet", *arguments, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
    folder = tmp_path / "out/inversion"
    left = {"latents.npz", "metrics.csv", "mine.html", "b.wav", "mine.wav"}
    assert {path.name for path in folder.rglob("*") if path.is_file()} == left


def test_exact_recovery_needs_nothing_but_the_generator(command, tmp_path):
    """Of clips so long that none of the pretrained models fits."""
    keras.utils.set_random_seed(0)
    save_official(WaveGAN(WaveGANConfig(dim=1, slice_len=32768)), tmp_path / "gan", step=1)
    command("generate_audio", "--generator=gan", "--num=1", "--output_dir=made", cwd=tmp_path)
    arguments = ("--generator=gan", "--method=least_squares", "--quiet", "made")
    result = command("invert_audio", *arguments, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    folder = tmp_path / "out/inversion"
    answer, truth = (np.load(path / "latents.npz")["latents"] for path in (folder, tmp_path / "made"))
    np.testing.assert_allclose(answer, truth, atol=1e-2)
    assert all(float(row["nmse_db"]) < -100 for row in rows_of(folder))
    assert "predicted_label" not in rows_of(folder)[0]
    assert "<dt>inverter</dt><dd>none</dd>" in (folder / "report.html").read_text(encoding="utf-8")
    refused = command("invert_audio", "--generator=gan", "--quiet", "made", cwd=tmp_path)
    assert refused.returncode == 1
    assert "inverter: the pretrained one is made for num_samples 16384" in refused.stderr
    assert "least_squares" in refused.stderr


def test_all_slices_and_peak(command, tiny_models, write_noise, tmp_path):
    write_noise(tmp_path / "long.wav", num_samples=40000, level=0.01)
    arguments = ("--all_slices", "--peak=0.9", "--quiet", "--noreport", "long.wav")
    result = command("invert_audio", *tiny_models, *arguments, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    folder = tmp_path / "out/inversion"
    assert [row["name"] for row in rows_of(folder)] == ["long_0000", "long_0001", "long_0002"]
    assert "long_0002" in result.stdout
    assert "out/inversion" in result.stdout
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.wav"], "missing.wav: no such file"),
        (["empty"], "empty"),
        (["*.ogg"], "*.ogg"),
        (["--peak=2", "x.wav"], "--peak"),
        (["--output_dir=x.wav", "x.wav"], "--output_dir"),
        (["--method=guess", "x.wav"], "--method=guess"),
        (["--inverter=x.wav", "x.wav"], "x.wav"),
        (["bad.wav"], "bad.wav: "),
        (["--method=hybrid", "--objective=loud", "x.wav"], "objective: 'loud'"),
        (["--starts=0", "x.wav"], "--starts=0"),
        (["--tolerance=-1", "x.wav"], "--tolerance=-1"),
        (["--adjust=pitch", "--inverter=absent.keras", "x.wav"], "adjust: 'pitch' is unknown"),
        (["--init=file", "--init_file=three.npz", "x.wav"], "three.npz: latents of shape (3, 100)"),
        (["--init=file", "x.wav"], "init_file"),
    ],
)
def test_mistakes_end_in_one_line(command, tiny_models, write_noise, tmp_path, arguments, words):
    write_noise(tmp_path / "x.wav")
    (tmp_path / "bad.wav").write_text("no audio")
    (tmp_path / "empty").mkdir()
    save_latents(tmp_path / "three.npz", np.zeros((3, 100)), ["a", "b", "c"])
    before = sorted(tmp_path.rglob("*"))
    result = command("invert_audio", *tiny_models, *arguments, cwd=tmp_path)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert words in result.stderr
    assert sorted(tmp_path.rglob("*")) == before
