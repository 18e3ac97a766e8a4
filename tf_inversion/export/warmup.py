"""Requests that a server runs before it says that a model is ready, for first requests are slow.

They are records of the message PredictionLog of TensorFlow Serving. Its package is
not needed to write them: of its few fields each is a number, a length and octets
(https://protobuf.dev/programming-guides/encoding), and the tensors are TensorFlow's own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

# Numbers of the fields, from TensorFlow Serving's predict.proto, model.proto and prediction_log.proto.
_MODEL_NAME, _SIGNATURE_NAME = 1, 3  # of ModelSpec
_MODEL_SPEC, _INPUTS = 1, 2  # of PredictRequest
_KEY, _VALUE = 1, 2  # of an entry of a map
_REQUEST = 1  # of PredictLog
_PREDICT_LOG = 6  # of PredictionLog


def write(path: str | os.PathLike, model: str, requests: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Writes the requests: for each signature of the model its inputs by name."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(os.fspath(path)) as writer:
        for signature, inputs in requests.items():
            spec = _field(_MODEL_NAME, model.encode()) + _field(_SIGNATURE_NAME, signature.encode())
            request = _field(_MODEL_SPEC, spec)
            for name, value in inputs.items():
                tensor = tf.make_tensor_proto(value).SerializeToString()
                request += _field(_INPUTS, _field(_KEY, name.encode()) + _field(_VALUE, tensor))
            writer.write(_field(_PREDICT_LOG, _field(_REQUEST, request)))


def _field(number: int, octets: bytes) -> bytes:
    """Encodes a field that is a message or a string."""
    return _varint(number << 3 | 2) + _varint(len(octets)) + octets


def _varint(value: int) -> bytes:
    """Encodes a number, seven bits an octet, the lowest first."""
    return bytes([value]) if value < 128 else bytes([value % 128 | 128]) + _varint(value // 128)
