"""Commands on a full disk: one line, exit code 1, and nothing half-written."""

import contextlib
import resource

import pytest


@contextlib.contextmanager
def largest_file(size: int):
    """Has the system refuse to write files beyond so many bytes, in this process and those that it starts."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


#: Arguments, and the size of the largest file for which there is room.
CASES = [
    ("generate_audio", ["--num=1"], 30_000),
    ("invert_audio", ["clip.wav", "--method=encoder"], 70_000),
    ("evaluate_inversion", ["--num_clips=2", "--methods=encoder"], 50_000),
    (
        "train_wavegan",
        ["--data_dir=.", "--width=1", "--mel_width=0", "--epochs=1", "--steps_per_epoch=1"],
        50_000,
    ),
]


@pytest.mark.parametrize(("name", "arguments", "size"), CASES)
def test_a_full_disk_is_one_line(command, tiny_models, write_noise, tmp_path, name, arguments, size):
    for index in range(8 if name == "train_wavegan" else 1):
        write_noise(tmp_path / f"clip{index or ''}.wav")
    models = tiny_models if "inver" in name else tiny_models[1:] if name == "train_wavegan" else []
    with largest_file(size):
        result = command(name, *arguments, *models, "--quiet", "--output_dir=out", cwd=tmp_path)
    assert result.returncode == 1, result.stdout
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert "File too large" in result.stderr or "can't be written" in result.stderr
    left = [
        path
        for path in tmp_path.rglob("*")
        if path.name.startswith(".unfinished-") or path.stem.endswith("_temp")
    ]
    assert left == []
