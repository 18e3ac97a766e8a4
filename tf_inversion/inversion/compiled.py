"""What is compiled for a generator, kept for the next call and freed with the generator."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import TypeVar

from tf_inversion.generators.base import Generator

Made = TypeVar("Made")
_MAX_KEPT = 16


def kept(generator: Generator, make: Callable[..., Made], *arguments: Hashable) -> Made:
    """Returns `make(generator, *arguments)`; asked for the same again, what it returned before.

    The generator itself remembers the latest 16, since whatever was compiled for it holds it.
    """
    attributes = generator.__dict__  # past Keras, which would search an attribute for layers
    if "_kept" not in attributes:
        attributes["_kept"] = functools.lru_cache(_MAX_KEPT)(lambda make, *given: make(generator, *given))
    return attributes["_kept"](make, *arguments)
