"""Trains a WaveGAN of your own sounds, to generate and to invert.

  train_wavegan --data_dir=drums/
  train_wavegan --data_dir=data/fsdd --epochs=40
  train_wavegan --flagfile=flags/pretrained_generator.flags --data_dir=data/speech_commands
  train_wavegan --data_dir=drums/ --loss=wgan_gp --width=64 --mel_width=0 --peak=0    # as Donahue et al.
  train_wavegan --data_dir=drums/ --start_from=wavegan_sc09/ --width=64              # go on from a checkpoint
  train_wavegan --data_dir=drums/ --encoder                  # and an encoder in parallel, as BiGAN
  generate_audio --generator=runs/wavegan/generator --num=20

After every --steps_per_epoch steps a judge listens to samples of the running
average; the one nearest to the validation clips by Fréchet distance is kept. A
training that has collapsed ends with a line that says what was seen. Killed and
started again with the same flags, it goes on where it was.
"""

from pathlib import Path

from absl import flags

from tf_inversion.models import ModelSettings
from tf_inversion.scripts import command, common_flags, settings_flags, training_flags
from tf_inversion.training.settings import WaveGANTrainingSettings

FLAGS = flags.FlagValues()

training_flags.define(
    FLAGS, WaveGANTrainingSettings, output_dir="runs/wavegan", epochs=200, steps_per_epoch=500
)
settings_flags.define(ModelSettings, FLAGS, only=("judge",))


def main(arguments: list[str]) -> None:
    command.refuse_arguments(arguments)
    settings = settings_flags.read(WaveGANTrainingSettings, FLAGS)
    run = training_flags.read_run(FLAGS)

    from tf_inversion import paths
    from tf_inversion.networks.loading import load_classifier
    from tf_inversion.training.wavegan import train_wavegan

    clips = training_flags.find_clips(FLAGS, "train", "valid")
    judge = load_classifier(FLAGS.judge or paths.bundled("judge.keras"))
    command.set_seed(settings.seed)
    best = train_wavegan(*clips, judge, settings, run, progress=common_flags.progress(FLAGS, leave=True))
    if settings.encoder:
        print(f"encoder: {Path(run.output_dir) / 'inverter.keras'} (best), inverter_last.keras")
    training_flags.report(run, "generator", best, suffix="" if settings.format == "official" else ".keras")


run = command.runner(main, __doc__, FLAGS)
