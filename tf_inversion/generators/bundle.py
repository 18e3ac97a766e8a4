"""Checks the index of a checkpoint before TensorFlow reads it, which ends the process if it can't be.

An index is a table in LevelDB's format from the variables' names to what `tensor_bundle.proto` calls a
BundleEntryProto: type, shape, and place in the data files.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import tensor_bundle_pb2

_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48  # bytes: two places of blocks, padding, the magic number
_UNCOMPRESSED = 0


def check_index(prefix: Path) -> None:
    """Raises a ValueError if a checkpoint's index is no such table, or says what can't be.

    Checksums are left to TensorFlow, and so is what an index that is not there means.
    """
    path = prefix.with_name(f"{prefix.name}.index")
    if not path.is_file():
        return
    contents = path.read_bytes()
    if len(contents) < _FOOTER or int.from_bytes(contents[-8:], "little") != _MAGIC:
        raise ValueError(f"{path.name} is not the index of a checkpoint")
    try:
        _, place = _place(contents[-_FOOTER:], _place(contents[-_FOOTER:], 0)[0])
        for _, value in _entries(contents, *place):
            for name, entry in _entries(contents, *_place(value, 0)[1]):
                if name:  # the first entry, without one, is the header
                    _check_entry(tensor_bundle_pb2.BundleEntryProto.FromString(entry))
    except Exception as error:  # IndexError, ValueError, protobuf's DecodeError
        raise ValueError(f"{path.name} is damaged: {error}") from error


def _check_entry(entry: tensor_bundle_pb2.BundleEntryProto) -> None:
    dtype = tf.as_dtype(entry.dtype)
    shape = [dim.size for dim in entry.shape.dim]
    if entry.shape.unknown_rank or min(shape, default=0) < 0 or entry.offset < 0 or entry.size < 0:
        raise ValueError("a variable of impossible shape or place")
    slices = {repr(part) for part in entry.slices}
    extents = [extent for part in entry.slices for extent in part.extent]
    if len(slices) != len(entry.slices) or any(extent.start < 0 or extent.length < 0 for extent in extents):
        raise ValueError("a variable of impossible slices")
    if not slices and math.prod(shape) * (1 if dtype == tf.string else dtype.size) > entry.size:
        raise ValueError("a variable that is larger than its data")


def _entries(contents: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Yields the keys and values of one block."""
    block = contents[offset : offset + size]
    if len(block) != size or size < 4 or contents[offset + size] != _UNCOMPRESSED:
        raise ValueError("a block is cut short or compressed")
    end = size - 4 - 4 * int.from_bytes(block[-4:], "little")  # where the points to start searching at begin
    position, key = 0, b""
    while position < end:
        position, shared = _varint(block, position)
        position, fresh = _varint(block, position)
        position, length = _varint(block, position)
        key = key[:shared] + block[position : position + fresh]
        position += fresh + length
        if position > end:
            raise ValueError("an entry is longer than its block")
        yield key, block[position - length : position]


def _place(contents: bytes, position: int) -> tuple[int, tuple[int, int]]:
    """Reads offset and size of a block; returns where it ended, and them."""
    position, offset = _varint(contents, position)
    position, size = _varint(contents, position)
    return position, (offset, size)


def _varint(contents: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while contents[position] & 128:
        value |= (contents[position] & 127) << shift
        position, shift = position + 1, shift + 7
    return position + 1, value | contents[position] << shift
