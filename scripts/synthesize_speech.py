"""Makes the bundled clips: the ten digits, spoken by voices of the speech synthesizer espeak-ng.

  python -m tf_inversion.scripts.synthesize_speech --output_dir=saved_models/speech

They give a fresh machine without internet some outside audio to invert. Each is
named {digit}_{voice}.wav: mono, 16 kHz, 16-bit, peak 0.9. Needs espeak-ng on PATH.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from absl import flags

from tf_inversion import errors
from tf_inversion.scripts import command, common_flags

FLAGS = flags.FlagValues()

common_flags.define(FLAGS, "output_dir", output_dir="saved_models/speech")

_PEAK = 0.9
_SAMPLE_RATE = 16000
_VOICES = {  # name -> espeak-ng's arguments: accent with a variant of the larynx, pitch, words per minute
    "american": ["-v", "en-us", "-p", "45", "-s", "150"],
    "british": ["-v", "en-gb-x-rp+f2", "-p", "55", "-s", "150"],
    "scottish": ["-v", "en-gb-scotland+m3", "-p", "35", "-s", "140"],
    "caribbean": ["-v", "en-029+f4", "-p", "60", "-s", "145"],
    "northern": ["-v", "en-gb-x-gbclan+m7", "-p", "40", "-s", "155"],
}
_README = """# Ten spoken digits by a speech synthesizer

Made by scripts/synthesize_speech.py with espeak-ng {version}; no recording of anyone. Resampled to
16 kHz, silence trimmed, 16-bit, peak 0.9. Name: {{digit}}_{{voice}}.wav. The voices:

{voices}
"""


def main(arguments: list[str]) -> None:
    command.refuse_arguments(arguments)
    if not shutil.which("espeak-ng"):
        raise errors.TFInversionError("espeak-ng: not on PATH; install the package espeak-ng")
    from tf_inversion.audio.files import write_audio
    from tf_inversion.audio.layouts import DIGITS

    folder = Path(FLAGS.output_dir)
    voices = list(_VOICES)
    for i, digit in enumerate(DIGITS):
        voice = voices[i % len(voices)]
        write_audio(folder / f"{digit}_{voice}.wav", _spoken(digit, voice), _SAMPLE_RATE, subtype="PCM_16")
    version = subprocess.run(["espeak-ng", "--version"], capture_output=True, text=True, check=True).stdout
    lines = [f"- {name}: `espeak-ng {' '.join(arguments)}`" for name, arguments in _VOICES.items()]
    readme = _README.format(version=version.split()[3], voices="\n".join(lines))
    (folder / "README.md").write_text(readme)
    print(f"{folder}: {len(DIGITS)} clips")


def _spoken(word: str, voice: str):
    """Returns float32 [n] at 16 kHz, the silence around it gone but for 50 ms, its peak at 0.9."""
    import numpy as np

    from tf_inversion.audio.files import read_audio, resample

    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        subprocess.run(["espeak-ng", *_VOICES[voice], "-w", file.name, word], check=True)
        samples = resample(*read_audio(file.name), _SAMPLE_RATE)
    samples *= _PEAK / np.abs(samples).max()
    loud = np.flatnonzero(np.abs(samples) > 0.01)
    around = _SAMPLE_RATE // 20
    return samples[max(0, loud[0] - around) : loud[-1] + around]


run = command.runner(main, __doc__, FLAGS)

if __name__ == "__main__":
    run()
