"""Corpora: clips an hour on a core, and what whole data sets take.

  python benchmarks/corpus.py
  python benchmarks/corpus.py --methods=encoder,hybrid --num_clips=64 --runs=3

Inverts shards of the bundled clips, repeated, by a worker's code in this process, with one thread. Width is
that of the inverter; of other widths than the pretrained one they are untrained, which costs the same.
"""

import dataclasses
import tempfile
import time
from pathlib import Path

from absl import app, flags

FLAGS = flags.FLAGS
flags.DEFINE_list("methods", ["encoder", "hybrid"], "A row each, for each width.")
flags.DEFINE_list("widths", ["pretrained", "64"], "Of the inverter.")
flags.DEFINE_integer("num_clips", 64, "In a shard.", lower_bound=1)
flags.DEFINE_integer("runs", 1, "Counted shards, after one that compiles; the fastest counts.", lower_bound=1)
_CORPORA = {"SC09": 23_666, "Speech Commands": 105_829}  # clips of v0.01's digits and of v0.02


def main(_):
    from tf_inversion import paths
    from tf_inversion.audio.layouts import read_folder
    from tf_inversion.corpus import inverting, run, settings, shards
    from tf_inversion.inversion.settings import InversionSettings
    from tf_inversion.models import ModelSettings
    from tf_inversion.networks.inverter import Inverter

    inverting.use_cores(1)
    folder = read_folder(paths.bundled("speech"))
    print(f"| method | width | clips per core hour | {', core hours | '.join(_CORPORA)}, core hours |")
    print("|---|---|---:|" + "---:|" * len(_CORPORA))
    for width in FLAGS.widths:
        with tempfile.TemporaryDirectory() as home:
            models = ModelSettings()
            if width != "pretrained":
                path = Path(home) / "inverter.keras"
                Inverter(width=int(width)).save(path)
                models = ModelSettings(inverter=str(path))
            for method in FLAGS.methods:
                corpus = run.prepare(
                    folder,
                    Path(home) / method,
                    models,
                    InversionSettings(method=method),
                    settings.CorpusSettings(shard_size=len(folder.clips)),
                )
                (shard,) = shards.cut(folder, len(folder.clips))
                seconds = _seconds(inverting.invert_shard, _repeated(shard, home), corpus.job)
                hourly = 3600 * FLAGS.num_clips / seconds
                hours = " | ".join(f"{clips / hourly:.3g}" for clips in _CORPORA.values())
                print(f"| {method} | {width} | {hourly:,.0f} | {hours} |", flush=True)


def _repeated(shard, home):
    """Returns a shard of num_clips links to the clips of another."""
    links = Path(home) / "clips"
    links.mkdir(exist_ok=True)
    names = []
    for i in range(FLAGS.num_clips):
        target = Path(shard.paths[i % len(shard)])
        names.append(f"{i}{target.suffix}")
        if not (links / names[-1]).is_symlink():
            (links / names[-1]).symlink_to(target)
    return dataclasses.replace(
        shard, root=str(links), names=names, splits=["test"] * len(names), labels=None, speakers=None
    )


def _seconds(function, *arguments) -> float:
    """Returns the wall time of the fastest call, after one that compiles."""
    times = []
    for _ in range(FLAGS.runs + 1):
        began = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - began)
    return min(times[1:])


if __name__ == "__main__":
    app.run(main)
