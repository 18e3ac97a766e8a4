"""Converts inverter, generator and classifier to TensorFlow Lite, and tells what that costs.

  convert_tflite                                     # the pretrained models, every format
  convert_tflite --data_dir=data/fsdd --num_clips=300
  convert_tflite --models=inverter --formats=float16,int8 --calibration=my_recordings/
  convert_tflite --front_end=dft                     # for runtimes that lack RFFT

Formats: float32, float16, dynamic_range (8-bit weights), and of the inverter int8 (8-bit weights and
activations, its spectrogram excepted). Writes OUTPUT_DIR/<model>_<format>.tflite, of built-in operations
only, its metadata in <model>_<format>.json, and size, speed, error and accuracy of all beside the Keras
models in table.json and table.md. A file takes one clip at a time; docs/tflite.md shows how.
"""

from __future__ import annotations

import json

from absl import flags

from tf_inversion.export.settings import ConversionSettings, formats_of
from tf_inversion.models import ModelBundle, ModelSettings
from tf_inversion.scripts import command, common_flags, settings_flags

FLAGS = flags.FlagValues()

settings_flags.define(ModelSettings, FLAGS)
settings_flags.define(ConversionSettings, FLAGS)
common_flags.define(FLAGS, "data_dir", "output_dir", "peak", "seed", "batch_size", output_dir="out/tflite")

_CALIBRATION_CLIPS = 100  # of each kind; 50 and 500 gave no other correlation


def main(arguments: list[str]) -> None:
    command.refuse_arguments(arguments)
    folder = common_flags.output_dir(FLAGS)
    settings = settings_flags.read(ConversionSettings, FLAGS)

    from tf_inversion import paths
    from tf_inversion.audio.layouts import find_clips

    measured = typical = find_clips(paths.bundled("speech"), "all")
    if FLAGS.data_dir:
        measured, typical = (find_clips(FLAGS.data_dir, split) for split in ("test", "train"))
    if settings.calibration:
        typical = find_clips(settings.calibration, "all")

    from tf_inversion.export import comparison, exportable, tflite

    models = ModelBundle.load(
        settings_flags.read(ModelSettings, FLAGS), needs=("inverter", "classifier", "judge"), wants=()
    )
    exportables = [exportable.make_exportable(name, models, settings.front_end) for name in settings.models]
    calibration = _clips(typical, models, _CALIBRATION_CLIPS, FLAGS.seed + 1).audio
    files = {
        model.name: tflite.convert(
            model,
            [name for name in settings.formats if name in formats_of(model.name)],
            calibration,
            common_flags.progress(FLAGS, f"converting {model.name}"),
        )
        for model in exportables
    }
    clips = _clips(measured, models, settings.num_clips, FLAGS.seed)
    progress = common_flags.progress(FLAGS, "measuring")
    rows = comparison.compare(files, clips, models, batch_size=FLAGS.batch_size, progress=progress)
    source = FLAGS.data_dir or "the bundled ones"
    provenance = common_flags.provenance(
        models,
        seed=FLAGS.seed,
        clips=f"{len(clips.audio)}, of {source} at peak {common_flags.peak(FLAGS, models):g} and synthesized",
        calibration=f"{settings.calibration or source}, and synthesized ones",
        litert=tflite.versions()["ai-edge-litert"],
    )
    lines = "".join(f"- {name}: {value}\n" for name, value in provenance.items())
    markdown = f"{comparison.to_markdown(rows)}\n## How it was made\n\n{lines}"
    with paths.together():
        for model in exportables:
            for name, contents in files[model.name].items():
                tflite.write(folder, model, name, contents, source=models.sources[model.name])
        with paths.writing(folder / "table.json") as unfinished:
            unfinished.write_text(json.dumps(rows, indent=2, allow_nan=False) + "\n")
        with paths.writing(folder / "table.md") as unfinished:
            unfinished.write_text(markdown, encoding="utf-8")
    print(f"{markdown}\nwritten: {folder}: the models with their metadata, table.md, table.json")


def _clips(found, models: ModelBundle, num: int, seed: int):
    """Returns at most `num` of the clips, and as many synthesized ones, which have no labels."""
    import numpy as np

    from tf_inversion.evaluation.clip_sets import ClipSet

    real = common_flags.read_clips(FLAGS, found, models, num, seed)
    synthesized = common_flags.synthesized(FLAGS, models.generator, num, seed)
    labels = None if real.labels is None else np.append(real.labels, np.full(num, -1))
    return ClipSet(np.concatenate([real.audio, synthesized.audio]), real.sample_rate, labels=labels)


run = command.runner(main, __doc__, FLAGS)
