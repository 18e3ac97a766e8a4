"""How exact recovery bears what happens to a clip: files, noise, codecs, resampling, another level or start.

  python benchmarks/robustness.py
  python benchmarks/robustness.py --num_clips=100 --output=out/robustness_100.md

Clips of the pretrained generator are damaged and inverted by least_squares, which
recovers level or delay too where a row says so. Prints the table and writes it to --output.
"""

import collections
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import scipy.signal
from absl import app, flags

FLAGS = flags.FLAGS
flags.DEFINE_integer("num_clips", 20, "Synthesized clips.", 1)
flags.DEFINE_integer("seed", 0, "Of the clips, the noise and the starts.")
flags.DEFINE_integer("starts", None, "Of each clip. Default: the method's.")
flags.DEFINE_integer("max_iterations", None, "From each start. Default: the method's.")
flags.DEFINE_string("output", "out/robustness.md", "Markdown file to write.")

# What the inversion may adjust besides, each in a row of its own.
ADJUSTED = {"MP3, 128 kbit/s": "gain", "twice the level": "gain", "3 samples late": "shift"}
HEADING = """\
| what happened | damage, dB | delay | gain | residual, dB | to clean, dB | z error | solved | status |
|---|---:|---:|---:|---:|---:|---:|---:|---|"""
ROW = "| {} | {:.1f} | {:.0f} | {:.2f} | {:.1f} | {:.1f} | {:.2g} | {:.0%} | {} |"
LEGEND = """
Medians over {num_clips} clips of the pretrained generator, inverted by least_squares; dB are of
squared error over energy.

- damage: damaged clip to clean one; -200 is none. delay, in samples, and gain: part of it, if not adjusted.
- residual: reconstruction, adjusted, to the damaged clip, which is all that the inversion knows.
- to clean: the latents' own sound to the clean clip. solved: share of clips with {solved:g} dB or less there.
- z error: mean |z - z'| over the components.
"""


def delay_and_gain(audio, damaged):
    """Returns where the cross-correlation peaks, in samples, and how high, in the clip's energy."""
    correlation = scipy.signal.correlate(damaged, audio, method="fft")
    peak = np.argmax(correlation)
    return peak - (len(audio) - 1), correlation[peak] / np.sum(audio**2)


def main(_):
    from tf_inversion import invert, load_generator, load_inverter, paths
    from tf_inversion.audio.degradations import degradations
    from tf_inversion.evaluation.clip_sets import synthesized_clips
    from tf_inversion.evaluation.evaluation import clip_metrics
    from tf_inversion.evaluation.metrics import SOLVED_DB

    def nmse_db(audio, other):
        return clip_metrics(audio, other, clips.sample_rate)["nmse_db"]

    from tf_inversion.models import ModelBundle

    generator, inverter = load_generator(), load_inverter()
    clips = synthesized_clips(generator, FLAGS.num_clips, FLAGS.seed)
    lines = [HEADING]
    print(HEADING)
    for name, degrade in degradations(clips.sample_rate, np.random.default_rng(FLAGS.seed)).items():
        damaged = np.stack([degrade(audio) for audio in clips.audio])
        late, gain = zip(*map(delay_and_gain, clips.audio, damaged))
        for adjust in ((), (ADJUSTED[name],)) if name in ADJUSTED else ((),):
            result = invert(
                damaged,
                ModelBundle(generator, inverter),
                "least_squares",
                starts=FLAGS.starts,
                max_iterations=FLAGS.max_iterations,
                adjust=adjust,
                seed=FLAGS.seed,
            )
            to_clean = nmse_db(clips.audio, generator(result.latents).numpy())
            z_error = np.abs(result.latents - clips.latents).mean(1)
            distances = nmse_db(clips.audio, damaged), nmse_db(damaged, result.audio), to_clean, z_error
            damage_db, residual, *answer = map(np.median, distances)
            counts = collections.Counter(result.status.tolist())
            row = [damage_db, np.median(late), np.median(gain), residual, *answer]
            row.append(np.mean(to_clean <= SOLVED_DB))
            row.append(", ".join(f"{count} {word}" for word, count in counts.most_common()))
            lines.append(ROW.format(", adjusting ".join((name, *adjust)), *row))
            print(lines[-1], flush=True)
    legend = LEGEND.format(num_clips=FLAGS.num_clips, solved=SOLVED_DB)
    print(legend)
    with paths.writing(FLAGS.output) as unfinished:
        unfinished.write_text("\n".join([*lines, legend]), encoding="utf-8")
    print(f"written: {FLAGS.output}")


if __name__ == "__main__":
    app.run(main)
