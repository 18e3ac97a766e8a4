"""The loop that every training shares: resume, validate, keep the best.

All randomness is a function of the seed and the step, so a run that was killed
and started again continues as if nothing had happened.
"""

from __future__ import annotations

import contextlib
import json
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
from tf_inversion.settings import difference
from tf_inversion.training import checkpoints, lock
from tf_inversion.training.ema import MovingAverage
from tf_inversion.training.history import History
from tf_inversion.training.run import Metrics, Run

_STOPPED = "training stopped, the last good weights are kept; try a smaller learning_rate"


class Training:
    """What `fit` trains, one step after the other; derive from it.

    Attributes:
      model: saved as `name` (least validation loss) and `name`_last.
      optimizer: its slots are checkpointed with the model.
      average: of the model's weights; if there is one, that is what is validated and saved.
      clips_per_step: for the speed in the progress bar.
      tracked: what else is checkpointed, such as an opponent and its optimizer.
    """

    model: keras.Model
    optimizer: keras.Optimizer
    average: MovingAverage | None = None
    clips_per_step: int
    tracked: Mapping[str, Any] = types.MappingProxyType({})

    @property
    def name(self) -> str:
        """Of the files that hold the model."""
        return self.model.name

    def batches(self, start: int) -> Iterable:
        """Returns the batches from a global step on, without end: functions of the seed and the step."""
        raise NotImplementedError

    def train_step(self, batch: Any) -> Mapping[str, tf.Tensor]:
        """Updates the model by a batch; returns metrics by name, "loss" among them."""
        raise NotImplementedError

    def validate(self, bar: Callable[..., Callable[[Iterable], Iterable]]) -> Metrics:
        """Returns metrics of the model in inference mode, "loss" among them; `bar` is `Run.bar`."""
        raise NotImplementedError

    def illustrate(self) -> None:
        """Writes images and audio to TensorBoard, once an epoch."""

    def save(self, path: Path, step: int) -> None:
        """Writes the model to a path without suffix; by default as .keras."""
        save_model(self.model, path)


@lock.alone_in_folder
@decoding.file_errors()
def fit(run: Run, training: Training) -> Metrics:
    """Trains a model and returns the validation metrics of its best epoch.

    Raises:
      TrainingError: if a loss or a weight is not finite (the last good weights stay), another training runs
        in the folder, or it holds a run of other settings, or it can't be written to.
      AudioFileError: if a clip has vanished or changed since it was checked.
    """
    output_dir, model = Path(run.output_dir), training.model
    _check_settings(output_dir, run)
    logs = output_dir / "logs"
    step = tf.Variable(0, dtype=tf.int64)
    best = tf.Variable(math.inf, dtype=tf.float64)
    state = {"step": step, "best": best, "model": model, "optimizer": training.optimizer, **training.tracked}
    if seeds := [v.value for v in model.variables if all(v is not weight for weight in model.weights)]:
        state["seeds"] = seeds  # of dropout, which Keras does not take for part of the model
    if training.average:
        state["average"] = training.average.state
    saved = checkpoints.Checkpoints(output_dir / "checkpoints", **state)

    def checkpoint() -> None:
        _check_weights(model)
        saved.save()

    if run.resume:
        saved.restore()
    history = History(output_dir / "history.csv", first_epoch=int(step) // run.steps_per_epoch + 1)

    def unvalidated() -> bool:
        """Returns whether a whole epoch is trained but not validated, as after a kill in between."""
        epoch, rest = divmod(int(step), run.steps_per_epoch)
        return rest == 0 and history.last_epoch == epoch - 1

    if int(step) >= run.num_steps and not unvalidated():
        return history.best()
    iterator = iter(training.batches(int(step)))
    with checkpoints.one_line(logs):
        writer = tf.summary.create_file_writer(str(logs))
    while int(step) < run.num_steps or unvalidated():
        started = time.monotonic()
        metrics = {} if unvalidated() else _train_epoch(run, training, iterator, step, checkpoint)
        epoch = int(step) // run.steps_per_epoch
        with training.average.lent() if training.average else contextlib.nullcontext():
            metrics |= {f"validation/{name}": value for name, value in training.validate(run.bar).items()}
            _check_finite(metrics, int(step))
            with checkpoints.one_line(logs), writer.as_default(step=epoch):
                for name, value in metrics.items():
                    tf.summary.scalar(name, value)
                training.illustrate()
                writer.flush()
            if metrics["validation/loss"] < float(best):
                best.assign(metrics["validation/loss"])
                training.save(output_dir / training.name, int(step))
            training.save(output_dir / f"{training.name}_last", int(step))
        checkpoint()  # before the history, which tells that the epoch is done with
        history.append({"epoch": epoch, **metrics, "seconds": time.monotonic() - started})
    return history.best()


def _train_epoch(run: Run, training: Training, iterator, step: tf.Variable, checkpoint) -> Metrics:
    """Runs what is left of an epoch from `step` on; returns the means of its metrics."""
    epoch, done = int(step) // run.steps_per_epoch + 1, int(step) % run.steps_per_epoch
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
            metrics = {name: float(value) for name, value in training.train_step(next(iterator)).items()}
            _check_finite(metrics, int(step))
            step.assign_add(1)
            sums = {name: sums.get(name, 0.0) + value for name, value in metrics.items()}
            if bar:
                speed = count * training.clips_per_step / (time.monotonic() - started)
                bar.set_postfix_str(f"loss {sums['loss'] / count:.4f}, {speed:.0f} clips/s", refresh=False)
                bar.update()
            if interrupted or time.monotonic() - saved > 60 * run.checkpoint_minutes:
                checkpoint()
                saved = time.monotonic()
            if interrupted:
                raise KeyboardInterrupt
    return {name: value / (run.steps_per_epoch - done) for name, value in sums.items()}


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


def _check_finite(metrics: Metrics, step: int) -> None:
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise errors.TrainingError(f"{name} is {value} at step {step}: {_STOPPED}")


def _check_weights(model: keras.Model) -> None:
    """Refuses to save what the last update has spoilt."""
    for weight in model.weights:
        if not np.all(np.isfinite(weight.numpy())):
            raise errors.TrainingError(f"weight {weight.path} is not finite: {_STOPPED}")


def save_model(model: keras.Model, path: Path) -> None:
    """Writes <path>.keras."""
    with paths.writing(path.with_name(f"{path.name}.keras")) as temporary:
        model.save(temporary)


def _check_settings(output_dir: Path, run: Run) -> None:
    """Remembers a new run's settings; refuses to resume a run of other settings."""
    path = output_dir / "settings.json"
    if run.resumes:
        try:
            before = dict(json.loads(path.read_text()))
            before.pop("others", None)
        except (OSError, ValueError, TypeError) as error:
            raise errors.TrainingError(f"{path}: missing or damaged; start over without resume") from error
        if name := difference(before, run.settings):
            raise errors.TrainingError(
                f"{output_dir}: holds a run with {name}={before.get(name)}, this one has "
                f"{name}={run.settings.get(name)}; choose another output_dir, or start over without resume"
            )
        return
    for leftover in (output_dir / "checkpoints", output_dir / "logs"):
        shutil.rmtree(leftover, ignore_errors=True)
    (output_dir / "history.csv").unlink(missing_ok=True)
    with paths.writing(path) as temporary:
        stated = {**dict(sorted(run.settings.items())), "others": dict(run.others)}
        temporary.write_text(json.dumps(stated, indent=2) + "\n")
