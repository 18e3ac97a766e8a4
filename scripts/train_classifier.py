"""Trains the classifier of the perceptual loss, or the evaluation classifier.

  train_classifier --data_dir=data/fsdd --output_dir=runs/classifier
  train_classifier --flagfile=flags/digits_classifier.flags
  train_classifier --flagfile=flags/digits_judge.flags

Killed and started again with the same flags, it goes on where it was.
"""

from absl import flags

from tf_inversion.scripts import command, common_flags, settings_flags, training_flags
from tf_inversion.training.settings import ClassifierTrainingSettings

FLAGS = flags.FlagValues()

training_flags.define(FLAGS, ClassifierTrainingSettings, output_dir="runs/classifier")


def main(arguments: list[str]) -> None:
    command.refuse_arguments(arguments)
    settings = settings_flags.read(ClassifierTrainingSettings, FLAGS)
    run = training_flags.read_run(FLAGS)

    from tf_inversion.training.classifier import train_classifier

    clips = training_flags.find_clips(FLAGS, "train", "valid")
    command.set_seed(settings.seed)
    best = train_classifier(*clips, settings, run, progress=common_flags.progress(FLAGS, leave=True))
    training_flags.report(run, settings.name, best)


run = command.runner(main, __doc__, FLAGS)
