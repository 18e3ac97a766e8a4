"""Commands on a full disk: one line, exit code 1, nothing half-written, and what was there as it was."""

import contextlib
import io
import os
import resource
import shutil
import subprocess
import tarfile

import curved
import numpy as np
import pytest

from tf_inversion.export import saved_model
from tf_inversion.latents import save_latents

_PAGE = 4096  # what tmpfs counts in
TRAINING = "--data_dir=data --batch_size=2 --epochs=1 --steps_per_epoch=1 --checkpoint_minutes=0"
PNG = ("samples.png", "spectra.png", "samples.json", "samples.md")

#: Of each command that writes: its arguments, bytes for which there is room, and some of its outputs.
CASES = {
    "prepare_dataset": ("--archive=fsdd.tar.gz", 50_000, ()),
    "train_wavegan": (f"{TRAINING} --width=1 --mel_width=0 --kernel_len=5 JUDGE", 0, ()),
    "train_classifier": (f"{TRAINING} --architecture=mel_cnn --width=2", 20_000, ()),
    "train_inverter": (
        f"{TRAINING} --width=2 --loss_weights=latent+log_mel --generator=curved:Curved",
        0,
        (),
    ),
    "plot_training": ("run", 30_000, ("training.png", "training.svg")),
    "generate_audio": ("--num=3 --generator=curved:Curved", 20_000, ("synthesized_00000.wav", "latents.npz")),
    "evaluate_generator": ("--data_dir=data --split=all --num_clips=20 JUDGE GENERATOR", 90_000, PNG),
    "invert_audio": ("data --method=encoder CURVED", 80_000, ("reconstructions/0_a_0.wav", "metrics.csv")),
    "invert_dataset": (
        "--data_dir=data --shard_size=3 --workers=0 --method=encoder --reconstructions CURVED",
        0,
        ("000000.parquet", "_reconstructions/0_a_0.wav.flac"),
    ),
    "evaluate_inversion": (
        "--data_dir=data --split=all --num_clips=2 INVERTER JUDGE GENERATOR",
        200_000,
        ("figures/real_reconstructions.png", "results.json", "report.html"),
    ),
    "train_latent_probe": ("--num_clips=60 --confidence=0.3 INVERTER", 4_000, ("latent_probe.npz",)),
    "edit_latents": (
        "two.npz --strength=0,1 INVERTER JUDGE GENERATOR",
        150_000,
        ("first_digit_3_+0.wav", "latents.npz"),
    ),
    "detect_synthetic": ("data --starts=1 --max_iterations=1 CURVED", 0, ("detection.csv",)),
    "export_inverter": ("INVERTER GENERATOR", 100_000, ("1/saved_model.pb",)),
    "convert_tflite": (
        "--models=inverter --formats=float32 --num_clips=1 INVERTER JUDGE GENERATOR",
        30_000,
        ("inverter_float32.tflite", "table.md"),
    ),
}


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """A small disk, where the test may mount one; else None."""
    folder = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        yield None
    else:
        yield folder
        subprocess.run(["umount", folder], check=True)


@contextlib.contextmanager
def room_for(size, disk):
    """Leaves so many bytes on the disk, or without one has the system refuse to write larger files."""
    if disk:
        (disk / "filler").write_bytes(bytes(_PAGE * (os.statvfs(disk).f_bfree - size // _PAGE)))
        yield
        (disk / "filler").unlink()
        return
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 3, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.fixture(scope="module")
def home(tmp_path_factory, write_noise):
    """A folder of what the commands read."""
    home = tmp_path_factory.mktemp("home")
    for index in range(8):
        write_noise(home / f"data/{index % 2}_{'ab'[index % 2]}_{3 * index}.wav", num_samples=3000)
    (home / "run").mkdir()
    (home / "run/history.csv").write_text("epoch,loss,validation/loss,seconds\n1,2.0,3.0,9\n2,1.0,2.5,9\n")
    save_latents(home / "two.npz", np.zeros((2, 100)), ["first", "second"])
    shutil.copy(curved.__file__, home)
    with tarfile.open(home / "fsdd.tar.gz", "w:gz") as archive:
        for index in range(40):
            info = tarfile.TarInfo(f"fsdd-x/recordings/0_theo_{index}.wav")
            info.size = 4000
            archive.addfile(info, io.BytesIO(bytes(4000)))
    return home


def contents(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize("name", CASES)
def test_a_full_disk_is_one_line(
    command, tiny_models, curved_models, home, disk, tmp_path, monkeypatch, name
):
    build = saved_model.signatures.build
    quick = lambda models: {"invert": build(models)["invert"]}  # noqa: E731
    monkeypatch.setattr(saved_model.signatures, "build", quick)
    words = {
        "INVERTER": tiny_models[:1],
        "JUDGE": tiny_models[1:2],
        "GENERATOR": tiny_models[2:],
        "CURVED": curved_models,
    }
    arguments, size, outputs = CASES[name]
    folder = (disk or tmp_path) / name
    for output in outputs:
        (folder / output).parent.mkdir(parents=True, exist_ok=True)
        (folder / output).write_text("of before")
    before = contents(folder)
    arguments = [part for word in arguments.split() for part in words.get(word, [word])]
    with room_for(size, disk):
        result = command(name, *arguments, "--quiet", f"--output_dir={folder}", cwd=home)
    assert result.returncode == 1, result.stdout
    *warnings, last = result.stderr.splitlines()
    assert "No space left" in last or "File too large" in last
    assert all("SHA-256" in line or "longer than the slice" in line for line in warnings), result.stderr
    if name.startswith("train_") and name != "train_latent_probe":
        assert {path.name.split(".")[0] for path in folder.rglob("*")} <= {"settings", "logs", "events"}
    else:
        assert contents(folder) == before
