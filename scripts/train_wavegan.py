"""Trains a WaveGAN of your own sounds, to generate and to invert.

  train_wavegan --data_dir=drums/
  train_wavegan --data_dir=data/fsdd --epochs=40
  train_wavegan --flagfile=flags/pretrained_generator.flags --data_dir=data/speech_commands
  train_wavegan --data_dir=drums/ --loss=wgan_gp --width=64 --mel_width=0 --peak=0    # as Donahue et al.
  train_wavegan --data_dir=drums/ --start_from=wavegan_sc09/ --width=64              # go on from a checkpoint
  generate_audio --generator=runs/wavegan/generator --num=20

After every --steps_per_epoch steps a judge listens to samples of the running
average; the one nearest to the validation clips by Fréchet distance is kept. A
training that has collapsed ends with a line that says what was seen. Killed and
started again with the same flags, it goes on where it was.
"""

import re

from absl import flags

from tf_inversion.scripts import command, training_flags

FLAGS = flags.FLAGS

training_flags.define(
    epochs=200,
    output_dir="runs/wavegan",
    learning_rate=None,
    steps_per_epoch=500,
    width="Channels of the generator's last hidden layer; 64 in the paper.",
)
for name, value in {"batch_size": 32, "width": 16, "peak": 0.9}.items():
    FLAGS.set_default(name, value)
FLAGS["learning_rate"].help += " Default: 0.0003 for ns_r1, 0.0001 for wgan_gp."
training_flags.define_augmentation(gain_db=0.0, shift_seconds=0.0)
flags.DEFINE_string(
    "judge",
    None,
    "A classifier that train_classifier wrote, of this sample rate. Default: the embedded one.",
)
flags.DEFINE_enum("loss", "ns_r1", ["ns_r1", "wgan_gp"], "ns_r1 learns more an hour; wgan_gp is the paper's.")
flags.DEFINE_float(
    "tone_weight",
    None,
    "Weight of a loss on tones at multiples of the sample rate over 64, which the upsampling leaves. "
    "Default: 1 for ns_r1, 0 for wgan_gp.",
    lower_bound=0.0,
)
flags.DEFINE_integer(
    "tone_delay", 2000, "Steps without that loss; it then grows to its weight in as many more.", lower_bound=0
)
flags.DEFINE_float(
    "label_weight",
    None,
    "Of labelled clips: weight of a loss that makes the generator's clips clearly of one class each, and the "
    "classes equally frequent. Default: 0.5 for ns_r1, 0 for wgan_gp.",
    lower_bound=0.0,
)
flags.DEFINE_list(
    "repeat",
    [],
    "Show clips of words (labels) that come out too rarely three and two times: zero:3,two:2.",
)
flags.DEFINE_integer("latent_dim", 100, "Values in a latent vector.", lower_bound=1)
flags.DEFINE_enum("slice_len", "16384", ["16384", "32768", "65536"], "Samples of a clip.")
flags.DEFINE_integer("sample_rate", 16000, "Of the clips, in Hz.", lower_bound=1)
flags.DEFINE_integer("kernel_len", 25, "Taps of the convolutions.", lower_bound=1)
flags.DEFINE_bool("batchnorm", False, "Batch normalisation.")
flags.DEFINE_enum("upsample", "zeros", ["zeros", "nn"], "zeros: transposed convolution; nn: repeat values.")
flags.DEFINE_integer("post_filter_len", 0, "Taps of a learned filter after the tanh; 0: none.", lower_bound=0)
flags.DEFINE_integer("phase_shuffle", 2, "Radius in samples; 0: none.", 0, 31)
flags.DEFINE_integer(
    "waveform_width",
    None,
    "Channels of the waveform critic's first layer, half of the generator's save a third of a step. "
    "Default: --width, as in the paper.",
    lower_bound=1,
)
flags.DEFINE_integer(
    "mel_width", 16, "Channels of a second critic, of log-mel pictures; 0: none, as in the paper.", 0
)
flags.DEFINE_string(
    "start_from", None, "A WaveGAN to start from: a checkpoint, with its critics if it has them, or .keras."
)
flags.DEFINE_enum(
    "format", "official", ["official", "keras"], "TensorFlow 1 checkpoint that WaveGAN tools read, or .keras."
)


def _repeats() -> dict[str, int]:
    """Returns how often to show each word of --repeat."""
    from tf_inversion import errors

    repeats = {}
    for item in FLAGS.repeat:
        word, _, times = item.rpartition(":")
        if not word or word in repeats or not re.fullmatch("[1-9][0-9]{0,2}", times):
            raise errors.InvalidArgumentError(
                f"--repeat={item}: give each word once, as word:times, up to 999 times; as in zero:3"
            )
        repeats[word] = int(times)
    return repeats


def main(arguments: list[str]) -> None:
    command.refuse_arguments(arguments)
    import dataclasses

    from tf_inversion import paths
    from tf_inversion.generators.official_graph import save_official
    from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
    from tf_inversion.networks.discriminator import Discriminator
    from tf_inversion.networks.loading import load_classifier
    from tf_inversion.training import wavegan
    from tf_inversion.training.adversarial import LOSSES
    from tf_inversion.training.augmentation import Augmentation

    train_clips, valid_clips = training_flags.find_clips(FLAGS, "train", "valid")
    train_clips = train_clips.repeat(_repeats())
    run = training_flags.make_run(len(train_clips), cosine=False)
    command.set_seed(FLAGS.seed)
    config = WaveGANConfig(
        dim=FLAGS.width,
        kernel_len=FLAGS.kernel_len,
        latent_dim=FLAGS.latent_dim,
        slice_len=int(FLAGS.slice_len),
        batchnorm=FLAGS.batchnorm,
        upsample=FLAGS.upsample,
        post_filter_len=FLAGS.post_filter_len,
    )
    generator = WaveGAN(config, sample_rate=FLAGS.sample_rate)
    given = {
        name: FLAGS[name].value for name in ("learning_rate", "tone_weight", "tone_delay", "label_weight")
    }
    loss = dataclasses.replace(
        LOSSES[FLAGS.loss], **{name: value for name, value in given.items() if value is not None}
    )
    num_labels = len(train_clips.label_names) if loss.label_weight else 0
    discriminator = Discriminator(
        config, FLAGS.sample_rate, FLAGS.phase_shuffle, FLAGS.mel_width, FLAGS.waveform_width, num_labels
    )
    if FLAGS.start_from and not run.resumes:
        wavegan.start_from(FLAGS.start_from, generator, discriminator)

    settings = wavegan.WaveGANSettings(
        loss=loss,
        augmentation=Augmentation(FLAGS.gain_db, FLAGS.shift_seconds),
        batch_size=FLAGS.batch_size,
        peak=FLAGS.peak,
        seed=FLAGS.seed,
    )

    def save(average, path, step):
        save_official(average, path, step, opponents=discriminator.networks)

    best = wavegan.train_wavegan(
        run,
        generator,
        discriminator,
        load_classifier(FLAGS.judge or paths.embedded("judge.keras")),
        train_clips,
        valid_clips,
        settings,
        save=save if FLAGS.format == "official" else wavegan.save_keras,
    )
    training_flags.report(run, "generator", best, suffix="" if FLAGS.format == "official" else ".keras")


run = command.runner(main, __doc__)
