"""Trains probes that tell digit and speaker from a latent vector alone, and looks for its neighbours.

  train_latent_probe                                 # of drawn latents: what the judge hears in their clips
  train_latent_probe --data_dir=data/fsdd            # and of recordings: their labels and speakers
  train_latent_probe --data_dir=data/fsdd --method=hybrid --num_clips=500
  train_latent_probe --data_dir=data/fsdd --latents=out/inversion/latents.npz

Prints accuracy and retrieval of clips held out, beside chance. Writes OUTPUT_DIR/latent_probe.npz, in
which edit_latents finds its directions, and the table as latent_probe.md. The probes:

  digit, speaker             of drawn latents, by what judge and inverter hear in their clips
  clip_digit, clip_speaker   of the latents that --method recovers from recordings

The speaker is known from file names like FSDD's, 3_george_12.wav; the held-out recordings are the test
split. With --latents, those of invert_audio, only the recordings that it has are looked at.
"""

from __future__ import annotations

import functools
from pathlib import Path

from absl import flags

from tf_inversion import errors
from tf_inversion.scripts import command, common_flags

FLAGS = flags.FLAGS

common_flags.define(
    "generator", "original_graph", "latent_tensor", "audio_tensor", "inverter", "classifier", "judge"
)
common_flags.define("data_dir", "output_dir", "peak", "seed", "batch_size", "quiet")
common_flags.define(*common_flags.INVERSION)
FLAGS.set_default("output_dir", "runs/latent_probe")
flags.DEFINE_string("method", "encoder", "How the recordings are inverted: a method of invert_audio.")
flags.DEFINE_string("latents", None, "latents.npz of invert_audio, instead of inverting the recordings.")
flags.DEFINE_integer("num_clips", 10_000, "Latents to draw, and recordings of a split at most.", 10)
flags.DEFINE_float("confidence", 0.9, "Drawn latents count whose clip is heard this surely.", 0.0, 1.0)

_TITLE = "# Probes of latent vectors"
_COLUMNS = {
    "num_train": ("trained on", "{}"),
    "num_test": ("held out", "{}"),
    "accuracy": ("accuracy", "{:.1%}"),
    "accuracy_chance": ("chance", "{:.1%}"),
    "precision_at_1": ("precision at 1", "{:.1%}"),
    "precision_at_5": ("at 5", "{:.1%}"),
    "precision_chance": ("chance", "{:.1%}"),
}
_LEGEND = """
accuracy: logistic regression on z alone; chance: always the most frequent class. precision at k: share of the
k nearest training clips in latent space that are of the same class; chance: of clips taken at random."""


def main(arguments: list[str]) -> None:
    command.refuse_arguments(arguments)
    folder = common_flags.output_dir()
    if FLAGS.latents and not FLAGS.data_dir:
        raise errors.InvalidArgumentError("--latents: give --data_dir too, the recordings that they are of")

    from tf_inversion import paths
    from tf_inversion.applications.features import inverter_features
    from tf_inversion.applications.probe import assess, save_probes, train_probe
    from tf_inversion.evaluation.metrics import judge_probabilities
    from tf_inversion.evaluation.tables import layout

    refines, _ = common_flags.check_methods([FLAGS.method])
    generator = common_flags.load_generator()
    inverter = common_flags.load_inverter(generator)
    classifier = common_flags.load_classifier(generator) if refines else None
    judge = common_flags.load_judge(generator)
    batch_size = {"batch_size": FLAGS.batch_size}
    listeners = {"digit": (judge.label_names, functools.partial(judge_probabilities, judge, **batch_size))}
    sets = {}  # name of a probe -> training and held-out clips, each latents and labels
    if FLAGS.data_dir:
        splits = [_recordings(split, generator, inverter, classifier) for split in ("train", "test")]
        for name, values in splits[0][2].items():
            if name not in splits[1][2] or len(set(values)) < 2:  # nothing to test on, or to tell
                continue
            sets[f"clip_{name}"] = [(latents, labels[name]) for _, latents, labels in splits]
        audio, _, labels = splits[0]
        if "clip_speaker" in sets:
            progress = common_flags.progress("features")
            features = inverter_features(inverter, audio, **batch_size, progress=progress)
            voices = train_probe(features, labels["speaker"])
            listeners["speaker"] = (
                voices.labels,
                lambda clips: voices.probabilities(inverter_features(inverter, clips, **batch_size)),
            )
    sets = {**_drawn(generator, listeners), **sets}
    progress = common_flags.progress("training")
    probes = {name: train_probe(*train) for name, (train, _) in progress(sets.items())}
    lines = [["probe", *(heading for heading, _ in _COLUMNS.values())]]
    for name, (train, test) in sets.items():
        row = assess(probes[name], train, test)
        lines.append([name, *(template.format(row[key]) for key, (_, template) in _COLUMNS.items())])
    table = f"{layout(lines)}\n{_LEGEND}"
    made = "".join(f"- {name}: {value}\n" for name, value in common_flags.provenance().items())
    save_probes(folder / "latent_probe.npz", probes)
    with paths.writing(folder / "latent_probe.md") as unfinished:
        unfinished.write_text(f"{_TITLE}\n\n{table}\n\n## How they were made\n\n{made}", encoding="utf-8")
    print(f"{table}\n\nwritten: {folder / 'latent_probe.npz'}, {folder / 'latent_probe.md'}")


def _recordings(split: str, generator, inverter, classifier):
    """Returns audio [n, num_samples], latents [n, latent_dim] and labels [n] by name, of a split."""
    import numpy as np

    from tf_inversion.audio.clips import load_clips
    from tf_inversion.audio.layouts import DIGITS, find_clips, speakers
    from tf_inversion.inversion.invert import invert
    from tf_inversion.latents import load_latents
    from tf_inversion.models import ModelBundle

    found = find_clips(FLAGS.data_dir, split)
    if FLAGS.latents:
        latents, names = load_latents(FLAGS.latents)
        row = {name: i for i, name in enumerate(names)}
        found = found.pick(i for i, path in enumerate(found.paths) if Path(path).stem in row)
        stems = [Path(path).stem for path in found.paths]
        if len(set(stems)) < len(stems):
            raise errors.DatasetError(
                f"{FLAGS.data_dir}: clips of one name; --latents can't tell which is whose"
            )
        if not len(found):
            raise errors.DatasetError(f"{FLAGS.latents}: of no clip in the {split} split of {FLAGS.data_dir}")
    order = np.random.default_rng(FLAGS.seed).permutation(len(found))
    found = found.pick(sorted(order[: FLAGS.num_clips]))
    peak = inverter.peak if FLAGS.peak is None else FLAGS.peak
    clips = load_clips(
        found.paths,
        generator.num_samples,
        generator.sample_rate,
        peak,
        progress=common_flags.progress(f"reading, {split}"),
    )
    if not clips.names:
        raise errors.DatasetError(f"{FLAGS.data_dir}: none of the clips of its {split} split is readable")
    if FLAGS.latents:
        latents = latents[[row[Path(path).stem] for path in clips.paths]]
    else:
        latents = invert(
            clips.audio,
            ModelBundle(generator, inverter, classifier),
            FLAGS.method,
            batch_size=FLAGS.batch_size,
            seed=FLAGS.seed,
            progress=common_flags.progress(f"inverting, {split}"),
            **common_flags.inversion_options(),
        ).latents
    labels = {}
    if found.labels:
        of = dict(zip(found.paths, np.array(found.label_names)[found.labels]))
        concept = "digit" if set(found.label_names) <= set(DIGITS) else "label"
        labels[concept] = np.array([of[path] for path in clips.paths])
    if named := speakers(clips.paths):
        labels["speaker"] = np.array(named)
    return clips.audio, latents, labels


def _drawn(generator, listeners):
    """Returns for each listener latents with what it hears surely, four fifths and the rest held out."""
    from tf_inversion.applications.probe import listen
    from tf_inversion.latents import draw_latents

    latents = draw_latents(FLAGS.num_clips, generator.latent_dim, FLAGS.seed)
    progress = common_flags.progress("listening")
    heard = listen(generator, latents, listeners, batch_size=FLAGS.batch_size, progress=progress)
    sets = {}
    for name, (labels, probabilities) in heard.items():
        sure = probabilities >= FLAGS.confidence
        most = int(0.8 * sure.sum())
        train, test = ((latents[sure][part], labels[sure][part]) for part in (slice(most), slice(most, None)))
        if len(set(train[1])) < 2:
            raise errors.InvalidArgumentError(
                f"--confidence={FLAGS.confidence:g}: {sure.sum()} of {len(latents)} drawn clips are heard as "
                f"surely, not of two kinds of {name}; lower it or raise --num_clips"
            )
        sets[name] = [train, test]
    return sets


run = command.runner(main, __doc__)
