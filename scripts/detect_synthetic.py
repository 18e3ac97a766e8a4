"""Tells whether the generator made a clip, and real speech from synthesized.

  detect_synthetic                                   # the bundled clips: speech of another synthesizer
  detect_synthetic downloads/*.mp3
  detect_synthetic --generator=wavegan_sc09/ --inverter=runs/inverter/inverter.keras clips/
  detect_synthetic --data_dir=data/fsdd clips/       # and whether any generator may have
  detect_synthetic --evaluate --data_dir=data/fsdd --other_generator=runs/wavegan/generator

By attribution: the generator's own clips, and no others, can be inverted all but exactly. By features: a
linear classifier on those of the inverter, trained on the recordings of --data_dir and synthesized clips.

Writes OUTPUT_DIR/detection.csv, a row for each clip; with --evaluate detection.md, the areas under the ROC
curve of both detectors on held-out clips, and after what happens to clips on their way.
"""

from __future__ import annotations

import functools
from pathlib import Path

from absl import flags

from tf_inversion import errors
from tf_inversion.applications.settings import DetectionSettings
from tf_inversion.models import ModelBundle, ModelSettings
from tf_inversion.scripts import command, common_flags, settings_flags

FLAGS = flags.FlagValues()

settings_flags.define(ModelSettings, FLAGS, without=("classifier", "judge"))
settings_flags.define(DetectionSettings, FLAGS)
common_flags.define(FLAGS, "data_dir", "output_dir", "peak", "seed", "batch_size", output_dir="out/detection")
flags.DEFINE_bool(
    "evaluate", False, "Measure both detectors, on the test split of --data_dir.", flag_values=FLAGS
)
flags.DEFINE_string(
    "other_generator", None, "With --evaluate: another GAN, to tell from this one.", flag_values=FLAGS
)

_DEGRADATIONS = ("16-bit WAV", "MP3, 128 kbit/s", "white noise, SNR 20 dB", "8 kHz and back")
_LEGEND = """
Area under the ROC curve: 1 if all clips are told apart, 0.5 by guessing. own, other: clips of the generator
and of --other_generator; real: recordings. Medians: by attribution, how far under the clip lies what the
generator can't explain of it, in dB; by features, the log-odds of being synthesized."""


def main(arguments: list[str]) -> int:
    folder = common_flags.output_dir(FLAGS)
    settings = settings_flags.read(DetectionSettings, FLAGS)
    if FLAGS.evaluate and (arguments or not FLAGS.data_dir):
        raise errors.InvalidArgumentError("--evaluate: give --data_dir, and no clips")

    from tf_inversion.applications import detection

    models = ModelBundle.load(settings_flags.read(ModelSettings, FLAGS), wants=())
    residual_db = functools.partial(
        detection.residual_db,
        generator=models.generator,
        starts=settings.starts,
        max_iterations=settings.max_iterations,
        batch_size=FLAGS.batch_size,
        seed=FLAGS.seed,
        progress=common_flags.progress(FLAGS, "inverting"),
    )
    detectors = {"attribution": lambda audio: -residual_db(audio)}
    if FLAGS.data_dir:
        real = common_flags.recordings(FLAGS, "train", models, settings.num_train).audio
        detectors["features"] = detection.train_detector(
            models.inverter,
            real,
            common_flags.synthesized(FLAGS, models.generator, len(real), FLAGS.seed + 1).audio,
            batch_size=FLAGS.batch_size,
            progress=common_flags.progress(FLAGS, "features"),
        )
    if FLAGS.evaluate:
        return _evaluate(folder, models, detectors, settings.num_clips)
    return _detect(folder, arguments, models, detectors, settings.threshold)


def _detect(folder: Path, arguments: list[str], models: ModelBundle, detectors, threshold: float) -> int:
    from tf_inversion.applications.detection import verdicts
    from tf_inversion.audio.clips import SILENCE
    from tf_inversion.evaluation.tables import write_csv

    clips = common_flags.given_clips(FLAGS, arguments, models.generator)
    if not clips.names:
        return 1
    scores = {name: detect(clips.audio) for name, detect in detectors.items()}
    rows = verdicts(clips.names, scores, threshold)
    for row, audio in zip(rows, clips.audio):
        own = "" if row["own"] else "not "
        described = f"{own}synthesized by this generator: residual {row['residual_db']:.0f} dB"
        if abs(audio).max() <= SILENCE:
            described = "silent, which tells nothing"
        odds = row.get("features_log_odds")
        if odds is not None:
            described += f"; by features {'synthesized' if odds > 0 else 'real'}: log-odds {odds:+.1f}"
        print(f"{row['name']}: {described}")
    write_csv(folder / "detection.csv", rows)
    print(f"written: {folder / 'detection.csv'}")
    return 1 if clips.report.unreadable else 0


def _evaluate(folder: Path, models: ModelBundle, detectors, num: int) -> int:
    import numpy as np

    from tf_inversion import paths
    from tf_inversion.applications.detection import evaluate_detectors, to_markdown
    from tf_inversion.audio.degradations import degradations
    from tf_inversion.generators.loading import load_generator

    generator = models.generator
    clips = {"own": common_flags.synthesized(FLAGS, generator, num, FLAGS.seed).audio}
    if FLAGS.other_generator:
        other = load_generator(FLAGS.other_generator)
        if (other.num_samples, other.sample_rate) != (generator.num_samples, generator.sample_rate):
            raise errors.InvalidArgumentError("--other_generator: makes clips of another length or rate")
        clips["other"] = common_flags.synthesized(FLAGS, other, num, FLAGS.seed + 2).audio
    clips["real"] = common_flags.recordings(FLAGS, "test", models, num).audio
    possible = degradations(generator.sample_rate, np.random.default_rng(FLAGS.seed))
    chosen = {"nothing": lambda clip: clip, **{k: possible[k] for k in _DEGRADATIONS if k in possible}}
    rows = evaluate_detectors(clips, detectors, chosen, common_flags.progress(FLAGS, "degrading"))
    table = f"{to_markdown(rows)}\n{_LEGEND}"
    with paths.writing(folder / "detection.md") as unfinished:
        unfinished.write_text(f"{table}\n", encoding="utf-8")
    print(f"{table}\n\nwritten: {folder / 'detection.md'}")
    return 0


run = command.runner(main, __doc__, FLAGS)
