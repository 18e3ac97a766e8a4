"""Keras as this library needs it: on TensorFlow, with 32-bit floats and channels last."""

import keras

from tf_inversion import errors

__all__ = ["keras"]

for _name, _needed in {
    "backend": "tensorflow",
    "floatx": "float32",
    "image_data_format": "channels_last",
}.items():
    if (_found := getattr(keras.config, _name)()) != _needed:
        raise errors.TFInversionError(
            f"Keras has {_name} {_found!r}, but tf_inversion needs {_needed!r}: "
            "set it in keras.json, or by keras.config before tf_inversion is imported"
        )
