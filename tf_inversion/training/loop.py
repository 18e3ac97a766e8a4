"""The loop that every training shares: resume, validate, keep the best.

All randomness is a function of the seed and the step, so a run that was killed
and started again continues as if nothing had happened.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import functools
import json
import logging
import math
import shutil
import signal
import threading
import time
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_inversion import errors, paths
from tf_inversion.audio import decoding
from tf_inversion.training import lock

Metrics = dict[str, float]
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Run:
    """Where and how long a training runs.

    Attributes:
      output_dir: folder for the checkpoints, the weights, history.csv and TensorBoard's logs.
      epochs, steps_per_epoch: the length.
      settings: what shapes the result; a run is resumed only with the same settings.
      resume: whether to go on from the last checkpoint, if there is one.
      checkpoint_minutes: a kill loses at most this much work.
      progress: makes a bar for an epoch, called like `tqdm.tqdm(total=, initial=, desc=)`, and for loops,
        `tqdm.tqdm(iterable, total=, desc=)`.
    """

    output_dir: Path
    epochs: int
    steps_per_epoch: int
    settings: Mapping[str, Any]
    resume: bool = True
    checkpoint_minutes: float = 5.0
    progress: Callable[..., Any] | None = None

    @property
    def resumes(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return self.resume and bool(tf.train.latest_checkpoint(str(Path(self.output_dir) / "checkpoints")))

    def bar(self, text: str, total: int | None = None) -> Callable[[Iterable], Iterable]:
        """Returns a wrapper of loops outside the epochs, of `total` turns if it is not known from them."""
        if self.progress is None:
            return iter
        return functools.partial(self.progress, desc=text, total=total, leave=False)


@lock.alone_in_folder
@decoding.file_errors()
def fit(
    run: Run,
    *,
    model: keras.Model,
    optimizer: keras.Optimizer,
    batches: Callable[[int], Iterable],
    train_step: Callable[[Any], Mapping[str, tf.Tensor]],
    validate: Callable[[], Metrics],
    clips_per_step: int,
    illustrate: Callable[[], None] | None = None,
    more: Mapping[str, Any] | None = None,
    save: Callable[[Any, Path, int], None] | None = None,
) -> Metrics:
    """Trains `model` and returns the validation metrics of its best epoch.

    Args:
      run: the length and the place.
      model: saved as <name> (least validation loss) and <name>_last.
      optimizer: its slots are checkpointed with the model. If it keeps a moving average of the weights
        (Keras' `use_ema`), that is what is validated and saved.
      batches: gives the batches from a global step on, without end.
      train_step: takes a batch, updates the model, returns metrics, "loss" among them.
      validate: metrics of the model in inference mode, "loss" among them.
      clips_per_step: for the speed in the progress bar.
      illustrate: writes images and audio to TensorBoard, once an epoch.
      more: what else is checkpointed, such as an opponent and its optimizer.
      save: writes the model (model, path without suffix, step); by default as .keras.

    Raises:
      TrainingError: if a loss or a weight is not finite (the last good weights
        stay), another training runs in the folder, or it holds a run of other settings.
      AudioFileError: if a clip has vanished or changed since it was checked.
    """
    output_dir = Path(run.output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    _check_settings(output_dir, run)
    state = tf.train.Checkpoint(
        step=tf.Variable(0, dtype=tf.int64),
        best=tf.Variable(math.inf, dtype=tf.float64),
        model=model,
        optimizer=optimizer,
        **(more or {}),
    )
    save = save or save_model
    manager = tf.train.CheckpointManager(state, str(output_dir / "checkpoints"), max_to_keep=2)
    if run.resume:
        _restore(state, manager)
    history = _History(output_dir / "history.csv", first_epoch=int(state.step) // run.steps_per_epoch + 1)
    writer = tf.summary.create_file_writer(str(output_dir / "logs"))
    total_steps = run.epochs * run.steps_per_epoch

    with writer.as_default():
        iterator = iter(batches(int(state.step)) if int(state.step) < total_steps else ())
        while int(state.step) < total_steps:
            epoch = int(state.step) // run.steps_per_epoch + 1
            started = time.monotonic()
            metrics = _train_epoch(run, epoch, iterator, train_step, state, manager, clips_per_step)
            with _averaged_weights(optimizer):
                metrics |= {f"validation/{name}": value for name, value in validate().items()}
                _check_finite(metrics, int(state.step))
                for name, value in metrics.items():
                    tf.summary.scalar(name, value, step=epoch)
                if illustrate:
                    tf.summary.experimental.set_step(epoch)
                    illustrate()
                if metrics["validation/loss"] < float(state.best):
                    state.best.assign(metrics["validation/loss"])
                    save(model, output_dir / model.name, int(state.step))
                save(model, output_dir / f"{model.name}_last", int(state.step))
            history.append({"epoch": epoch, **metrics, "seconds": time.monotonic() - started})
            _save_checkpoint(manager, model)
            writer.flush()
    return history.best()


def _train_epoch(run, epoch, iterator, train_step, state, manager, clips_per_step) -> Metrics:
    """Runs what is left of an epoch; returns the means of its metrics."""
    done = int(state.step) % run.steps_per_epoch
    bar = run.progress and run.progress(
        total=run.steps_per_epoch, initial=done, desc=f"epoch {epoch}/{run.epochs}", unit="step"
    )
    sums: Metrics = {}
    saved = started = time.monotonic()
    interrupted: list[int] = []
    with contextlib.ExitStack() as stack:
        if bar:
            stack.enter_context(contextlib.closing(bar))
        for count in range(1, run.steps_per_epoch - done + 1):
            if count == 2:  # the first step is compiled, which takes long, and leaves nothing to save
                interrupted = stack.enter_context(_between_steps())
            metrics = {name: float(value) for name, value in train_step(next(iterator)).items()}
            _check_finite(metrics, int(state.step))
            state.step.assign_add(1)
            sums = {name: sums.get(name, 0.0) + value for name, value in metrics.items()}
            if bar:
                speed = count * clips_per_step / (time.monotonic() - started)
                bar.set_postfix_str(f"loss {sums['loss'] / count:.4f}, {speed:.0f} clips/s", refresh=False)
                bar.update()
            if interrupted or time.monotonic() - saved > 60 * run.checkpoint_minutes:
                _save_checkpoint(manager, state.model)
                saved = time.monotonic()
            if interrupted:
                raise KeyboardInterrupt
    return {name: value / (run.steps_per_epoch - done) for name, value in sums.items()}


@contextlib.contextmanager
def _averaged_weights(optimizer: keras.Optimizer) -> Iterator[None]:
    """Lends the model the moving average of its weights, if the optimizer keeps one."""
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


@contextlib.contextmanager
def _between_steps() -> Iterator[list[int]]:
    """Holds Ctrl-C and a polite kill back until a step is over: weights and step count go together.

    Yields the list of the signals that came. A second Ctrl-C is not held back.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number, _) -> None:
        if came:
            signal.signal(number, previous[number])
            signal.raise_signal(number)
        came.append(number)

    try:
        for number in previous:
            signal.signal(number, note)
        yield came
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _restore(state: tf.train.Checkpoint, manager: tf.train.CheckpointManager) -> None:
    """Restores the newest checkpoint that is whole, if there are any."""
    for path in reversed(manager.checkpoints):
        try:
            state.restore(path).assert_consumed()
            return
        except (tf.errors.OpError, AssertionError, IndexError, ValueError) as error:
            _log.warning("%s: damaged, trying the one before (%s)", path, str(error).split("\n")[0])
    if manager.checkpoints:
        raise errors.TrainingError(
            f"{manager.directory}: no checkpoint is whole; use --noresume to start over"
        )


def _check_finite(metrics: Metrics, step: int) -> None:
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise errors.TrainingError(
                f"{name} is {value} at step {step}: training stopped, the last good weights are kept; "
                "try a smaller --learning_rate"
            )


def _save_checkpoint(manager: tf.train.CheckpointManager, model: keras.Model) -> None:
    """Saves the run's state, unless the last update has spoilt the weights."""
    for weight in model.weights:
        if not np.all(np.isfinite(weight.numpy())):
            raise errors.TrainingError(
                f"weight {weight.path} is not finite: training stopped, the last good weights are kept; "
                "try a smaller --learning_rate"
            )
    manager.save()


def save_model(model: keras.Model, path: Path, step: int) -> None:
    """Writes <path>.keras."""
    with paths.writing(path.with_name(f"{path.name}.keras")) as temporary:
        model.save(temporary)


def _check_settings(output_dir: Path, run: Run) -> None:
    """Remembers a new run's settings; refuses to resume a run of other settings."""
    path = output_dir / "settings.json"
    settings = dict(sorted(run.settings.items()))
    if run.resume and (output_dir / "checkpoints").exists():
        try:
            before = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise errors.TrainingError(f"{path}: missing or damaged; use --noresume to start over") from error
        for name in sorted({*before, *settings}):
            if before.get(name) != settings.get(name):
                raise errors.TrainingError(
                    f"{output_dir}: holds a run with --{name}={before.get(name)}, this one has "
                    f"--{name}={settings.get(name)}; choose another --output_dir, or --noresume to start over"
                )
        return
    for leftover in (output_dir / "checkpoints", output_dir / "logs"):
        shutil.rmtree(leftover, ignore_errors=True)
    (output_dir / "history.csv").unlink(missing_ok=True)
    with paths.writing(path) as temporary:
        temporary.write_text(json.dumps(settings, indent=2) + "\n")


class _History:
    """history.csv: a row an epoch, rewritten whole so that a kill never tears it."""

    def __init__(self, path: Path, first_epoch: int):
        self._path = path
        self._rows: list[dict[str, Any]] = []
        if path.exists():
            try:
                with path.open(newline="") as file:
                    rows = [
                        {name: float(value) for name, value in row.items()} for row in csv.DictReader(file)
                    ]
                self._rows = [
                    {**row, "epoch": int(row["epoch"])} for row in rows if row["epoch"] < first_epoch
                ]
            except (ValueError, KeyError, TypeError) as error:
                raise errors.TrainingError(f"{path}: damaged; delete it, or use --noresume") from error

    def append(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        with paths.writing(self._path) as temporary, temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            writer.writeheader()
            writer.writerows(self._rows)

    def best(self) -> dict[str, Any]:
        if not self._rows:
            raise errors.TrainingError(f"{self._path}: the finished run's history is gone; use --noresume")
        return min(self._rows, key=lambda row: row["validation/loss"])
