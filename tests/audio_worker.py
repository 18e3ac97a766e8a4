"""Reads the audio files whose paths come on stdin, in a process that may die of them.

Paths come as JSON, one a line; so do the answers: "samples" (float32 in base64), "rate" and "oddities", or an
"error", and the "memory" that it took at most, in bytes. For null it reads all files that were readable once
more, as a training does, and answers with the paths of those that differ. Its argument is how many seconds of
each file to read.
"""

import base64
import json
import os
import resource
import sys
import traceback
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.audio import decoding, files

SECONDS = float(sys.argv[1])
RATE = 16000
_MORE_MEMORY = 2 * 2**30  # bytes; who asks for them gets none, which ends the process if it is C++


def main() -> None:
    decoding.tensorflow_io()
    taken = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + _MORE_MEMORY,) * 2)
    found: dict = {}
    for line in sys.stdin:
        path = json.loads(line)
        print(json.dumps(_read(path, found) if path else _differing(found)), flush=True)


def _read(path: str, found: dict) -> dict:
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # resets the peak
    before = _status("VmRSS")
    try:
        file, samples = decoding.open_audio(path, SECONDS)
    except errors.AudioFileError as error:
        answer = {"error": str(error)}
    else:
        found[path] = file, samples
        answer = {
            "samples": base64.b64encode(samples.tobytes()).decode(),
            "rate": file.sample_rate,
            "oddities": sorted(file.oddities),
            "native": file.decoder > 0,
        }
    return {**answer, "memory": _status("VmHWM") - before}


def _differing(found: dict) -> list[str]:
    waveform = decoding.reader([file for file, _ in found.values()], RATE)
    data = tf.data.Dataset.range(len(found)).map(waveform)
    differing = []
    for (path, (file, samples)), audio in zip(found.items(), data.as_numpy_iterator()):
        if file.sample_rate != RATE:
            samples = files.resample(samples, file.sample_rate, RATE)
        if samples.shape != audio.shape or not np.allclose(samples, audio, rtol=1e-5, atol=1e-5):
            differing.append(path)
    return differing


def _status(name: str) -> int:
    """Memory of this process: VmRSS, or VmHWM, its peak."""
    return 1024 * int(Path("/proc/self/status").read_text(encoding="utf-8").split(f"{name}:")[1].split()[0])


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        traceback.print_exc()
        os._exit(1)  # else the end would wait for threads of tf.data, and they for the interpreter
