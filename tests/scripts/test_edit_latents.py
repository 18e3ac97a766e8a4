"""edit_latents as a user runs it."""

import numpy as np
import pytest
import soundfile
from curved import Curved

from tf_inversion.applications import voices
from tf_inversion.applications.probe import Probe, save_probes
from tf_inversion.corpus import store
from tf_inversion.generators.loading import load_generator
from tf_inversion.latents import load_latents, save_latents
from tf_inversion.networks.classifier import Classifier
from tf_inversion.priors import UniformPrior

DIRECTION = np.array([0.6, 0.8] + [0] * 98, np.float32)


@pytest.fixture
def home(tmp_path, write_noise):
    """A probe whose "three" is DIRECTION, latents of two clips, and recordings."""
    save_probes(
        tmp_path / "probe.npz",
        {"digit": Probe(("one", "three"), np.stack([-DIRECTION, 5 * DIRECTION]), np.zeros(2))},
    )
    save_latents(tmp_path / "two.npz", UniformPrior().sample(2, 100, seed=0), ["first", "../second"])
    save_latents(tmp_path / "one.npz", UniformPrior().sample(1, 100, seed=1), ["last"])
    write_noise(tmp_path / "x.wav")
    write_noise(tmp_path / "y.wav", level=0.1)
    return tmp_path


def test_moves_along_a_direction(command, tiny_models, home):
    folder = home / "out/edits"
    folder.mkdir(parents=True)
    save_latents(folder / "latents.npz", np.zeros((1, 100)), ["of_an_earlier_run"])
    (folder / "of_an_earlier_run.wav").touch()
    arguments = ("--probe=probe.npz", "--direction=digit:3", "--strength=-1,0,0.5", "--quiet", "two.npz")
    result = command("edit_latents", *tiny_models, *arguments, cwd=home)
    assert (result.returncode, result.stderr) == (0, "")
    latents, names = load_latents(folder / "latents.npz")
    assert names == [
        f"{name}_digit_3_{strength}" for name in ("first", "second") for strength in ("-1", "+0", "+0.5")
    ]
    start = UniformPrior().sample(2, 100, seed=0)
    expected = start[:, None] + np.array([-1, 0, 0.5])[:, None] * DIRECTION
    np.testing.assert_allclose(latents, np.clip(expected, -1, 1).reshape(6, 100), atol=1e-6)
    generator = load_generator(tiny_models[2].removeprefix("--generator="))
    for name, audio in zip(names, generator(latents).numpy()):
        written, rate = soundfile.read(folder / f"{name}.wav", dtype="float32")
        assert rate == 16000
        np.testing.assert_allclose(written, audio, atol=1e-5)
        assert name in result.stdout
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["latents.npz", "report.html", *(f"{name}.wav" for name in names)]
    )


def test_clips_of_one_name_and_of_a_long_one_are_all_there(command, tiny_models, home):
    latents = UniformPrior().sample(3, 100, seed=0)
    save_latents(home / "names.npz", latents, ["a", "a", 300 * "b"])
    (home / "out/edits").mkdir(parents=True)
    (home / "out/edits/report.html").touch()
    arguments = ("--probe=probe.npz", "--strength=0", "--noreport", "--quiet", "names.npz")
    result = command("edit_latents", *tiny_models, *arguments, cwd=home)
    assert (result.returncode, result.stderr) == (0, "")
    edited, names = load_latents(home / "out/edits/latents.npz")
    np.testing.assert_allclose(edited, latents)
    assert names == [f"{name}_digit_3_+0" for name in ("a", "a_2", 100 * "b")]
    assert not (home / "out/edits/report.html").exists()


def test_edits_clips_of_a_data_set(command, tiny_models, home):
    columns = {
        "path": ["one/a.wav", "two/b.wav"],
        "status": ["ok", "ok"],
        "latents": UniformPrior().sample(2, 100, seed=0),
    }
    store.write(home / "corpus/000000.parquet", columns, {})
    arguments = ("--probe=probe.npz", "--direction=digit:3", "--strength=0", "--quiet", "--clips=two/b.wav")
    result = command("edit_latents", *tiny_models, *arguments, "corpus", cwd=home)
    assert (result.returncode, result.stderr) == (0, "")
    latents, names = load_latents(home / "out/edits/latents.npz")
    assert names == ["b_digit_3_+0"]
    np.testing.assert_allclose(latents, columns["latents"][1:], atol=1e-6)


def test_more_of_a_property_and_a_page_to_hear_it(command, curved_models, tmp_path):
    """The loudest of three edits is that of the greatest strength, and the page has them all."""
    clip = Curved()(Curved().draw_latents(1, 1) / 2).numpy()[0]
    soundfile.write(tmp_path / "clip.wav", clip, 16000, subtype="FLOAT")
    judge = Classifier(architecture="mel_cnn", width=2, num_samples=2048)
    judge.save(tmp_path / "judge.keras")
    known = judge.label_names[0]
    arguments = (
        *curved_models,
        "--judge=judge.keras",
        "--classifier=judge.keras",
        f"--more=loudness,word:{known}",
        "--strength=-0.1,0,0.1",
        "--method=least_squares",
        "--quiet",
    )
    result = command("edit_latents", *arguments, "clip.wav", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    folder = tmp_path / "out/edits"
    _, names = load_latents(folder / "latents.npz")
    assert names == [
        f"clip_{what}_{strength}"
        for what in ("loudness", f"word_{known}")
        for strength in ("-0.1", "+0", "+0.1")
    ]
    low, same, high = (np.std(soundfile.read(folder / f"{name}.wav")[0]) for name in names[:3])
    assert low < same < high
    page = (folder / "report.html").read_text()
    assert page.count("<audio") == page.count("<img") == 2 + len(names)
    assert all(f">{name} " in page for name in ("original", "reconstruction", "loudness_+0.1"))


def test_the_voice_of_another_clip(command, tiny_models, home, monkeypatch):
    monkeypatch.setattr(voices, "_NUM_CANDIDATES", 8)
    arguments = (
        *tiny_models,
        f"--classifier={tiny_models[1].partition('=')[2]}",
        "--voice_of=x.wav",
        "--quiet",
    )
    result = command("edit_latents", *arguments, "two.npz", cwd=home)
    assert (result.returncode, result.stderr) == (0, "")
    latents, names = load_latents(home / "out/edits/latents.npz")
    assert names == [f"{name}_voice_of_x" for name in ("first", "second")]
    candidates = UniformPrior().sample(8, 100, seed=0)
    assert all((candidates == z).all(1).any() for z in latents)


def test_what_more_does_is_measured(command, curved_models, tmp_path):
    Classifier(architecture="mel_cnn", width=2, num_samples=2048).save(tmp_path / "judge.keras")
    models = (curved_models[0], "--judge=judge.keras", "--classifier=judge.keras")
    arguments = ("--more=loudness,pitch", "--strength=0,0.3", "--evaluate=8", "--quiet")
    result = command("edit_latents", *models, *arguments, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    table = (tmp_path / "out/edits/evaluation.md").read_text()
    assert table in result.stdout
    loudness, pitch = ([cell.strip() for cell in line.split("|")] for line in table.splitlines()[2:4])
    assert (loudness[1], loudness[2], loudness[7], pitch[1]) == ("loudness", "+0.3", "100%", "pitch")
    result = command("edit_latents", *models, *arguments, "clip.wav", cwd=tmp_path)
    assert (result.returncode, "give no clips" in result.stderr) == (1, True)


def test_interpolates_between_recordings(command, tiny_models, home):
    arguments = ("--method=encoder", "--to=y.wav", "--steps=3", "--quiet", "--output_dir=between", "x.wav")
    result = command("edit_latents", *tiny_models, *arguments, cwd=home)
    assert (result.returncode, result.stderr) == (0, "")
    latents, names = load_latents(home / "between/latents.npz")
    assert names == ["x_to_y_00", "x_to_y_01", "x_to_y_02"]
    assert np.abs(latents).max() <= 1
    np.testing.assert_allclose(latents[1], (latents[0] + latents[2]) / 2, atol=1e-6)
    assert (latents[0] != latents[2]).any()


def test_a_broken_file_is_reported_and_the_others_are_done(command, tiny_models, home):
    (home / "bad.wav").write_text("no audio")
    arguments = ("--method=encoder", "--to=one.npz", "--steps=2", "--quiet", "bad.wav", "two.npz", "x.wav")
    result = command("edit_latents", *tiny_models, *arguments, cwd=home)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "bad.wav" in result.stderr
    latents, names = load_latents(home / "out/edits/latents.npz")
    assert names == [f"{name}_to_last_0{step}" for name in ("first", "second", "x") for step in (0, 1)]
    np.testing.assert_array_equal(latents[1::2], np.repeat(UniformPrior().sample(1, 100, seed=1), 3, axis=0))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--to=one.npz", "--direction=digit:3", "two.npz"], "to, direction: give one"),
        (["--more=warmth", "two.npz"], "more: 'warmth'; choose from pitch, loudness"),
        (["--more=word:none", "two.npz"], "more: 'none' is none of the classifier's"),
        (["--voice_of=none.wav", "two.npz"], "none.wav: no such file"),
        (["--voice_of=x.wav", "--more=pitch", "two.npz"], "more, voice_of: give one"),
        (["--evaluate=9"], "evaluate: 9; give 2 or more, and what to measure as more"),
        (["--to=two.npz", "two.npz"], "--to=two.npz: 2 clips"),
        (["--strength=far", "two.npz"], "strength: far"),
        (["--strength=1,1.0", "two.npz"], "strength: 1,1.0; give different numbers"),
        (["none.npz"], "no clips"),
        (["--direction=digit:4", "two.npz"], "'4' is none of one, three"),
        (["small.npz"], "small.npz: latents of 3, but the generator has 100"),
        (["--probe=small_probe.npz", "two.npz"], "--probe: made for 3 latents"),
        (["--method=encoder", "missing.wav"], "missing.wav: no such file"),
    ],
)
def test_mistakes_end_in_one_line(command, tiny_models, home, arguments, words):
    save_latents(home / "small.npz", np.zeros((1, 3)), ["a"])
    save_latents(home / "none.npz", np.zeros((0, 100)), [])
    save_probes(home / "small_probe.npz", {"digit": Probe(("one", "three"), np.eye(2, 3), np.zeros(2))})
    before = sorted(home.rglob("*"))
    result = command("edit_latents", *tiny_models, "--probe=probe.npz", "--quiet", *arguments, cwd=home)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert words in result.stderr
    assert sorted(home.rglob("*")) == before
