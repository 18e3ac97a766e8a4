"""Converts inverter, generator and classifier to TensorFlow Lite, and tells what that costs.

  convert_tflite                                     # the embedded models, every format
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

from tf_inversion import errors
from tf_inversion.scripts import command, common_flags

FLAGS = flags.FLAGS

common_flags.define(
    "generator", "original_graph", "latent_tensor", "audio_tensor", "inverter", "classifier", "judge"
)
common_flags.define("data_dir", "output_dir", "peak", "seed", "batch_size", "quiet")
FLAGS.set_default("output_dir", "out/tflite")
flags.DEFINE_list("models", ["inverter", "generator", "classifier"], "What to convert.")
flags.DEFINE_list("formats", ["float32", "float16", "dynamic_range", "int8"], "To which formats.")
flags.DEFINE_enum("front_end", "stft", ["stft", "dft"], "dft: the STFT as matrix products.")
flags.DEFINE_string(
    "calibration",
    None,
    "Folder of clips that, beside synthesized ones, tell int8 the range of each activation. "
    "Default: the training split of --data_dir, or the bundled clips.",
)
flags.DEFINE_integer(
    "num_clips", 100, "Clips to measure on: so many synthesized, and real ones of --data_dir's test split.", 1
)

_CALIBRATION_CLIPS = 100  # of each kind; 50 and 500 gave no other correlation


def main(arguments: list[str]) -> None:
    command.refuse_arguments(arguments)
    folder = common_flags.output_dir()
    _check_choice("models")
    _check_choice("formats")

    from tf_inversion import paths
    from tf_inversion.audio.layouts import find_clips

    measured = typical = find_clips(paths.embedded("speech"), "all")
    if FLAGS.data_dir:
        measured, typical = (find_clips(FLAGS.data_dir, split) for split in ("test", "train"))
    if FLAGS.calibration:
        typical = find_clips(FLAGS.calibration, "all")

    from tf_inversion.export import comparison, tflite

    generator = common_flags.load_generator()
    inverter = common_flags.load_inverter(generator)
    classifier = common_flags.load_classifier(generator)
    judge = common_flags.load_judge(generator)
    exportables = {
        "inverter": lambda: tflite.exportable_inverter(inverter, FLAGS.front_end),
        "generator": lambda: tflite.exportable_generator(generator),
        "classifier": lambda: tflite.exportable_classifier(classifier, FLAGS.front_end),
    }
    exportables = [exportables[name]() for name in FLAGS.models]
    wanted = [[name for name in FLAGS.formats if name in model.formats] for model in exportables]
    if not any(wanted):
        raise errors.InvalidArgumentError("--formats: int8 is for the inverter; add another, or --models")

    peak = inverter.peak if FLAGS.peak is None else FLAGS.peak
    calibration = _clips(typical, _CALIBRATION_CLIPS, FLAGS.seed + 1, peak, generator, judge).audio
    files = {
        model.name: tflite.convert(
            model, names, calibration, common_flags.progress(f"converting {model.name}")
        )
        for model, names in zip(exportables, wanted)
    }
    clips = _clips(measured, FLAGS.num_clips, FLAGS.seed, peak, generator, judge)
    rows = comparison.compare(
        files,
        clips,
        inverter,
        generator,
        classifier,
        judge,
        batch_size=FLAGS.batch_size,
        progress=common_flags.progress("measuring"),
    )
    source = FLAGS.data_dir or "the bundled ones"
    made = common_flags.provenance(
        clips=f"{len(clips.audio)}, of {source} at peak {peak:g} and synthesized",
        calibration=f"{FLAGS.calibration or source}, and synthesized ones",
        litert=tflite.versions()["ai-edge-litert"],
    )
    lines = "".join(f"- {name}: {value}\n" for name, value in made.items())
    markdown = f"{comparison.to_markdown(rows)}\n## How it was made\n\n{lines}"
    for model in exportables:
        for name, contents in files[model.name].items():
            facts = tflite.metadata(model, name, contents)
            facts["source"] = FLAGS[model.name].value or "embedded"
            with paths.writing(folder / f"{model.name}_{name}.tflite") as unfinished:
                unfinished.write_bytes(contents)
            with paths.writing(folder / f"{model.name}_{name}.json") as unfinished:
                unfinished.write_text(json.dumps(facts, indent=2) + "\n")
    with paths.writing(folder / "table.json") as unfinished:
        unfinished.write_text(json.dumps(rows, indent=2, allow_nan=False) + "\n")
    with paths.writing(folder / "table.md") as unfinished:
        unfinished.write_text(markdown, encoding="utf-8")
    print(f"{markdown}\nwritten: {folder}: the models with their metadata, table.md, table.json")


def _check_choice(flag: str) -> None:
    choices = FLAGS[flag].default
    if not FLAGS[flag].value:
        raise errors.InvalidArgumentError(f"--{flag}: is empty; choose from {', '.join(choices)}")
    for name in FLAGS[flag].value:
        if name not in choices:
            raise errors.InvalidArgumentError(f"--{flag}: {name!r} is none of {', '.join(choices)}")


def _clips(found, num: int, seed: int, peak: float, generator, judge):
    """Returns at most `num` of the clips, and as many synthesized ones, which have no labels."""
    import numpy as np

    from tf_inversion.evaluation.clip_sets import ClipSet, real_clips, synthesized_clips

    progress = common_flags.progress("reading")
    real = real_clips(found, generator, judge.label_names, num=num, seed=seed, peak=peak, progress=progress)
    progress = common_flags.progress("synthesizing")
    made = synthesized_clips(generator, num, seed, batch_size=FLAGS.batch_size, progress=progress)
    labels = None if real.labels is None else np.append(real.labels, np.full(num, -1))
    return ClipSet(np.concatenate([real.audio, made.audio]), real.sample_rate, labels=labels)


run = command.runner(main, __doc__)
