"""Recover the latent vector of an audio clip under a frozen audio GAN.

>>> from tf_inversion import invert, load_generator
>>> result = invert("clip.wav", load_generator())   # the pretrained models
>>> result.latents.shape
(1, 100)

Names are imported on first use, so that `import tf_inversion` is instant and
TensorFlow starts only when work does.
"""

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tf_inversion.audio.spectrogram import Spectrogram as Spectrogram
    from tf_inversion.errors import TFInversionError as TFInversionError
    from tf_inversion.generators.base import Generator as Generator
    from tf_inversion.generators.loading import load_generator as load_generator
    from tf_inversion.inversion.invert import invert as invert
    from tf_inversion.inversion.result import InversionResult as InversionResult
    from tf_inversion.inversion.settings import InversionSettings as InversionSettings
    from tf_inversion.models import ModelBundle as ModelBundle
    from tf_inversion.models import ModelSettings as ModelSettings
    from tf_inversion.networks.loading import load_classifier as load_classifier
    from tf_inversion.networks.loading import load_inverter as load_inverter

__version__ = "0.2.0"

if "keras" not in sys.modules:
    os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever keras.json says, these models run on no other
# Halves the time of gradients of convolutions. By itself TensorFlow does so only where there is AVX-512; it
# reads this as it is imported.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

_HOME = {
    "Generator": "tf_inversion.generators.base",
    "InversionResult": "tf_inversion.inversion.result",
    "InversionSettings": "tf_inversion.inversion.settings",
    "ModelBundle": "tf_inversion.models",
    "ModelSettings": "tf_inversion.models",
    "Spectrogram": "tf_inversion.audio.spectrogram",
    "TFInversionError": "tf_inversion.errors",
    "invert": "tf_inversion.inversion.invert",
    "load_classifier": "tf_inversion.networks.loading",
    "load_generator": "tf_inversion.generators.loading",
    "load_inverter": "tf_inversion.networks.loading",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
