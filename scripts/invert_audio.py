"""Recovers the latent vectors of audio files and writes the reconstructions.

  invert_audio                                       # the bundled clips, with the pretrained models
  invert_audio my_clip.wav recordings/ 'more/*.flac'
  invert_audio --peak=0.9 quiet.wav                  # raise the level to what the inverter knows
  invert_audio --method=least_squares --error_bars generated.wav    # the exact z of a generated clip
  invert_audio --method=hybrid --objective=real --starts=1 --max_iterations=500 --trace voice.wav
  invert_audio --all_slices long.wav                 # not only the first 16,384 samples
  invert_audio --generator=wavegan_sc09/ --inverter=runs/inverter/inverter.keras clips/

PATHs are files, folders (searched through) and globs. Writes to OUTPUT_DIR
latents.npz (`latents` float32 [n, latent_dim], `names`; with --error_bars `std`; of a conditional GAN
`condition`, the classes or codes),
reconstructions/<name>.wav, metrics.csv and, unless --noreport, report.html to hear and see it all.
Clips, trace and report of an earlier run in OUTPUT_DIR are removed, files of others are not.
A file that can't be read is reported and the others are done; the exit code is then 1.
"""

from __future__ import annotations

from absl import flags

from tf_inversion.inversion.methods import plan
from tf_inversion.inversion.settings import InversionSettings
from tf_inversion.models import ModelBundle, ModelSettings
from tf_inversion.scripts import command, common_flags, settings_flags

FLAGS = flags.FlagValues()
settings_flags.define(ModelSettings, FLAGS)
settings_flags.define(InversionSettings, FLAGS)
common_flags.define(FLAGS, "output_dir", "peak", output_dir="out/inversion")
flags.DEFINE_bool(
    "report", True, "Write report.html, and more pages for more than 25 clips.", flag_values=FLAGS
)
flags.DEFINE_bool("trace", False, "Write trace.csv, the history of the objective.", flag_values=FLAGS)
flags.DEFINE_bool(
    "all_slices", False, "Invert every slice of a file that is longer, not only the first.", flag_values=FLAGS
)


def main(arguments: list[str]) -> int:
    folder = common_flags.output_dir(FLAGS)
    settings = settings_flags.read(InversionSettings, FLAGS)
    method = plan(settings)

    from tf_inversion.evaluation.clip_sets import ClipSet
    from tf_inversion.evaluation.evaluation import measure
    from tf_inversion.evaluation.outputs import write_inversion
    from tf_inversion.evaluation.tables import clip_summary
    from tf_inversion.inversion.initializers import warn_of_quiet
    from tf_inversion.inversion.invert import invert

    needs, wants = [], ["judge"] if method.refine == "none" else ["classifier", "judge"]
    (needs if method.needs_inverter else wants).append("inverter")
    models = ModelBundle.load(
        settings_flags.read(ModelSettings, FLAGS), needs=needs, wants=wants, conditional=True
    )
    clips = common_flags.given_clips(
        FLAGS,
        arguments,
        models.generator,
        exclude=[folder / "reconstructions"],
        all_slices=FLAGS.all_slices,
    )
    if not clips.names:
        return 1
    if FLAGS.peak is None and method.needs_inverter:
        warn_of_quiet(clips.names, clips.audio, models.inverter)
    progress, batches = common_flags.progress, {"batch_size": FLAGS.batch_size}
    result = invert(clips.audio, models, settings, progress=progress(FLAGS, "inverting"))
    results = {settings.method: result}
    if method.refine != "none" and method.init == "encoder" and models.inverter:  # where it started
        results = {"encoder": invert(clips.audio, models, **batches), **results}
    inverted = ClipSet(clips.audio, models.generator.sample_rate, names=clips.names, paths=clips.paths)
    evaluation = measure(inverted, results, models, **batches, progress=progress(FLAGS, "measuring"))
    provenance = common_flags.provenance(
        models, seed=FLAGS.seed, peak=f"{FLAGS.peak:g}" if FLAGS.peak else "as it is"
    )
    written = write_inversion(
        folder,
        evaluation,
        provenance,
        trace=FLAGS.trace,
        report=FLAGS.report,
        progress=progress(FLAGS, "reporting"),
    )
    print(clip_summary(evaluation.per_clip[settings.method]))
    print(f"{folder}: {', '.join(written)} of {len(clips.names)} clips")
    return 1 if clips.report.unreadable else 0


run = command.runner(main, __doc__, FLAGS)
