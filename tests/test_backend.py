"""Keras of another backend or float type than the library's."""

import importlib
import os
import subprocess
import sys

import keras
import pytest

from tf_inversion import backend, errors


def test_the_library_chooses_the_backend():
    program = "import os, tf_inversion; print(os.environ['KERAS_BACKEND'])"
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    assert (
        subprocess.check_output([sys.executable, "-c", program], env=environment, text=True) == "tensorflow\n"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("backend", "jax"), ("floatx", "float16"), ("image_data_format", "channels_first")],
)
def test_what_it_cannot_choose_ends_in_one_line(monkeypatch, name, value):
    monkeypatch.setattr(keras.config, name, lambda: value)
    with pytest.raises(errors.TFInversionError, match=f"Keras has {name} '{value}'.* needs '"):
        importlib.reload(backend)
