"""Trains the spoken-digit classifier of the perceptual loss, or a judge.

  train_classifier --data_dir=data/fsdd --output_dir=runs/classifier
  train_classifier --flagfile=flags/digits_classifier.flags
  train_classifier --flagfile=flags/digits_judge.flags

Killed and started again with the same flags, it goes on where it was.
"""

from absl import flags

from tf_inversion.scripts import command, training_flags

FLAGS = flags.FLAGS

training_flags.define(epochs=50, output_dir="runs/classifier")
flags.DEFINE_enum(
    "architecture", "resnet18", ["resnet18", "mel_cnn"], "resnet18 as in the paper, mel_cnn to judge."
)
flags.DEFINE_enum("spectrogram", "log_magnitude", ["log_magnitude", "magnitude", "real"], "ResNet's input.")
flags.DEFINE_integer("num_samples", 16384, "Samples of a clip.", lower_bound=512)
flags.DEFINE_integer("sample_rate", 16000, "Of the clips, in Hz.", lower_bound=1)
flags.DEFINE_string("name", "classifier", "Name of the model and of its files.")
flags.DEFINE_float("dropout", 0.2, "Dropout rate before the last layer.", 0.0, 0.95)
training_flags.define_augmentation(gain_db=6.0, shift_seconds=0.1)
flags.DEFINE_float("noise_db", -40.0, "Augmentation: white noise up to this level re full scale.")


def main(arguments: list[str]) -> None:
    command.refuse_arguments(arguments)
    from tf_inversion import errors
    from tf_inversion.networks.classifier import Classifier
    from tf_inversion.training.augmentation import Augmentation
    from tf_inversion.training.classifier import train_classifier

    if not FLAGS.name.isidentifier():
        raise errors.InvalidArgumentError(f"--name={FLAGS.name}: use letters, digits and underscores")
    train_clips, valid_clips = training_flags.find_clips("train", "valid")
    run = training_flags.make_run(len(train_clips), cosine=True)
    command.set_seed(FLAGS.seed)
    classifier = Classifier(
        train_clips.label_names or (),
        architecture=FLAGS.architecture,
        width=FLAGS.width,
        spectrogram=FLAGS.spectrogram,
        dropout=FLAGS.dropout,
        num_samples=FLAGS.num_samples,
        sample_rate=FLAGS.sample_rate,
        peak=FLAGS.peak,
        name=FLAGS.name,
    )
    best = train_classifier(
        run,
        classifier,
        train_clips,
        valid_clips,
        batch_size=FLAGS.batch_size,
        learning_rate=FLAGS.learning_rate,
        augmentation=Augmentation(FLAGS.gain_db, FLAGS.shift_seconds, FLAGS.noise_db),
        seed=FLAGS.seed,
    )
    training_flags.report(FLAGS.name, best)


run = command.runner(main, __doc__)
