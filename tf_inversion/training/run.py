"""A run of a training: its place, its length, and what it may be resumed with."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import keras

from tf_inversion import errors
from tf_inversion.audio.layouts import ClipList
from tf_inversion.training import checkpoints, fingerprints
from tf_inversion.training.settings import ResNetTrainingSettings, RunSettings, TrainingSettings

Metrics = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Run:
    """Where and how long a training runs, and what shapes its result.

    Attributes:
      output_dir: folder for the checkpoints, the weights, history.csv and TensorBoard's logs.
      epochs, steps_per_epoch: the length.
      settings: what shapes the result; a run is resumed only with the same.
      others: what settings.json tells besides.
      resume: whether to go on from the last checkpoint, if there is one.
      checkpoint_minutes: a kill loses at most this much work.
      progress: makes a bar for an epoch, called like `tqdm.tqdm(total=, initial=, desc=)`, and for loops,
        `tqdm.tqdm(iterable, total=, desc=)`.
    """

    output_dir: Path
    epochs: int
    steps_per_epoch: int
    settings: Mapping[str, Any]
    others: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    resume: bool = True
    checkpoint_minutes: float = 5.0
    progress: Callable[..., Any] | None = None

    @classmethod
    def of(
        cls,
        run: RunSettings,
        settings: TrainingSettings,
        inputs: Mapping[str, ClipList | keras.layers.Layer | None],
        progress: Callable[..., Any] | None = None,
    ) -> Run:
        """Returns the run of these settings.

        Args:
          run: where and how long.
          settings: what is learned.
          inputs: the data and the models that the result depends on; those of "train_clips", an epoch is a
            pass over if it has no number of steps.
          progress: see above.

        Raises:
          InvalidArgumentError: if `run` has no number of steps, and the clips are less than a batch.
        """
        clips = {name: some for name, some in inputs.items() if isinstance(some, ClipList)}
        num_clips = len(clips.get("train_clips", ()))
        steps = run.steps_per_epoch or num_clips // settings.batch_size
        if not num_clips and not steps:
            raise errors.InvalidArgumentError("steps_per_epoch: without a data set, give a number")
        if not steps:
            raise errors.InvalidArgumentError(
                f"batch_size: {settings.batch_size} is more than the {num_clips} training clips; "
                "make it smaller or give steps_per_epoch"
            )
        shaping = {**settings.shaping(), "steps_per_epoch": steps}
        shaping |= {name: fingerprints.fingerprint(some) for name, some in inputs.items()}
        if shaping.get("schedule") == "cosine":
            shaping["epochs"] = run.epochs
        given = {**dataclasses.asdict(run), **dataclasses.asdict(settings)}
        given |= {f"{name}_folder": fingerprints.folder(some) for name, some in clips.items()}
        return cls(
            Path(run.output_dir),
            run.epochs,
            steps,
            shaping,
            {name: given[name] for name in sorted(given.keys() - shaping)},
            run.resume,
            run.checkpoint_minutes,
            progress,
        )

    @property
    def resumes(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return self.resume and bool(checkpoints.numbers(self.output_dir / "checkpoints"))

    @property
    def num_steps(self) -> int:
        """Of the whole run."""
        return self.epochs * self.steps_per_epoch

    def bar(self, text: str, total: int | None = None) -> Callable[[Iterable], Iterable]:
        """Returns a wrapper of loops outside the epochs, of `total` turns if it is not known from them."""
        return loop_bar(self.progress, text, total)


def loop_bar(
    progress: Callable[..., Any] | None, text: str, total: int | None = None
) -> Callable[[Iterable], Iterable]:
    """Returns a wrapper of loops that shows how far they are, if `progress` (see `Run`) is given."""
    return iter if progress is None else functools.partial(progress, desc=text, total=total, leave=False)


def learning_rate(
    settings: ResNetTrainingSettings, num_updates: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Returns the learning rate of a training of so many updates."""
    if settings.schedule == "constant":
        return settings.learning_rate
    return keras.optimizers.schedules.CosineDecay(settings.learning_rate, num_updates)
