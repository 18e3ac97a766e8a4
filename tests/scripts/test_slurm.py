"""invert_dataset --slurm on a real SLURM, if this machine has one: see scripts/slurm_on_one_machine.sh."""

import os
import subprocess
import sys
import time

import pyarrow.parquet
import pytest

NUM = 24


def slurm(*command) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)


def test_a_cancelled_job_is_followed_by_another_and_nothing_is_lost(curved_models, write_noise, tmp_path):
    if slurm("srun", "--time=1", "--immediate=20", "echo", "ran") != "ran":
        pytest.skip("needs a SLURM that runs jobs: sudo bash scripts/slurm_on_one_machine.sh")
    for i in range(NUM):
        write_noise(tmp_path / f"clips/{i}.wav", num_samples=1500, level=0.3)
    shards = tmp_path / "out"
    flags = ["--data_dir=clips", "--output_dir=out", "--shard_size=2", "--slurm", "--slurm_memory=1500MB"]
    program = "import sys; from tf_inversion.scripts import invert_dataset as c; sys.exit(c.run(sys.argv))"
    arguments = [sys.executable, "-c", program, *curved_models, *flags, "--slurm_time=00:10:00", "--quiet"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}  # of the jobs, too
    pipes = {"stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(arguments, cwd=tmp_path, env=environment, **pipes) as process:
        try:
            end = time.monotonic() + 200
            while process.poll() is None and not list(shards.glob("*.parquet")) and time.monotonic() < end:
                time.sleep(0.1)
            (first,) = slurm("squeue", "--noheader", "--format=%i", "--states=running").split()
            slurm("scancel", first)
            printed, _ = process.communicate(timeout=300)
        finally:
            process.kill()
    assert process.returncode == 0
    assert f"{NUM} of {NUM} clips" in printed
    assert len(list((shards / "_slurm").iterdir())) >= 2  # what each job has said
    paths = pyarrow.parquet.read_table(shards)["path"].to_pylist()
    assert sorted(paths) == sorted(f"{i}.wav" for i in range(NUM))
