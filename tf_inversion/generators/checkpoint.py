"""Finds and reads checkpoints of TensorFlow 1 and says clearly what is wrong with one.

A WaveGAN download is flat (`infer.meta`, `model.ckpt.index`,
`model.ckpt.data-...`) or a training folder (`infer/infer.meta`,
`model.ckpt-<step>.*`, `args.txt`).
"""

from __future__ import annotations

import contextlib
import glob
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_inversion import errors, paths
from tf_inversion.generators import bundle

#: What TensorFlow raises on files that are missing or damaged; IndexError: data cut short.
_DAMAGE = (tf.errors.OpError, IndexError, ValueError, RuntimeError)
_AVERAGE = "/ExponentialMovingAverage"  # what tf.train.ExponentialMovingAverage appends to a variable's name


def find_checkpoint(path: str | os.PathLike) -> Path | None:
    """Returns the prefix of the newest checkpoint at `path`, or None if there is none.

    What the folder holds counts, not its file `checkpoint`, which often names
    paths of the machine that trained. Newest is the greatest step by number;
    a name without a step comes after all that have one.

    Args:
      path: a folder, a prefix (`model.ckpt`, `model.ckpt-500`) or one of the files beside or inside,
        such as `checkpoint` and `infer/infer.meta`.
    """
    path = Path(path)
    if path.name in ("checkpoint", "infer.meta") and path.is_file():
        path = path.parent
    if path.name == "infer" and path.is_dir() and not list(path.glob("*.index")):
        path = path.parent
    if path.is_dir():
        folder, wanted = path, r".+"
    else:
        folder, name = path.parent, re.sub(r"\.(index|meta|data-\d+-of-\d+)$", "", path.name)
        wanted = re.escape(name) + ("" if (folder / f"{name}.index").exists() else r"-\d+")
    return max(_prefixes(folder, wanted), key=_step, default=None)


def _prefixes(folder: Path, wanted: str) -> list[Path]:
    """Returns the checkpoints in a folder whose names a pattern matches."""
    return [index.with_suffix("") for index in folder.glob("*.index") if re.fullmatch(wanted, index.stem)]


def _without_step(prefix: Path) -> str:
    return re.sub(r"-\d+$", "", prefix.name)


def _step(prefix: Path) -> int:
    step = re.search(r"-(\d+)$", prefix.name)
    return int(step[1]) if step else -1


def find_graph(prefix: Path) -> Path | None:
    """Returns the file of the graph that belongs to a checkpoint, the one for inference first."""
    folder = prefix.parent
    candidates = (folder / "infer" / "infer.meta", folder / "infer.meta", Path(f"{prefix}.meta"))
    return next((path for path in candidates if path.exists()), None)


def read_arguments(prefix: Path) -> dict[str, str]:
    """Returns what WaveGAN's training wrote to `args.txt` beside the checkpoint; empty if there is none."""
    path = prefix.parent / "args.txt"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    return dict(line.split(",", 1) for line in lines if "," in line)


def read_sample_rate(prefix: Path) -> int:
    """Returns the rate in Hz that `args.txt` beside the checkpoint names, else WaveGAN's default."""
    rate = read_arguments(prefix).get("data_sample_rate", "")
    return int(rate) if rate.isdecimal() else 16000


def read_graph(path: Path) -> tf.Graph:
    """Returns the graph of a `.meta` file.

    Raises:
      ModelFileError: if the file is damaged or the graph needs operations of another library.
    """
    graph = tf.Graph()
    try:
        with graph.as_default():
            tf.compat.v1.train.import_meta_graph(os.fspath(path), clear_devices=True)
    except Exception as error:  # its kinds: protobuf's two, UnicodeDecodeError, KeyError, ValueError, OSError
        raise errors.ModelFileError(f"{path}: not a readable graph ({first_line(error)})") from error
    return graph


def read_shapes(prefix: Path) -> dict[str, tuple[int, ...]]:
    """Returns the shape of every variable in a checkpoint.

    Raises:
      ModelFileError: if a file is missing, cut short or damaged.
    """
    with _open(prefix) as reader:
        shapes = {name: tuple(shape) for name, shape in reader.get_variable_to_shape_map().items()}
    dtypes = reader.get_variable_to_dtype_map()
    needed = sum(math.prod(shapes[name]) * dtypes[name].size for name in shapes if dtypes[name] != tf.string)
    held = sum(map(os.path.getsize, glob.glob(f"{glob.escape(os.fspath(prefix))}.data-*")))
    if held < needed:
        raise errors.ModelFileError(
            f"{prefix}.data-*: {held:,} bytes instead of {needed:,}; {_way_out(prefix)}"
        )
    return shapes


def read_variables(prefix: Path, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Returns the named variables of a checkpoint.

    Raises:
      ModelFileError: if a file is missing or damaged, or a value can't be right.
    """
    with _open(prefix) as reader:
        variables = {name: reader.get_tensor(name) for name in names}
    for name, value in variables.items():
        check_values(prefix, name, value)
    return variables


def averages(names: Iterable[str], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    """Returns which of the named variables have a moving average in a checkpoint, and its name there.

    Args:
      names: of variables.
      shapes: of all that the checkpoint holds, see `read_shapes`.
    """
    return {name: name + _AVERAGE for name in names if name + _AVERAGE in shapes}


def check_shape(file: Path, name: str, shape: tuple[int, ...] | None, expected: tuple[int, ...]) -> None:
    """Raises a ModelFileError unless a variable of `file` exists (shape not None) with the expected shape."""
    if shape is None:
        raise errors.ModelFileError(f"{file}: has no variable {name}; is this the whole generator?")
    if shape != expected:
        raise errors.ModelFileError(f"{file}: {name} has shape {list(shape)}, expected {list(expected)}")


def check_values(file: Path, name: str, value: np.ndarray) -> None:
    """Raises a ModelFileError if a variable has values that no trained model has."""
    if not np.all(np.isfinite(value)):
        raise errors.ModelFileError(f"{file}: {name} has values that are not finite; use an earlier step")
    if name.endswith("moving_variance") and np.any(value < 0):
        raise errors.ModelFileError(f"{file}: {name} has negative values; use an earlier step")


@contextlib.contextmanager
def _open(prefix: Path) -> Iterator[tf.train.CheckpointReader]:
    """Yields a reader of a checkpoint; what TensorFlow raises on one that it can't read becomes one line."""
    try:
        with _reader(prefix) as reader:
            yield reader
    except _DAMAGE as error:
        raise errors.ModelFileError(
            f"{prefix}: missing or damaged; {_way_out(prefix)} ({first_line(error)})"
        ) from error


@contextlib.contextmanager
def _reader(prefix: Path) -> Iterator[tf.train.CheckpointReader]:
    bundle.check_index(prefix)
    with paths.without_wildcards(prefix) as path:
        yield tf.train.load_checkpoint(os.fspath(path))


def _way_out(prefix: Path) -> str:
    """Returns what to do about a damaged checkpoint: to take an older step that is whole, if there is one."""
    steps = sorted(
        _prefixes(prefix.parent, rf"{re.escape(_without_step(prefix))}-\d+"), key=_step, reverse=True
    )
    for older in (other for other in steps if _step(other) < _step(prefix)):
        with contextlib.suppress(*_DAMAGE), _reader(older) as reader:
            for name in reader.get_variable_to_shape_map():
                reader.get_tensor(name)
            return f"download it again, or give {older}, which is whole"
    return "download it again"


def first_line(error: Exception) -> str:
    """Returns what another library's error says, cut to the one line that our messages have."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:120]
