"""Whether an edit of latents changes the voice of a clip and keeps its word.

  python benchmarks/voice.py data/fsdd

For each speaker one clip of the test split is the voice to take, and clips of the other speakers are the
ones to change; all are inverted by `hybrid`. The ways:

  random   `voices.in_voice_of`: of random clips of the word, the one nearest in cepstra and pitch
  path     from its own z towards cepstra and pitch of the other clip, by `steering.steer`
  swap     the part of z in the span of the speaker probe is the other clip's
  blend    a third of the way to the other z, whatever is in it

The word is the evaluation classifier's. The speaker is that of a logistic regression on the inverter's
features of the real training clips, which no way uses; pitch is the median by YIN.
"""

import sys

import numpy as np
import tensorflow as tf

from tf_inversion import ModelBundle, invert
from tf_inversion.applications import probe, steering, voices
from tf_inversion.applications.assessors import median_pitch
from tf_inversion.applications.features import inverter_features
from tf_inversion.audio.layouts import find_clips, speakers
from tf_inversion.evaluation.clip_sets import real_clips
from tf_inversion.evaluation.metrics import judge_probabilities
from tf_inversion.evaluation.tables import layout

PER_SPEAKER = 4  # clips to change to the voice of each
STRENGTHS = [0.5, 1.0, 2.0]


def main(data: str) -> None:
    models = ModelBundle.load(wants=("classifier",), needs=("inverter", "judge"))
    generator, peak, rate = models.generator, models.inverter.peak, models.generator.sample_rate

    def read(split, num):
        clips = real_clips(find_clips(data, split), generator, (), num=num, seed=0, peak=peak)
        return clips.audio, np.array(speakers(clips.paths))

    audio, names = read("train", 600)
    listener = probe.train_probe(inverter_features(models.inverter, audio), names)
    audio, names = read("test", 120)
    print(f"speakers of the test clips: {np.mean(predict(listener, models, audio) == names):.0%} right")
    everyone = sorted({*names})
    targets = [int(np.flatnonzero(names == name)[0]) for name in everyone]
    pairs = []
    for target in targets:
        others = np.flatnonzero((names != names[target]) & ~np.isin(np.arange(len(names)), targets))
        pairs += [(int(source), target) for source in others[target % 7 :: 9][:PER_SPEAKER]]
    used = sorted({i for pair in pairs for i in pair})
    latents = dict(zip(used, invert(audio[used], models, "hybrid", effort="fast").latents))
    source = np.array([latents[i] for i, _ in pairs])
    other = np.array([latents[i] for _, i in pairs])
    coef = probe.load_probes()["clip_speaker"].coef
    basis = np.linalg.svd(coef - coef.mean(0), full_matrices=False)[2][: len(coef) - 1]
    ways = {"none": source, "swap": source + (other - source) @ basis.T @ basis}
    ways["blend"] = source + (other - source) / 3
    paths, found = [], []
    for target in targets:  # by which pairs are sorted
        start = source[np.array([j for _, j in pairs]) == target]
        wanted = voices.voice(audio[target][None], rate)

        def score(made, rate, wanted=wanted):
            return -tf.norm(voices.voice(made, rate) - wanted, axis=1)

        paths.append(steering.steer(start, score, STRENGTHS, generator, models.classifier))
        found.append(voices.in_voice_of(audio[target], start, models, seed=0))
    ways["random"] = np.concatenate(found)
    ways |= {f"path {strength:g}": np.concatenate(paths)[:, k] for k, strength in enumerate(STRENGTHS)}
    goal = names[[t for _, t in pairs]]
    pitch = median_pitch(audio[[t for _, t in pairs]], rate)
    before = judge_probabilities(models.judge, generator(source).numpy()).argmax(1)
    lines = [["edit", "clips", "word kept", "speaker becomes the other", "pitch distance, semitones"]]
    for way, z in ways.items():
        made = generator(generator.prior.project(z.astype(np.float32))).numpy()
        kept = np.mean(judge_probabilities(models.judge, made).argmax(1) == before)
        becomes = np.mean(predict(listener, models, made) == goal)
        distance = np.median(np.abs(median_pitch(made, rate) - pitch))
        lines.append([way, str(len(made)), f"{kept:.0%}", f"{becomes:.0%}", f"{distance:.1f}"])
    print(layout(lines))


def predict(listener, models, audio):
    return listener.predict(inverter_features(models.inverter, audio))


main(*sys.argv[1:])
