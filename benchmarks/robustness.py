"""How exact recovery bears what happens to a clip: files, noise, codecs, resampling, another level.

  python benchmarks/robustness.py
  python benchmarks/robustness.py --num_clips=100 --output=out/robustness_100.md

Clips of the embedded generator are damaged and inverted by least_squares; no
delay is undone. Prints the table and writes it to --output.
"""

import collections
import io
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import scipy.signal
import soundfile
from absl import app, flags

FLAGS = flags.FLAGS
flags.DEFINE_integer("num_clips", 20, "Synthesized clips.", 1)
flags.DEFINE_integer("seed", 0, "Of the clips, the noise and the starts.")
flags.DEFINE_integer("starts", None, "Of each clip. Default: the method's.")
flags.DEFINE_integer("max_iterations", None, "From each start. Default: the method's.")
flags.DEFINE_string("output", "out/robustness.md", "Markdown file to write.")

# libsndfile's scale from 160 kbit/s, at 0, to 8 kbit/s, at 1, for rates of 16 to 24 kHz.
_KBIT_128 = (160 - 128) / (160 - 8)

HEADING = """\
| what happened | damage, dB | delay | gain | residual, dB | to clean, dB | z error | solved | status |
|---|---:|---:|---:|---:|---:|---:|---:|---|"""
ROW = "| {} | {:.1f} | {:.0f} | {:.2f} | {:.1f} | {:.1f} | {:.2g} | {:.0%} | {} |"
LEGEND = """
Medians over {num_clips} clips of the embedded generator, inverted by least_squares; dB are of
squared error over energy.

- damage: damaged clip to clean one; -200 is none. delay, in samples, and gain: part of it, and not undone.
- residual: reconstruction to the damaged clip, which is all that the inversion knows.
- to clean: reconstruction to clean clip. solved: share of clips with {solved:g} dB or less there.
- z error: mean |z - z'| over the components.
"""


def through_file(audio, sample_rate, **format_of_file):
    """Returns what is read of a clip after it was written to a file."""
    file = io.BytesIO()
    soundfile.write(file, audio, sample_rate, **format_of_file)
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


def with_noise(audio, snr_db, rng):
    level = np.sqrt(np.mean(audio**2)) * 10 ** (-snr_db / 20)
    return audio + level * rng.standard_normal(len(audio), np.float32)


def damages(sample_rate, rng):
    """Returns what is done to a clip, by name: functions from audio [n] to audio [n]."""
    from tf_inversion.audio.files import resample

    mp3 = {"subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT", "compression_level": _KBIT_128}
    found = {
        "32-bit float WAV": lambda x: through_file(x, sample_rate, format="WAV", subtype="FLOAT"),
        "16-bit WAV": lambda x: through_file(x, sample_rate, format="WAV", subtype="PCM_16"),
        "white noise, SNR 40 dB": lambda x: with_noise(x, 40, rng),
        "white noise, SNR 20 dB": lambda x: with_noise(x, 20, rng),
        "MP3, 128 kbit/s": lambda x: through_file(x, sample_rate, format="MP3", **mp3),
        "8 kHz and back": lambda x: resample(resample(x, sample_rate, 8000), 8000, sample_rate),
        "twice the level": lambda x: 2 * x,
    }
    if "MP3" not in soundfile.available_formats():
        print("MP3 is left out: libsndfile is older than 1.1", file=sys.stderr)
        del found["MP3, 128 kbit/s"]
    return found


def delay_and_gain(audio, damaged):
    """Returns where the cross-correlation peaks, in samples, and how high, in the clip's energy."""
    correlation = scipy.signal.correlate(damaged, audio, method="fft")
    peak = np.argmax(correlation)
    return peak - (len(audio) - 1), correlation[peak] / np.sum(audio**2)


def main(_):
    from tf_inversion import invert, load_generator, paths
    from tf_inversion.evaluation.clip_sets import synthesized_clips
    from tf_inversion.evaluation.metrics import SOLVED_DB, clip_metrics

    def nmse_db(audio, other):
        return clip_metrics(audio, other, clips.sample_rate)["nmse_db"]

    generator = load_generator()
    clips = synthesized_clips(generator, FLAGS.num_clips, FLAGS.seed)
    lines = [HEADING]
    print(HEADING)
    for name, damage in damages(clips.sample_rate, np.random.default_rng(FLAGS.seed)).items():
        damaged = np.stack([damage(audio) for audio in clips.audio])
        result = invert(
            damaged,
            generator,
            "least_squares",
            starts=FLAGS.starts,
            max_iterations=FLAGS.max_iterations,
            seed=FLAGS.seed,
        )
        damage_db, residual = nmse_db(clips.audio, damaged), nmse_db(damaged, result.audio)
        to_clean = nmse_db(clips.audio, result.audio)
        late, gain = zip(*map(delay_and_gain, clips.audio, damaged))
        z_error = np.abs(result.latents - clips.latents).mean(1)
        counts = collections.Counter(result.status.tolist())
        row = [np.median(x) for x in (damage_db, late, gain, residual, to_clean, z_error)]
        row.append(np.mean(to_clean <= SOLVED_DB))
        row.append(", ".join(f"{count} {word}" for word, count in counts.most_common()))
        lines.append(ROW.format(name, *row))
        print(lines[-1], flush=True)
    legend = LEGEND.format(num_clips=FLAGS.num_clips, solved=SOLVED_DB)
    print(legend)
    with paths.writing(FLAGS.output) as unfinished:
        unfinished.write_text("\n".join([*lines, legend]), encoding="utf-8")
    print(f"written: {FLAGS.output}")


if __name__ == "__main__":
    app.run(main)
