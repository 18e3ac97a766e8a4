"""Recovers the latent vectors of audio files and writes the reconstructions.

  invert_audio                                       # the bundled clips, with the embedded models
  invert_audio my_clip.wav recordings/ 'more/*.flac'
  invert_audio --peak=0.9 quiet.wav                  # raise the level to what the inverter knows
  invert_audio --method=least_squares --error_bars generated.wav    # the exact z of a generated clip
  invert_audio --method=hybrid --objective=real --starts=1 --max_iterations=500 --trace voice.wav
  invert_audio --all_slices long.wav                 # not only the first 16,384 samples
  invert_audio --generator=wavegan_sc09/ --inverter=runs/inverter/inverter.keras clips/

PATHs are files, folders (searched through) and globs. Writes to OUTPUT_DIR
latents.npz (`latents` float32 [n, latent_dim], `names`; with --error_bars `std`),
reconstructions/<name>.wav, metrics.csv and, unless --noreport, report.html to hear and see it all.
Clips, trace and report of an earlier run in OUTPUT_DIR are removed, files of others are not.
A file that can't be read is reported and the others are done; the exit code is then 1.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from absl import flags

from tf_inversion.scripts import command, common_flags

FLAGS = flags.FLAGS
_log = logging.getLogger(__name__)

common_flags.define(
    "generator", "original_graph", "latent_tensor", "audio_tensor", "inverter", "classifier", "judge"
)
common_flags.define("output_dir", "peak", "seed", "batch_size", "quiet")
common_flags.define("init_file", *common_flags.INVERSION)
FLAGS.set_default("output_dir", "out/inversion")
flags.DEFINE_string("method", "encoder", f"How: {common_flags.METHODS}")
flags.DEFINE_bool("report", True, "Write report.html, and more pages for more than 25 clips.")
flags.DEFINE_bool("trace", False, "Write trace.csv, the course of the objective.")
flags.DEFINE_bool("error_bars", False, "Tell how far off each latent may be; costs a Jacobian a clip.")
flags.DEFINE_bool("all_slices", False, "Invert every slice of a file that is longer, not only the first.")

_QUIET = 4  # so many times under the inverter's training peak, a clip is too quiet


def main(arguments: list[str]) -> int:
    folder = common_flags.output_dir()
    paths, missing = _find(arguments, exclude=folder / "reconstructions")
    if not paths:
        return 1

    from tf_inversion.audio.clips import load_clips
    from tf_inversion.audio.files import write_audio
    from tf_inversion.evaluation import columns
    from tf_inversion.evaluation.clip_sets import ClipSet
    from tf_inversion.evaluation.evaluation import measure
    from tf_inversion.evaluation.report import Section, write_report
    from tf_inversion.evaluation.tables import TRACE, clip_summary, trace_rows, write_csv
    from tf_inversion.inversion.methods import choose, invert
    from tf_inversion.latents import remove_earlier, save_latents

    refines, encodes = common_flags.check_methods([FLAGS.method])
    generator = common_flags.load_generator()
    inverter = common_flags.load_inverter(generator, optional=not encodes)
    classifier = common_flags.load_classifier(generator, optional=True) if refines else None
    judge = common_flags.load_judge(generator, optional=True)
    rate, peak = generator.sample_rate, FLAGS.peak or 0.0
    progress = common_flags.progress("reading")
    clips = load_clips(paths, generator.num_samples, rate, peak, FLAGS.all_slices, progress)
    if not clips.names:
        return 1
    if FLAGS.peak is None and encodes:
        _warn_of_quiet_clips(clips, inverter.peak)
    result = invert(
        clips.audio,
        generator,
        FLAGS.method,
        inverter=inverter,
        classifier=classifier,
        batch_size=FLAGS.batch_size,
        seed=FLAGS.seed,
        init_file=FLAGS.init_file,
        error_bars=FLAGS.error_bars,
        progress=common_flags.progress("inverting"),
        **common_flags.inversion_options(),
    )
    results = {FLAGS.method: result}
    if refines and inverter and choose(FLAGS.method, init=FLAGS.init).init == "encoder":  # where it started
        start = invert(clips.audio, generator, inverter=inverter, batch_size=FLAGS.batch_size)
        results = {"encoder": start, **results}
    inverted = ClipSet(clips.audio, rate, names=clips.names, paths=clips.paths)
    progress = common_flags.progress("measuring")
    evaluation = measure(inverted, results, judge, batch_size=FLAGS.batch_size, progress=progress)
    table = evaluation.per_clip[FLAGS.method]
    for name, audio in zip(clips.names, result.audio):
        write_audio(folder / "reconstructions" / f"{name}.wav", audio, rate)
    remove_earlier(folder / "latents.npz", folder / "reconstructions", clips.names)
    save_latents(folder / "latents.npz", result.latents, clips.names, result.latent_std, clips.paths)
    write_csv(folder / "metrics.csv", columns.rows(table))
    if FLAGS.trace:
        write_csv(folder / "trace.csv", trace_rows(clips.names, result), TRACE)
    else:
        (folder / "trace.csv").unlink(missing_ok=True)
    absent = common_flags.absent(inverter=inverter, classifier=classifier, judge=judge)
    made = common_flags.provenance(peak=f"{peak:g}" if peak else "as it is", **absent)
    section = Section(f"Clips: {len(clips.names)}", evaluation, len(clips.names))
    progress = common_flags.progress("reporting")
    write_report(folder, [section] if FLAGS.report else [], made, progress)
    print(clip_summary(table))
    files = ["reconstructions/", "latents.npz", "metrics.csv", *(["report.html"] if FLAGS.report else [])]
    print(f"{folder}: {', '.join(files)} of {len(clips.names)} clips")
    return 1 if missing or clips.report.unreadable else 0


def _find(arguments: list[str], exclude: Path) -> tuple[list[str], int]:
    """Returns the files that are there, and the number of those that are not; not those in `exclude`."""
    from tf_inversion import paths
    from tf_inversion.audio.folders import audio_files

    found = audio_files(arguments or [paths.embedded("speech")], exclude=[exclude])
    missing = [path for path in found if not os.path.exists(path)]
    for path in missing:
        _log.error("%s: no such file", path)
    return [path for path in found if path not in missing], len(missing)


def _warn_of_quiet_clips(clips, peak: float) -> None:
    from tf_inversion.audio.clips import SILENCE

    levels = abs(clips.audio).max(axis=1)
    quiet = [name for name, level in zip(clips.names, levels) if SILENCE < level < peak / _QUIET]
    if quiet:
        _log.warning(
            "%d clip(s) far quieter than what the inverter was trained on (peak %.2g) will come out "
            "wrong; give --peak=%.2g to raise them: %s",
            len(quiet),
            peak,
            peak,
            ", ".join(quiet),
        )


run = command.runner(main, __doc__)
