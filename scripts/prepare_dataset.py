"""Fetches a public data set of spoken digits and lays it out for training.

  prepare_dataset --dataset=fsdd                               # 3,000 clips, 16 MB, to data/fsdd
  prepare_dataset --dataset=sc09 --output_dir=/data/sc09       # the paper's; downloads 1.5 GB
  prepare_dataset --dataset=sc09 --archive=speech_commands_v0.01.tar.gz

sc09: the digits of Speech Commands v0.01, split by its lists, as train/, valid/
and test/ with names like Zero_<speaker>_nohash_0.wav. fsdd: the Free Spoken
Digit Dataset. Checksums are verified. A download that broke off goes on where
it was when the command is given again.
"""

from absl import flags

from tf_inversion.scripts import command, common_flags

FLAGS = flags.FLAGS

common_flags.define("output_dir", "quiet")
flags.DEFINE_enum("dataset", "fsdd", ["fsdd", "sc09"], "The data set.")
flags.DEFINE_string("archive", None, "Its tar or zip archive, if at hand; another version will do.")


def main(arguments: list[str]) -> None:
    command.refuse_arguments(arguments)
    from tf_inversion.audio import datasets

    output_dir = FLAGS.output_dir or f"data/{FLAGS.dataset}"
    counts = datasets.prepare(
        datasets.DATASETS[FLAGS.dataset],
        output_dir,
        FLAGS.archive,
        common_flags.progress(),
    )
    print(f"{output_dir}: {', '.join(f'{number} clips to {split}' for split, number in counts.items())}")


run = command.runner(main, __doc__)
