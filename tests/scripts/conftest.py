"""Runs the installed commands, on models that are small and untrained."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import soundfile


@pytest.fixture(scope="session")
def command():
    """Returns a function that runs a command as a user does, in a folder."""

    def run(name: str, *arguments, cwd: Path) -> subprocess.CompletedProcess:
        program = Path(sys.executable).parent / name
        return subprocess.run(
            [program, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=300, check=False
        )

    return run


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory) -> list[str]:
    """Flags that name an inverter and a judge for the embedded generator; both know nothing."""
    from tf_inversion.networks.classifier import Classifier
    from tf_inversion.networks.inverter import Inverter

    folder = tmp_path_factory.mktemp("models")
    keras.utils.set_random_seed(0)
    Inverter(width=2, peak=0.9).save(folder / "inverter.keras")
    Classifier(architecture="mel_cnn", width=2).save(folder / "judge.keras")
    return [f"--inverter={folder / 'inverter.keras'}", f"--judge={folder / 'judge.keras'}"]


@pytest.fixture(scope="session")
def write_noise():
    """Returns a function that writes noise of some level to a WAV file."""

    def write(path: Path, num_samples: int = 16000, sample_rate: int = 16000, level: float = 0.5) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = np.random.default_rng(0).uniform(-level, level, num_samples)
        soundfile.write(path, samples, sample_rate, subtype="FLOAT")
        return path

    return write
