"""Two processes that train as two machines do."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import curved
import numpy as np

from tf_inversion.networks.loading import load_inverter

TRAIN = "import sys; from tf_inversion.scripts.start import train_inverter; sys.exit(train_inverter())"
ARGUMENTS = """
  --strategy=multi_worker --synthesized_only --generator=curved:Curved --loss_weights=latent --width=2
  --batch_size=4 --epochs=1 --steps_per_epoch=2 --output_dir=run --quiet
"""


def free_ports(num: int) -> list[int]:
    sockets = [socket.socket() for _ in range(num)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def test_two_workers_train_one_inverter(tmp_path):
    workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
    started = []
    for index in range(2):
        config = {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        environment = {
            **os.environ,
            "TF_CONFIG": json.dumps(config),
            "CUDA_VISIBLE_DEVICES": "",
            "PYTHONPATH": str(Path(curved.__file__).parent),
        }
        command = [sys.executable, "-c", TRAIN, *ARGUMENTS.split()]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        started.append(subprocess.Popen(command, cwd=tmp_path, env=environment, **pipes))
    try:
        told = [process.communicate(timeout=600)[0] for process in started]
    finally:
        for process in started:
            process.kill()
            process.wait()
    assert [process.returncode for process in started] == [0, 0], told
    first, second = (load_inverter(tmp_path / name / "inverter.keras") for name in ("run", "run/worker_1"))
    for mine, theirs in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
