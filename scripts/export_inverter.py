"""Exports inverter, generator and classifier as one SavedModel for TensorFlow Serving.

  export_inverter                                    # the pretrained models, to serving/inverter/1
  export_inverter --output_dir=serving/sc09 --generator=wavegan_sc09/ --inverter=runs/inverter/inverter.keras
  export_inverter --version=20

Writes OUTPUT_DIR/<version>/, the number after the last if none is given, with the
signatures invert (also the default), reconstruct, invert_wav, generate, classify
and refine, requests to warm up with, and metadata.json that tells of them;
models.config and batching.config beside it. A running server that polls
OUTPUT_DIR takes the new version when it is whole.
"""

from __future__ import annotations

from absl import flags, logging

from tf_inversion.models import ModelBundle, ModelSettings
from tf_inversion.scripts import command, common_flags, settings_flags

FLAGS = flags.FlagValues()

settings_flags.define(ModelSettings, FLAGS, without=("judge",))
common_flags.define(FLAGS, "output_dir", output_dir="serving/inverter")
flags.DEFINE_integer(
    "version",
    None,
    "Number of the version. Default: the one after the last.",
    lower_bound=1,
    flag_values=FLAGS,
)


def main(arguments: list[str]) -> None:
    command.refuse_arguments(arguments)
    folder = common_flags.output_dir(FLAGS)

    from tf_inversion.export import versions

    versions.new_version(folder, FLAGS.version)

    from tf_inversion.export import saved_model

    logging.set_verbosity(logging.WARNING)  # TensorFlow tells of each file that it saves
    models = ModelBundle.load(
        settings_flags.read(ModelSettings, FLAGS), needs=("inverter", "classifier"), wants=()
    )
    progress = common_flags.progress(FLAGS, "tracing")
    written = saved_model.export(folder, models, FLAGS.version, progress)
    size = sum(path.stat().st_size for path in written.rglob("*") if path.is_file())
    print(f"{written}: {size / 1e6:.1f} MB; signatures in metadata.json")


run = command.runner(main, __doc__, FLAGS)
