"""invert_dataset as a user runs it, on a generator and an inverter that are small."""

import numpy as np
import pyarrow.parquet
import pytest
import soundfile

from tf_inversion.latents import load_latents

NUM = 11


@pytest.fixture(scope="module")
def home(tmp_path_factory, write_noise):
    """Eleven clips of two digits and two speakers: the fifth and the last three are no sound."""
    home = tmp_path_factory.mktemp("corpus")
    for i in range(NUM):
        path = home / f"clips/{i // 6}_{'ab'[i % 2]}_{i}.wav"
        write_noise(path, num_samples=1500 + i, level=0.1 + 0.05 * i)
    broken = sorted((home / "clips").iterdir())
    for i in (4, 8, 9, 10):
        broken[i].write_text("no sound")
    return home


@pytest.fixture(scope="module")
def invert_dataset(command, curved_models, home):
    def run(output_dir, *arguments):
        flags = ("--data_dir=clips", "--shard_size=4", "--workers=0", f"--output_dir={output_dir}")
        return command("invert_dataset", *curved_models, *flags, *arguments, cwd=home)

    return run


@pytest.fixture(scope="module")
def inverted(invert_dataset, home):
    result = invert_dataset("plain", "--quiet", "--reconstructions", "--metrics=mse,nmse_db")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "plain: 7 of 11 clips; 4 failed, their rows say why\n"
    return home / "plain"


def rows(folder):
    return pyarrow.parquet.read_table(folder).to_pylist()


def test_every_clip_is_a_row(inverted, home):
    assert sorted(path.name for path in inverted.iterdir()) == [
        *(f"00000{i}.parquet" for i in range(3)),
        "_reconstructions",
    ]
    table = rows(inverted)
    assert [row["path"] for row in table] == sorted(path.name for path in (home / "clips").iterdir())
    for i, row in enumerate(table):
        digit, speaker, number = row["path"].removesuffix(".wav").split("_")
        assert (row["label"], row["speaker"]) == (["zero", "one"][int(digit)], speaker)
        assert row["split"] == ("test" if int(number) < 5 else "valid" if int(number) < 10 else "train")
        if i in (4, 8, 9, 10):
            assert "ok" not in row["status"]
            assert len(row["status"]) > 5
            assert str(home) not in row["status"]
            assert np.isnan(row["latents"]).all()
            assert (row["mse"], row["iterations"], row["search"]) == (None, None, None)
        else:
            assert (row["status"], row["search"]) == ("ok", "encoded")
            assert np.isfinite([*row["latents"], row["mse"], row["nmse_db"]]).all()
            assert len(row["latents"]) == 4


def test_reconstructions_are_what_the_latents_make(inverted):
    from curved import Curved

    latents, names = load_latents(inverted)
    written = sorted((inverted / "_reconstructions").iterdir())
    assert [path.name for path in written] == [f"{name}.flac" for name in names]
    for path, audio in zip(written, Curved()(latents).numpy()):
        np.testing.assert_allclose(soundfile.read(path)[0], audio.clip(-1, 1), atol=2**-15)


def test_goes_on_where_it_was_stopped(invert_dataset, inverted):
    flags = ("--reconstructions", "--metrics=mse,nmse_db")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in inverted.glob("*.parquet")}
    lost, *kept = sorted(before)
    lost.unlink()
    left_over = inverted / ".unfinished-of-a-killed-worker"
    left_over.mkdir()
    result = invert_dataset("plain", *flags)
    assert result.returncode == 0
    assert "11/11" in result.stderr
    assert lost.read_bytes() == before[lost][0]
    assert [path.stat().st_mtime_ns for path in kept] == [before[path][1] for path in kept]
    assert not left_over.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--metrics=mse"], "metrics: "),
        (["--seed=1"], "seed: 0 made what is in"),
        (["--shard_size=5"], "shard_size: 4 made"),
        (["--peak=0.5"], "peak: 0.9 made"),
        (["--generator=curved:Other"], "generator: 'Curved"),
        (["--data_dir=fewer"], "clips: '11 clips, sha256"),
        (["--data_dir=missing"], "missing: no such folder"),
        (["--init=file"], "init_file: "),
        (["--output_dir=clips/inside"], "output_dir: clips/inside lies in the clips' folder"),
        (["--scheduler=tcp://127.0.0.1:9"], "workers: the scheduler has its own"),
    ],
)
def test_mistakes_end_in_one_line(invert_dataset, inverted, home, write_noise, arguments, words):
    write_noise(home / "fewer/0_a_1.wav")
    before = sorted(inverted.rglob("*"))
    result = invert_dataset("plain", "--reconstructions", "--metrics=mse,nmse_db", *arguments)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert words in result.stderr
    assert sorted(inverted.rglob("*")) == before


def test_a_corpus_of_which_nothing_can_be_read_has_failed(invert_dataset, home):
    (home / "broken").mkdir()
    (home / "broken/a.wav").write_bytes(b"RIFF, but no more")
    result = invert_dataset("nothing", "--data_dir=broken", "--quiet")
    assert result.returncode == 1
    assert "0 of 1 clips; 1 failed" in result.stdout
    assert [row["status"][:12] for row in rows(home / "nothing")] == ["not readable"]


def test_workers_make_what_one_process_makes(invert_dataset, inverted, home):
    flags = ("--workers=2", "--reconstructions", "--metrics=mse,nmse_db")
    result = invert_dataset("workers", *flags)
    assert result.returncode == 0, result.stderr
    assert "dashboard: http://127.0.0.1:" in result.stdout
    assert "7 of 11 clips; 4 failed" in result.stdout
    table, expected = rows(home / "workers"), rows(inverted)
    assert [list(row) for row in table] == [list(row) for row in expected]
    for row, wanted in zip(table, expected):
        for name, value in row.items():
            if isinstance(value, (float, list)):  # whose last bits depend on the number of threads
                np.testing.assert_allclose(value, wanted[name], rtol=1e-3, atol=1e-5)  # NaN equals NaN
            else:
                assert value == wanted[name]


def test_a_shard_that_fails_is_told_and_the_others_are_done(invert_dataset, home, monkeypatch):
    from tf_inversion.corpus import store

    write = store.write

    def fails(path, *arguments):
        if path.name == "000001.parquet":
            raise OSError("disk full")
        write(path, *arguments)

    monkeypatch.setattr(store, "write", fails)
    result = invert_dataset("partly", "--quiet")
    assert result.returncode == 1
    assert result.stdout.splitlines()[0].endswith("...): disk full")
    assert result.stdout.startswith("shard 1 (")
    assert sorted(path.name for path in (home / "partly").iterdir()) == ["000000.parquet", "000002.parquet"]
    monkeypatch.undo()
    assert invert_dataset("partly", "--quiet").returncode == 0
    assert len(rows(home / "partly")) == NUM
