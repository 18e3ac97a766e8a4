"""The loop on a model of two weights, so that every promise can be checked to the bit."""

import csv
import dataclasses
import resource
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_inversion import errors
from tf_inversion.audio import files
from tf_inversion.audio.clips import ClipList, check_clips, clip_dataset
from tf_inversion.training import lock, loop
from tf_inversion.training.ema import MovingAverage
from tf_inversion.training.history import read_history
from tf_inversion.training.run import Run
from tf_inversion.training.settings import ClassifierTrainingSettings, InverterTrainingSettings, RunSettings


class Killed(Exception):
    """Stands for a kill: raised in the middle of a step."""


class LineTraining(loop.Training):
    """Fits y = 2x + 1 by Adam; its batches are a function of the step alone."""

    clips_per_step = 8

    def __init__(self, output_dir, kill_at=None, poison_at=None, average=None, **changes):
        self.model = keras.Sequential(
            [keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")], name="line"
        )
        self.optimizer = keras.optimizers.Adam(0.1)
        self.optimizer.build(self.model.trainable_variables)
        if average is not None:
            self.average = MovingAverage(self.model.trainable_variables, average)
        self.kill_at, self.poison_at = kill_at, poison_at
        self.steps_seen = []
        self.run = Run(
            **{
                "output_dir": output_dir,
                "epochs": 3,
                "steps_per_epoch": 4,
                "settings": {"width": 1},
                "checkpoint_minutes": 0.0,
                **changes,
            }
        )

    def batches(self, start):
        step = start
        while True:
            yield step, tf.random.stateless_normal([8, 1], [0, step])
            step += 1

    def train_step(self, batch):
        step, x = batch
        if step == self.kill_at:
            raise Killed
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self.model(x) - (2 * x + 1)) ** 2)
        if step == self.poison_at:
            loss = tf.constant(np.nan)
        else:
            self.optimizer.apply(
                tape.gradient(loss, self.model.trainable_variables), self.model.trainable_variables
            )
            if self.average:
                self.average.update()
        self.steps_seen.append(step)
        return {"loss": loss}

    def validate(self, bar):
        return {"loss": float(np.sum((self.model.get_weights()[0] - 2) ** 2))}

    def fit(self):
        return loop.fit(self.run, self)


@pytest.mark.parametrize("epoch", [1, 2, 3])
@pytest.mark.parametrize("moment", ["validate", "append"])
def test_killed_after_an_epoch_it_is_validated_by_the_next_run(tmp_path, monkeypatch, epoch, moment):
    whole = LineTraining(tmp_path / "whole")
    best = whole.fit()
    torn, calls = LineTraining(tmp_path / "torn"), []
    of = {"validate": torn, "append": loop.History}[moment]
    original = getattr(of, moment)

    def kill(*args):
        calls.append(args)
        if len(calls) == epoch:
            raise Killed
        return original(*args)

    monkeypatch.setattr(of, moment, kill)
    with pytest.raises(Killed):
        torn.fit()
    monkeypatch.undo()
    resumed = LineTraining(tmp_path / "torn")
    assert resumed.fit()["epoch"] == best["epoch"]
    assert resumed.steps_seen == list(range(4 * epoch, 12))
    for name in ("line.keras", "line_last.keras"):
        expected, actual = (keras.saving.load_model(tmp_path / run / name) for run in ("whole", "torn"))
        for one, other in zip(expected.get_weights(), actual.get_weights()):
            np.testing.assert_array_equal(other, one)
    rows, expected = (read_history(tmp_path / run / "history.csv") for run in ("torn", "whole"))
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert [row["validation/loss"] for row in rows] == [row["validation/loss"] for row in expected]


@pytest.mark.parametrize("average", [None, 0.5])
def test_a_killed_run_goes_on_to_the_same_weights(tmp_path, average):
    whole = LineTraining(tmp_path / "whole", average=average)
    whole.fit()
    with pytest.raises(Killed):
        LineTraining(tmp_path / "torn", kill_at=6, average=average).fit()
    resumed = LineTraining(tmp_path / "torn", average=average)
    assert resumed.run.resumes
    assert not dataclasses.replace(resumed.run, resume=False).resumes
    assert not Run(tmp_path / "new", 1, 1, {}).resumes
    resumed.fit()
    assert resumed.steps_seen == [6, 7, 8, 9, 10, 11]
    for expected, actual in zip(whole.model.get_weights(), resumed.model.get_weights()):
        np.testing.assert_array_equal(actual, expected)
    with (tmp_path / "torn/history.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2", "3"]


def test_keeps_the_best_and_the_last(tmp_path):
    training = LineTraining(tmp_path)
    original = training.validate
    worsening = iter([1.0, 0.5, 2.0])
    training.validate = lambda bar: {**original(bar), "loss": next(worsening)}
    best = training.fit()
    assert best["epoch"] == 2
    last = keras.models.load_model(tmp_path / "line_last.keras").get_weights()
    np.testing.assert_array_equal(last[0], training.model.get_weights()[0])
    assert not np.array_equal(keras.models.load_model(tmp_path / "line.keras").get_weights()[0], last[0])


def test_the_moving_average_is_validated_and_saved(tmp_path):
    training = LineTraining(tmp_path, average=0.75)
    slopes, validated = [], []
    original, validate = training.train_step, training.validate

    def train_step(batch):
        metrics = original(batch)
        slopes.append(float(training.model.get_weights()[0][0, 0]))
        return metrics

    def noted(bar):
        validated.append(float(training.model.get_weights()[0][0, 0]))
        return validate(bar)

    training.train_step, training.validate = train_step, noted
    training.fit()
    averages = [slopes[0]]
    for slope in slopes[1:]:
        averages.append(0.75 * averages[-1] + 0.25 * slope)
    assert validated == pytest.approx(averages[3::4], rel=1e-5)
    saved = keras.models.load_model(tmp_path / "line_last.keras").get_weights()[0]
    assert float(saved[0, 0]) == pytest.approx(averages[-1], rel=1e-5)
    assert float(training.model.get_weights()[0][0, 0]) == pytest.approx(slopes[-1], rel=1e-5)
    assert abs(slopes[-1] - averages[-1]) > 0.01


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_weights(tmp_path):
    with pytest.raises(errors.TrainingError, match="loss is nan at step 9"):
        LineTraining(tmp_path, poison_at=9).fit()
    good = LineTraining(tmp_path, epochs=2)
    good.fit()
    assert good.steps_seen == []
    saved = keras.models.load_model(tmp_path / "line.keras")
    assert np.all(np.isfinite(saved.get_weights()[0]))


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    training = LineTraining(tmp_path)
    step = training.train_step

    def spoil(batch):
        metrics = step(batch)
        if batch[0] == 5:
            training.model.layers[0].bias.assign([np.inf])
        return metrics

    training.train_step = spoil
    with pytest.raises(errors.TrainingError, match="bias is not finite"):
        training.fit()
    resumed = LineTraining(tmp_path)
    resumed.fit()
    assert resumed.steps_seen[0] == 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupting_loses_nothing(tmp_path, number):
    whole = LineTraining(tmp_path / "whole", checkpoint_minutes=60.0)
    whole.fit()
    training = LineTraining(tmp_path / "torn", checkpoint_minutes=60.0)
    step = training.train_step

    def interrupted(batch):
        metrics = step(batch)
        if batch[0] == 5:
            signal.raise_signal(number)  # after the update, before the step is counted
        return metrics

    training.train_step = interrupted
    with pytest.raises(KeyboardInterrupt):
        training.fit()
    resumed = LineTraining(tmp_path / "torn", checkpoint_minutes=60.0)
    resumed.fit()
    assert resumed.steps_seen == [6, 7, 8, 9, 10, 11]
    for expected, actual in zip(whole.model.get_weights(), resumed.model.get_weights()):
        np.testing.assert_array_equal(actual, expected)


def test_a_step_with_nothing_to_save_is_not_waited_for(tmp_path):
    training = LineTraining(tmp_path)
    reached = []
    training.train_step = lambda batch: (signal.raise_signal(signal.SIGINT), reached.append(batch))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            training.fit()
    finally:
        signal.signal(signal.SIGINT, before)
    assert reached == []


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, caplog):
    with pytest.raises(Killed):
        LineTraining(tmp_path, kill_at=6).fit()
    newest = max((tmp_path / "checkpoints").glob("*.data*"), key=lambda path: path.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes()[:10])
    resumed = LineTraining(tmp_path)
    resumed.fit()
    assert "ckpt-7: damaged" in caplog.text
    assert "going on from ckpt-6, the one before" in caplog.text
    assert resumed.steps_seen[0] == 5


@pytest.mark.parametrize("name", ["settings.json", "history.csv"])
def test_damaged_files_of_a_run_are_named(tmp_path, name):
    with pytest.raises(Killed):
        LineTraining(tmp_path, kill_at=6).fit()
    (tmp_path / name).write_text("epoch\nthree\n")
    with pytest.raises(errors.TrainingError, match=f"{name}: .*damaged"):
        LineTraining(tmp_path).fit()


def test_other_settings_do_not_resume(tmp_path):
    LineTraining(tmp_path, epochs=1).fit()
    other = LineTraining(tmp_path, settings={"width": 2})
    with pytest.raises(errors.TrainingError, match="holds a run with width=1, this one has width=2"):
        other.fit()
    other.run = dataclasses.replace(other.run, resume=False)
    other.fit()
    assert other.steps_seen[0] == 0


def test_a_second_training_in_a_folder_is_refused_and_the_first_goes_on(tmp_path):
    first, second = LineTraining(tmp_path / "run"), LineTraining(tmp_path / "run", resume=False)
    (tmp_path / "link").symlink_to("run")
    step = first.train_step

    def disturbed(batch):
        if batch[0] == 6:
            for folder in ("run", "link"):
                second.run = dataclasses.replace(second.run, output_dir=tmp_path / folder)
                with pytest.raises(errors.TrainingError, match="another training runs in this folder"):
                    second.fit()
            assert (tmp_path / "run/checkpoints").is_dir()
        return step(batch)

    first.train_step = disturbed
    assert first.fit()["epoch"] == 3
    assert second.steps_seen == []
    second.fit()
    assert second.steps_seen[0] == 0


def test_a_killed_training_leaves_no_lock(tmp_path):
    """Whatever the folder's file system remembers of it."""
    program = f"""if 1:
        import os, signal, types
        from tf_inversion.training import lock
        lock.alone_in_folder(lambda run: os.kill(os.getpid(), signal.SIGKILL))(
            types.SimpleNamespace(output_dir={str(tmp_path)!r}))"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGKILL
    assert lock.alone_in_folder(lambda run: list(tmp_path.iterdir()))(Run(tmp_path, 1, 1, {})) == []


def test_a_clip_that_vanishes_ends_the_training_in_one_line(tmp_path):
    path = tmp_path / "clip.wav"
    files.write_audio(path, np.full(100, 0.5), 16000)
    clips = check_clips(ClipList([str(path)]), 8)
    training = LineTraining(tmp_path / "run")
    step = training.train_step

    def batches(start):
        for i, (audio, _) in enumerate(clip_dataset(clips, batch_size=1, num_samples=8, repeat=True)):
            yield i, tf.transpose(audio)

    def train_step(batch):
        path.unlink(missing_ok=True)
        return step(batch)

    training.batches, training.train_step = batches, train_step
    training.run = dataclasses.replace(training.run, steps_per_epoch=10_000)
    with pytest.raises(errors.AudioFileError, match=r"clip\.wav"):
        training.fit()


def test_no_whole_checkpoint_is_told(tmp_path, caplog):
    LineTraining(tmp_path, epochs=1).fit()
    for path in (tmp_path / "checkpoints").glob("*.index"):
        path.write_bytes(b"")
    with pytest.raises(errors.TrainingError, match="checkpoints: no checkpoint is whole"):
        LineTraining(tmp_path).fit()
    assert "it is the oldest" in caplog.text


@pytest.mark.parametrize("name", ["w[1]", "{a,b}", "what?*"])
def test_a_folder_may_have_any_name(tmp_path, name):
    with pytest.raises(Killed):
        LineTraining(tmp_path / name, kill_at=6).fit()
    resumed = LineTraining(tmp_path / name)
    resumed.fit()
    assert resumed.steps_seen[0] == 6
    assert len(list((tmp_path / name / "checkpoints").glob("ckpt-*.index"))) == 2


@pytest.mark.parametrize("limit", [0, 300, 2000])
def test_a_full_disk_leaves_the_last_whole_state(tmp_path, limit):
    whole = LineTraining(tmp_path / "whole")
    whole.fit()
    tmp_path = tmp_path / "torn"
    with pytest.raises(Killed):
        LineTraining(tmp_path, kill_at=6).fit()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises((errors.TrainingError, OSError)):
            LineTraining(tmp_path).fit()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not [path for path in tmp_path.rglob("*") if "temp" in path.name or "unfinished" in path.name]
    resumed = LineTraining(tmp_path)
    resumed.fit()
    assert resumed.steps_seen[0] >= 6
    for expected, actual in zip(whole.model.get_weights(), resumed.model.get_weights()):
        np.testing.assert_array_equal(actual, expected)


def test_what_shapes_a_run_is_what_is_compared(tmp_path):
    clips = {"train_clips": ClipList([f"/data/{i}.wav" for i in range(9)])}
    settings = InverterTrainingSettings(batch_size=4)
    run = Run.of(RunSettings(str(tmp_path), epochs=3), settings, {**clips, "generator": None})
    assert run.steps_per_epoch == 2
    assert run.settings["train_clips"].startswith("9 clips, sha256 ")
    assert run.settings["generator"] == "none"
    assert run.settings["loss_weights"] == {"perceptual": 1, "latent": 1}
    assert {
        "epochs": 3,
        "output_dir": str(tmp_path),
        "train_clips_folder": "/data",
    }.items() <= run.others.items()
    assert not run.others.keys() & run.settings.keys()
    elsewhere = {"train_clips": ClipList([f"other/{i}.wav" for i in range(9)]), "generator": None}
    other = InverterTrainingSettings(batch_size=4, loss_weights="latent+0.5*perceptual+0.5*perceptual")
    assert run.settings == Run.of(RunSettings("there", steps_per_epoch=2), other, elsewhere).settings
    falling = ClassifierTrainingSettings(batch_size=4)
    assert Run.of(RunSettings(epochs=3), falling, clips).settings["epochs"] == 3
    with pytest.raises(errors.InvalidArgumentError, match="batch_size: 64 is more than the 9 training clips"):
        Run.of(RunSettings(), InverterTrainingSettings(), clips)
