"""Tells whether the generator made a clip, and real speech from synthesized.

  detect_synthetic                                   # the bundled clips: speech of another synthesizer
  detect_synthetic downloads/*.mp3
  detect_synthetic --generator=wavegan_sc09/ --inverter=runs/inverter/inverter.keras clips/
  detect_synthetic --data_dir=data/fsdd clips/       # and whether any generator may have
  detect_synthetic --evaluate --data_dir=data/fsdd --other_generator=runs/wavegan/generator

By attribution: the generator's own clips, and no others, can be inverted all but exactly. By features: a
linear classifier on those of the inverter, trained on the recordings of --data_dir and synthesized clips.

Writes OUTPUT_DIR/detection.csv, a row for each clip; with --evaluate detection.md, the areas under the ROC
curve of both ways on held-out clips, and after what happens to clips on their way.
"""

from __future__ import annotations

from absl import flags

from tf_inversion import errors
from tf_inversion.scripts import command, common_flags

FLAGS = flags.FLAGS

common_flags.define("generator", "original_graph", "latent_tensor", "audio_tensor", "inverter")
common_flags.define("data_dir", "output_dir", "peak", "seed", "batch_size", "quiet")
FLAGS.set_default("output_dir", "out/detection")
flags.DEFINE_integer("starts", 2, "Starts of the inversion for each clip.", 1)
flags.DEFINE_integer("max_iterations", 40, "Iterations from each start.", 1)
flags.DEFINE_float("threshold", None, "Residual in dB up to which a clip is the generator's. Default: -10.")
flags.DEFINE_bool("evaluate", False, "Measure both ways, on the test split of --data_dir.")
flags.DEFINE_string("other_generator", None, "With --evaluate: another GAN, to be told from this one.")
flags.DEFINE_integer("num_clips", 50, "With --evaluate: held-out clips of each kind.", 2)
flags.DEFINE_integer("num_train", 500, "Clips of each kind that the features' classifier learns from.", 2)

_DEGRADATIONS = ("16-bit WAV", "MP3, 128 kbit/s", "white noise, SNR 20 dB", "8 kHz and back")
_LEGEND = """
Area under the ROC curve: 1 if all clips are told apart, 0.5 by guessing. own, other: clips of the generator
and of --other_generator; real: recordings. Medians: by attribution, how far under the clip lies what the
generator can't explain of it, in dB; by features, the log-odds of being synthesized."""


def main(arguments: list[str]) -> int:
    folder = common_flags.output_dir()
    if FLAGS.evaluate and (arguments or not FLAGS.data_dir):
        raise errors.InvalidArgumentError("--evaluate: give --data_dir, and no clips")

    from tf_inversion.applications import detection

    generator = common_flags.load_generator()
    inverter = common_flags.load_inverter(generator)
    ways = {"attribution": lambda audio: _residual_db(audio, generator)}
    if FLAGS.data_dir:
        real = _real("train", FLAGS.num_train, generator, inverter)
        made = _synthesized(generator, len(real), FLAGS.seed + 1)
        ways["features"] = detection.train_detector(
            inverter, real, made, batch_size=FLAGS.batch_size, progress=common_flags.progress("features")
        )
    if FLAGS.evaluate:
        return _evaluate(folder, generator, inverter, ways)
    return _detect(folder, arguments, generator, ways)


def _detect(folder, arguments: list[str], generator, ways) -> int:
    from tf_inversion import paths
    from tf_inversion.applications.detection import OWN_DB
    from tf_inversion.audio.clips import SILENCE, load_clips
    from tf_inversion.audio.layouts import audio_files
    from tf_inversion.evaluation.per_clip import write_csv

    found = audio_files(arguments or [paths.embedded("speech")])
    clips = load_clips(
        found,
        generator.num_samples,
        generator.sample_rate,
        FLAGS.peak or 0.0,
        progress=common_flags.progress("reading"),
    )
    if not clips.names:
        return 1
    threshold = OWN_DB if FLAGS.threshold is None else FLAGS.threshold
    scores = {way: score(clips.audio) for way, score in ways.items()}
    rows = []
    for i, name in enumerate(clips.names):
        residual = scores["attribution"][i]
        own = residual <= threshold
        told = f"{'' if own else 'not '}synthesized by this generator: residual {residual:.0f} dB"
        if abs(clips.audio[i]).max() <= SILENCE:
            told = "silent, which tells nothing"
        rows.append({"name": name, "residual_db": float(residual), "own": int(own)})
        if "features" in scores:
            odds = float(scores["features"][i])
            told += f"; by features {'synthesized' if odds > 0 else 'real'}: log-odds {odds:+.1f}"
            rows[-1]["features_log_odds"] = odds
        print(f"{name}: {told}")
    write_csv(folder / "detection.csv", rows)
    print(f"written: {folder / 'detection.csv'}")
    return 1 if clips.report.unreadable else 0


def _evaluate(folder, generator, inverter, ways) -> int:
    import numpy as np

    from tf_inversion import paths
    from tf_inversion.applications.detection import roc_auc, score_all
    from tf_inversion.audio.degradations import degradations
    from tf_inversion.evaluation.tables import layout
    from tf_inversion.generators.loading import load_generator

    clips = {
        "own": _synthesized(generator, FLAGS.num_clips, FLAGS.seed),
        "real": _real("test", FLAGS.num_clips, generator, inverter),
    }
    pairs = [("own", "real")]
    if FLAGS.other_generator:
        other = load_generator(FLAGS.other_generator)
        if (other.num_samples, other.sample_rate) != (generator.num_samples, generator.sample_rate):
            raise errors.InvalidArgumentError("--other_generator: makes clips of another length or rate")
        clips["other"] = _synthesized(other, FLAGS.num_clips, FLAGS.seed + 2)
        pairs += [("own", "other"), ("other", "real")]
    ways = {"attribution": lambda audio: -_residual_db(audio, generator), "features": ways["features"]}
    all_degradations = degradations(generator.sample_rate, np.random.default_rng(FLAGS.seed))
    chosen = {name: all_degradations[name] for name in _DEGRADATIONS if name in all_degradations}
    headings = [f"{positive} / {negative}" for positive, negative in pairs]
    lines = [["what happened", "way", *headings, *(f"median {kind}" for kind in clips)]]
    changes = {"nothing": lambda clip: clip, **chosen}
    scored = score_all(clips, ways, changes, common_flags.progress("degrading"))
    for (name, way), scores in scored.items():
        areas = [f"{roc_auc(scores[positive], scores[negative]):.3f}" for positive, negative in pairs]
        medians = [f"{np.median(scores[kind]):.1f}" for kind in clips]
        lines.append([name, way, *areas, *medians])
    table = f"{layout(lines)}\n{_LEGEND}"
    with paths.writing(folder / "detection.md") as unfinished:
        unfinished.write_text(f"{table}\n", encoding="utf-8")
    print(f"{table}\n\nwritten: {folder / 'detection.md'}")
    return 0


def _residual_db(audio, generator):
    from tf_inversion.applications.detection import residual_db

    return residual_db(
        audio,
        generator,
        starts=FLAGS.starts,
        max_iterations=FLAGS.max_iterations,
        batch_size=FLAGS.batch_size,
        seed=FLAGS.seed,
        progress=common_flags.progress("inverting"),
    )


def _real(split: str, num: int, generator, inverter):
    """Returns at most `num` recordings of a split, [n, num_samples]."""
    from tf_inversion.audio.layouts import find_clips
    from tf_inversion.evaluation.clip_sets import real_clips

    peak = inverter.peak if FLAGS.peak is None else FLAGS.peak
    found = find_clips(FLAGS.data_dir, split)
    progress = common_flags.progress(f"reading, {split}")
    return real_clips(found, generator, (), num=num, seed=FLAGS.seed, peak=peak, progress=progress).audio


def _synthesized(generator, num: int, seed: int):
    from tf_inversion.evaluation.clip_sets import synthesized_clips

    progress = common_flags.progress("synthesizing")
    return synthesized_clips(generator, num, seed, batch_size=FLAGS.batch_size, progress=progress).audio


run = command.runner(main, __doc__)
