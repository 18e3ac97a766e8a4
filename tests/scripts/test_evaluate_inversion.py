"""evaluate_inversion as a user runs it."""

import json
import re

import keras
import pytest

from tf_inversion import errors, paths
from tf_inversion.networks.classifier import Classifier
from tf_inversion.networks.inverter import Inverter

ROWS = ["reference", "silence", "zero_latent", "encoder"]


def no_constants(name):
    raise AssertionError(f"{name} is no JSON")


def read_tables(folder):
    """Returns the tables of the first seed."""
    return json.loads((folder / "results.json").read_text(), parse_constant=no_constants)["runs"][0]


@pytest.fixture(scope="module")
def labelled_run(command, tiny_models, write_noise, tmp_path_factory):
    """On a folder of labelled noise, with one file that can't be read."""
    home = tmp_path_factory.mktemp("labelled")
    for digit in range(8):
        write_noise(home / f"clips/{digit}_noise_0.wav", level=0.1 * (digit + 1))
    (home / "clips/8_noise_0.wav").write_text("no audio")
    arguments = ("--data_dir=clips", "--split=test", "--num_clips=20", "--output_dir=out", "--quiet")
    return command("evaluate_inversion", *tiny_models, *arguments, cwd=home), home / "out"


def test_results_json(labelled_run):
    result, folder = labelled_run
    assert result.returncode == 0, result.stderr
    tables = read_tables(folder)
    assert list(tables) == ["seed", "synthesized", "real"]
    assert list(tables["synthesized"]) == list(tables["real"]) == ROWS
    synthesized, real = tables["synthesized"]["encoder"], tables["real"]["encoder"]
    assert synthesized["num_clips"] == 20
    assert synthesized["latent_mae"] > 0
    assert synthesized["latent_jacobian_db"] > -40
    assert synthesized["exact"] == 0
    assert synthesized["accuracy"] is synthesized["confusion"] is None
    assert synthesized["inception_score_mean"] >= 1
    assert synthesized["seconds_per_clip"] > 0
    assert real["num_clips"] == 8
    assert real["latent_mae"] is None
    assert real["accuracy"] == sum(real["confusion"][i][i] for i in range(10)) / 8
    assert [sum(counts) for counts in real["confusion"]] == [1] * 8 + [0, 0]
    assert real["inception_score_mean"] is None
    assert tables["synthesized"]["zero_latent"]["latent_mae"] == pytest.approx(0.5, abs=0.03)


def test_results_md_is_printed_and_says_how_it_was_made(labelled_run):
    result, folder = labelled_run
    markdown = (folder / "results.md").read_text(encoding="utf-8")
    assert markdown in result.stdout
    assert "evaluate_inversion" in markdown
    assert "| encoder (paper)" in markdown
    assert "8_noise_0.wav" in result.stderr
    for picture in re.findall(r"\]\((.*?)\)", markdown):
        assert (folder / picture).is_file()


def test_report_and_figures(labelled_run):
    folder = labelled_run[1]
    pages = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("report*.html"), reverse=True)]
    assert [page.count("<article") for page in pages] == [25, 3]  # of 20 synthesized and 8 real clips
    assert '<td class="word">encoder (paper)</td>' in pages[0]
    assert ["Provenance" in page for page in pages] == [True, False]
    names = [
        f"{kind}_{what}" for kind in ("real", "synthesized") for what in ("distributions", "reconstructions")
    ]
    names.append("real_confusion")
    written = sorted(path.name for path in (folder / "figures").iterdir())
    assert written == sorted(f"{name}.{suffix}" for name in names for suffix in ("png", "svg"))


def test_methods_are_rows(command, curved_models, write_noise, tmp_path):
    write_noise(tmp_path / "clips/1_noise_0.wav")
    arguments = ("--data_dir=clips", "--split=all", "--num_clips=3", "--methods=encoder,paper", "--quiet")
    flags = ("--max_iterations=2", "--init=zero", "--report_clips=0", "--seed=3", "--seeds=2")
    Classifier(architecture="mel_cnn", width=2, num_samples=2048).save(tmp_path / "judge.keras")
    models = (*curved_models, "--judge=judge.keras")
    result = command("evaluate_inversion", *models, *arguments, *flags, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "- command: `evaluate_inversion " in result.stdout
    assert "- seed: 3, 4; figures: 3\n" in result.stdout
    folder = tmp_path / "out/evaluation"
    assert sorted(path.name for path in folder.iterdir()) == ["figures", "results.json", "results.md"]
    first, second = json.loads((folder / "results.json").read_text())["runs"]
    assert (first["seed"], second["seed"]) == (3, 4)
    mse = [run["synthesized"]["encoder"]["mse"] for run in (first, second)]
    assert mse[0] != pytest.approx(mse[1], rel=1e-4), "other clips"
    assert first["real"]["encoder"]["mse"] == pytest.approx(second["real"]["encoder"]["mse"]), "the one clip"
    for table in (first["synthesized"], first["real"]):
        assert list(table) == [*ROWS, "paper"]
        # Both start at the latent vector 0; the one stays there, the other goes on.
        assert table["encoder"]["mse"] == pytest.approx(table["zero_latent"]["mse"], rel=1e-5)
        assert table["paper"]["mse"] != pytest.approx(table["encoder"]["mse"], rel=1e-4)
        assert table["paper"]["seconds_per_clip"] > 0
    assert result.stderr.count("3 of 3 clips ran out of iterations") == 2


@pytest.mark.usefixtures("eagerly")
def test_other_inverters_are_rows(command, curved_models, tmp_path):
    keras.utils.set_random_seed(1)
    Inverter(latent_dim=4, width=2, num_samples=2048, peak=0.9).save(tmp_path / "other.keras")
    Classifier(architecture="mel_cnn", width=2, num_samples=2048).save(tmp_path / "judge.keras")
    same = curved_models[1].removeprefix("--inverter=")
    arguments = ["--methods=encoder,paper", f"--compare_inverters=bigan=other.keras,twin={same}"]
    arguments += ["--judge=judge.keras", "--tables=synthesized", "--num_clips=3", "--max_iterations=1"]
    result = command(
        "evaluate_inversion", *curved_models, *arguments, "--report_clips=0", "--quiet", cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr
    assert "- inverter bigan: other.keras\n" in result.stdout
    table = read_tables(tmp_path / "out/evaluation")["synthesized"]
    assert list(table) == [*ROWS, "bigan", "twin", "paper", "paper (bigan)", "paper (twin)"]
    mse = {name: row["mse"] for name, row in table.items()}
    assert mse["twin"] == mse["encoder"] != pytest.approx(mse["bigan"], rel=1e-4)
    assert mse["paper (twin)"] == mse["paper"] != pytest.approx(mse["paper (bigan)"], rel=1e-4)


def test_clips_of_a_class_that_the_judge_does_not_know_are_told_and_not_judged(
    command, tiny_models, write_noise, tmp_path
):
    for name in ("left/a", "zero/b", "zero/c"):
        write_noise(tmp_path / f"clips/{name}.wav")
    arguments = ("--data_dir=clips", "--split=all", "--tables=real", "--quiet", "--output_dir=out")
    result = command("evaluate_inversion", *tiny_models, *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "left" in result.stderr
    row = read_tables(tmp_path / "out")["real"]["encoder"]
    assert row["num_clips"] == 3
    assert sum(map(sum, row["confusion"])) == 2
    html = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert html.count("clips/left/a.wav") == 1
    assert html.count("“ → ”") == html.count('<p class="same">“”') == 0


def test_one_table_alone(command, tiny_models, tmp_path):
    """And of an earlier run's report and pictures nothing is left."""
    folder = tmp_path / "out/evaluation"
    (folder / "figures").mkdir(parents=True)
    for name in ("report.html", "report-2.html", "figures/real_confusion.svg", "figures/mine.svg"):
        (folder / name).touch()
    arguments = ("--tables=synthesized", "--num_clips=2", "--report_clips=0", "--quiet")
    result = command("evaluate_inversion", *tiny_models, *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    (run,) = json.loads((folder / "results.json").read_text())["runs"]
    assert list(run) == ["seed", "synthesized"]
    assert sorted(path.name for path in folder.iterdir()) == ["figures", "results.json", "results.md"]
    pictures = [path.name for path in (folder / "figures").glob("*.svg")]
    assert sorted(pictures) == [
        "mine.svg",
        "synthesized_distributions.svg",
        "synthesized_reconstructions.svg",
    ]
    assert "Table 1" in result.stdout
    assert "Table 2" not in result.stdout


def test_pretrained_models_on_bundled_clips(command, tmp_path):
    try:
        for name in ("inverter.keras", "judge.keras", "speech"):
            paths.bundled(name)
    except errors.ModelFileError as error:
        pytest.skip(str(error))
    result = command("evaluate_inversion", "--num_clips=12", "--quiet", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    tables = read_tables(tmp_path / "out/evaluation")
    assert tables["real"]["reference"]["num_clips"] == 10
    assert tables["real"]["reference"]["accuracy"] >= 0.5
    assert tables["synthesized"]["encoder"]["latent_correlation"] > 0.1
    assert tables["synthesized"]["encoder"]["log_mel_l1"] < tables["synthesized"]["silence"]["log_mel_l1"]


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("--num_clips=0", "--num_clips"),
        ("--seeds=0", "--seeds"),
        ("--split=dev", "--split"),
        ("--init=file", "init_file"),
        ("--data_dir=nowhere", "nowhere"),
        ("--data_dir=empty", "empty"),
        ("--methods=encoder,guess", "'guess'"),
        ("--judge=nowhere.keras", "nowhere.keras"),
        ("--compare_inverters=bigan", "compare_inverters: bigan: give each as name=path"),
        ("--compare_inverters=encoder=a.keras", "with a name that no other row has"),
        ("--compare_inverters=a=a.keras,a=b.keras", "compare_inverters: a=b.keras: give each"),
        ("--compare_inverters=bigan=nowhere.keras", "nowhere.keras: no such file"),
        (
            "--compare_inverters=small=small.keras",
            "small: inverter: made for latent_dim 3",
        ),
        ("--compare_inverters=bigan=a.keras --init=zero", "compare_inverters: no method of encoder starts"),
    ],
)
def test_mistakes_end_in_one_line(command, tiny_models, write_noise, tmp_path, argument, words):
    (tmp_path / "empty").mkdir()
    write_noise(tmp_path / "clips/a.wav")
    if "small.keras" in argument:
        Inverter(latent_dim=3, width=1).save(tmp_path / "small.keras")
    arguments = ("--data_dir=clips", "--split=all", *tiny_models, *argument.split())
    result = command("evaluate_inversion", *arguments, cwd=tmp_path)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert words in result.stderr
    assert not (tmp_path / "out").exists()
