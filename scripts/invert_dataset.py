"""Inverts a whole corpus on all cores, on GPUs, or on a cluster, and goes on where it was stopped.

  invert_dataset --data_dir=data/speech_commands              # a process for each core, or GPU
  invert_dataset --data_dir=data/sc09 --method=hybrid --workers=4 --threads_per_worker=2
  invert_dataset --data_dir=data/sc09 --scheduler=tcp://head:8786
  invert_dataset --data_dir=data/sc09 --slurm --workers=20 --slurm_queue=cpu --slurm_time=02:00:00

Writes OUTPUT_DIR/000000.parquet and so on, a shard of --shard_size clips each, with a row for every clip:
path, label, speaker, split, status ("ok" or why there are no latents), latents, metrics, the search.
Shards that are there are skipped, so the same command goes on after anything; for other settings, models or
clips name another OUTPUT_DIR. train_latent_probe and edit_latents take the folder for --latents and PATHs.
A file that can't be read is a row that says so; if none can, the exit code is 1. A shard that fails three
times is reported; exit code 1.
"""

from __future__ import annotations

from absl import flags

from tf_inversion import errors
from tf_inversion.corpus.settings import ClusterSettings, CorpusSettings
from tf_inversion.inversion.methods import plan
from tf_inversion.inversion.settings import InversionSettings
from tf_inversion.models import ModelSettings
from tf_inversion.scripts import command, common_flags, settings_flags

FLAGS = flags.FlagValues()
settings_flags.define(ModelSettings, FLAGS, without=("judge",))
settings_flags.define(InversionSettings, FLAGS, without=("init_file",))
settings_flags.define(CorpusSettings, FLAGS)
settings_flags.define(ClusterSettings, FLAGS)
common_flags.define(FLAGS, "data_dir", "output_dir", "peak", output_dir="out/corpus")


def main(arguments: list[str]) -> int:
    command.refuse_arguments(arguments)
    output = common_flags.output_dir(FLAGS)
    inversion = settings_flags.read(InversionSettings, FLAGS)
    plan(inversion)
    where = settings_flags.read(ClusterSettings, FLAGS)
    if not FLAGS.data_dir:
        raise errors.InvalidArgumentError("--data_dir: is missing; name the folder of the clips")

    from tf_inversion.audio.layouts import read_folder
    from tf_inversion.corpus import cluster
    from tf_inversion.corpus.run import prepare

    with cluster.connect(where, output / "_slurm") as client:
        if client and not FLAGS.quiet:
            print(f"dashboard: {client.dashboard_link}", flush=True)
        corpus = prepare(
            read_folder(FLAGS.data_dir),
            output,
            settings_flags.read(ModelSettings, FLAGS),
            inversion,
            settings_flags.read(CorpusSettings, FLAGS),
            peak=FLAGS.peak,
            threads=where.threads_per_worker,
            in_process=client is None,
        )
        failed, lost = sum(corpus.finished.values()), []
        done = sum(corpus.sizes[number] for number in corpus.finished)
        bar = common_flags.progress(FLAGS, "inverting", unit=" clips", leave=True)
        with bar(total=sum(corpus.sizes), initial=done) as shown:
            for shard, count, error in corpus.run(client):
                if error is not None:
                    lost.append((shard, error))
                failed += count or 0
                shown.set_postfix(failed=failed + sum(len(shard) for shard, _ in lost), refresh=False)
                shown.update(len(shard))
    for shard, error in lost:
        reason = " ".join(str(error).split()) or type(error).__name__
        print(f"shard {shard.number} ({shard.names[0]} ...): {reason[:300]}")
    inverted = sum(corpus.sizes) - sum(len(shard) for shard, _ in lost) - failed
    print(f"{output}: {inverted} of {sum(corpus.sizes)} clips; {failed} failed, their rows say why")
    return 1 if lost or not inverted else 0


run = command.runner(main, __doc__, FLAGS)
