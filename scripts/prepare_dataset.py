"""Fetches a public data set of spoken words and lays it out for training.

  prepare_dataset --dataset=fsdd                               # 3,000 clips, 16 MB, to data/fsdd
  prepare_dataset --dataset=sc09 --output_dir=/data/sc09       # the paper's; downloads 1.5 GB
  prepare_dataset --dataset=sc09 --archive=speech_commands_v0.01.tar.gz
  prepare_dataset --dataset=speech_commands --words=zero,one,five,eight,right,left,up,down,go \\
      --list=pretrained                                        # the clips that trained the pretrained models

speech_commands: the words of Speech Commands v0.01, a folder each, split by its
lists. sc09: its digits, as train/, valid/ and test/ with names like
Zero_<speaker>_nohash_0.wav. fsdd: the Free Spoken Digit Dataset. Checksums are
verified. A download that broke off goes on where it was when the command is
given again.
"""

from absl import flags

from tf_inversion import errors, paths
from tf_inversion.scripts import command, common_flags

FLAGS = flags.FlagValues()

common_flags.define(FLAGS, "output_dir")
flags.DEFINE_enum("dataset", "fsdd", ["fsdd", "sc09", "speech_commands"], "The data set.", flag_values=FLAGS)
flags.DEFINE_string(
    "archive", None, "Its tar or zip archive, if at hand; another version will do.", flag_values=FLAGS
)
flags.DEFINE_list(
    "words", [], "With --dataset=speech_commands: the words. Default: all 30.", flag_values=FLAGS
)
flags.DEFINE_string(
    "list",
    None,
    "With --dataset=speech_commands: a text file that names the clips for training and validation, one a "
    "line, as zero/0a7c2a8d_nohash_0.wav; 'pretrained' for those of the pretrained models. Default: all.",
    flag_values=FLAGS,
)


def main(arguments: list[str]) -> None:
    command.refuse_arguments(arguments)
    from tf_inversion.audio import datasets

    if FLAGS.dataset == "speech_commands":
        pretrained = FLAGS.list == "pretrained"
        chosen = paths.bundled("speech_commands_training.txt") if pretrained else FLAGS.list
        dataset = datasets.speech_commands(FLAGS.words, chosen)
    elif FLAGS.words or FLAGS.list:
        raise errors.InvalidArgumentError("--words, --list: only for --dataset=speech_commands")
    else:
        dataset = datasets.DATASETS[FLAGS.dataset]
    output_dir = FLAGS.output_dir or f"data/{FLAGS.dataset}"
    counts = datasets.prepare(dataset, output_dir, FLAGS.archive, common_flags.progress(FLAGS))
    print(f"{output_dir}: {', '.join(f'{number} clips to {split}' for split, number in counts.items())}")


run = command.runner(main, __doc__, FLAGS)
