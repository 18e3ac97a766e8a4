"""How fast the input pipeline is, and whether its memory grows with the number of files.

  python benchmarks/input_pipeline.py                       # files of noise, made for it
  python benchmarks/input_pipeline.py --data_dir=data/fsdd

The check is what happens once before training; reading goes from WAV files to
batches. With --step_clips_per_second, the real clips that a training step
consumes (its batch size by its seconds, from benchmarks/training.py), the ratio
to it is shown. Each row is measured in a process of its own, with its peak memory.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from absl import app, flags

FLAGS = flags.FLAGS

flags.DEFINE_string("data_dir", None, "Clips to measure with, instead of noise.")
flags.DEFINE_float("step_clips_per_second", None, "Real clips that a training step consumes.")
flags.DEFINE_integer("measure", None, "For its own use: only this many files of --data_dir, as JSON.")

_BATCH = 64


def write_noise(folder: Path, number: int, sample_rate: int) -> None:
    """Writes files of a quarter to one second."""
    from tf_inversion.audio.files import write_audio

    rng = np.random.default_rng(0)
    for i in range(number):
        samples = rng.normal(0, 0.1, rng.integers(sample_rate // 4, sample_rate))
        write_audio(folder / f"{i:05d}.wav", samples, sample_rate, subtype="PCM_16")


def measure(data_dir: str, number: int | None) -> dict[str, float]:
    """Times the check and one epoch, after a short one that warms up."""
    from tf_inversion.audio.clips import check_clips, clip_dataset, find_clips

    clips = find_clips(data_dir, "all")
    clips = clips.pick(range(min(len(clips), number or len(clips))))
    for _ in clip_dataset(clips.pick(range(100)), batch_size=_BATCH):
        pass
    start = time.perf_counter()
    checked = check_clips(clips)
    middle = time.perf_counter()
    for _ in clip_dataset(checked, batch_size=_BATCH, shuffle_seed=0):
        pass
    end = time.perf_counter()
    return {
        "check": len(clips) / (middle - start),
        "epoch": len(clips) / (end - middle),
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def in_own_process(data_dir: Path, number: int) -> dict[str, float]:
    command = [sys.executable, __file__, f"--data_dir={data_dir}", f"--measure={number}"]
    return json.loads(
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    )


def main(_: list[str]) -> None:
    if FLAGS.measure:
        print(json.dumps(measure(FLAGS.data_dir, FLAGS.measure)))
        return
    with tempfile.TemporaryDirectory() as home:
        fast, slow = Path(home) / "16000", Path(home) / "8000"
        write_noise(fast, 10000, 16000)
        write_noise(slow, 1000, 8000)
        rows = {
            "1,000 files at 16 kHz": in_own_process(fast, 1000),
            "10,000 files at 16 kHz": in_own_process(fast, 10000),
            "1,000 files at 8 kHz, resampled": in_own_process(slow, 1000),
        }
    if FLAGS.data_dir:
        rows[FLAGS.data_dir] = in_own_process(FLAGS.data_dir, 1000)
    few, many = list(rows.values())[:2]
    step = FLAGS.step_clips_per_second
    print("| clips | checked per second | read per second | ratio to a training step | peak memory, MB |")
    print("|---|---:|---:|---:|---:|")
    for name, row in rows.items():
        ratio = f"{row['epoch'] / step:.0f}" if step else "-"
        print(f"| {name} | {row['check']:.0f} | {row['epoch']:.0f} | {ratio} | {row['megabytes']:.0f} |")
    print(
        f"\nPeak memory of 10,000 files, ratio to that of 1,000: {many['megabytes'] / few['megabytes']:.3f}"
    )


if __name__ == "__main__":
    app.run(main)
