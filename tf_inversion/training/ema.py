"""Exponential moving averages of weights, which generalise better than the last ones.

The optimizer keeps the average (Keras' `use_ema`); what is validated and saved is the model that has it.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def averaged_weights(optimizer: keras.Optimizer) -> Iterator[None]:
    """Lends the model the moving average of its weights, if its optimizer keeps one."""
    if not getattr(optimizer, "inner_optimizer", optimizer).use_ema:
        yield
        return
    swap = keras.callbacks.SwapEMAWeights()
    swap.set_model(types.SimpleNamespace(optimizer=optimizer))
    swap.on_test_begin()
    try:
        yield
    finally:
        swap.on_test_end()
