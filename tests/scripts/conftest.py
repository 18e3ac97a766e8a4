"""Runs commands, on models that are small and untrained."""

import contextlib
import importlib
import io
import logging
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import pytest
import soundfile


@pytest.fixture(scope="session")
def command():
    """Returns a function that runs a command in this process, in a folder, and leaves no trace here."""

    def run(name: str, *arguments, cwd: Path) -> subprocess.CompletedProcess:
        argv = [name, *map(str, arguments)]
        module = importlib.import_module(f"tf_inversion.scripts.{name}")
        root, imported, out, err = logging.getLogger(), {*sys.modules}, io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(cwd),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            mock.patch.object(sys, "argv", argv),
            mock.patch.object(root, "handlers", []),
            mock.patch.object(root, "level", root.level),
            mock.patch.dict(os.environ),
        ):
            code = module.run(argv)
        for other in {*sys.modules} - imported:
            # Of a generator class in the folder: another test may have one of the same name.
            if str(getattr(sys.modules[other], "__file__", "")).startswith(str(cwd)):
                del sys.modules[other]
        return subprocess.CompletedProcess(argv, code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory) -> list[str]:
    """Flags that name an inverter, a judge and a generator like the pretrained ones; they know nothing."""
    from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
    from tf_inversion.networks.classifier import Classifier
    from tf_inversion.networks.inverter import Inverter

    folder = tmp_path_factory.mktemp("models")
    keras.utils.set_random_seed(0)
    Inverter(width=2, peak=0.9).save(folder / "inverter.keras")
    Classifier(architecture="mel_cnn", width=2).save(folder / "judge.keras")
    WaveGAN(WaveGANConfig(dim=1)).to_model().save(folder / "generator.keras")
    return [f"--{name}={folder / name}.keras" for name in ("inverter", "judge", "generator")]


@pytest.fixture(scope="session")
def curved_models(tmp_path_factory) -> list[str]:
    """Flags that name a generator of four latents and an inverter for it, which knows nothing."""
    from tf_inversion.networks.inverter import Inverter

    path = tmp_path_factory.mktemp("curved") / "inverter.keras"
    keras.utils.set_random_seed(0)
    Inverter(latent_dim=4, width=2, num_samples=2048, peak=0.9).save(path)
    return ["--generator=curved:Curved", f"--inverter={path}"]


@pytest.fixture(scope="session")
def write_noise():
    """Returns a function that writes noise of some level to a WAV file."""

    def write(path: Path, num_samples: int = 16000, sample_rate: int = 16000, level: float = 0.5) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = np.random.default_rng(0).uniform(-level, level, num_samples)
        soundfile.write(path, samples, sample_rate, subtype="FLOAT")
        return path

    return write
