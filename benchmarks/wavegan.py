"""A training step of a WaveGAN: seconds, and how near to the machine's matrix product.

  python benchmarks/wavegan.py
  python benchmarks/wavegan.py --width=64 --batch_size=64 --profile=out/profile

--profile writes what TensorBoard's profiler shows: where the time goes.
"""

from absl import app, flags

FLAGS = flags.FLAGS
flags.DEFINE_integer("batch_size", 32, "Clips per update.")
flags.DEFINE_integer("width", 16, "Channels of the generator's last hidden layer.")
flags.DEFINE_integer("mel_width", 16, "Channels of the log-mel critic's first layer.")
flags.DEFINE_integer("runs", 20, "Counted steps.")
flags.DEFINE_string("profile", None, "Folder for a profile of the counted steps.")


def main(_):
    import contextlib

    import tensorflow as tf

    import measure
    from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
    from tf_inversion.networks.discriminator import Discriminator
    from tf_inversion.training.adversarial import LOSSES, WaveGANTrainer
    from tf_inversion.training.augmentation import Augmentation

    config, loss = WaveGANConfig(dim=FLAGS.width), LOSSES["ns_r1"]
    generator, critic = WaveGAN(config), Discriminator(config, mel_width=FLAGS.mel_width)
    trainer = WaveGANTrainer(generator, critic, loss, Augmentation(shift_seconds=0.03), seed=0)
    audio = generator(tf.random.uniform([FLAGS.batch_size, generator.latent_dim], -1, 1))

    labels = tf.fill([FLAGS.batch_size], tf.constant(-1, tf.int64))

    def step(number):
        return float(trainer.train_step((audio, labels, tf.constant(number, tf.int64)))["loss"])

    best = measure.matmul_gflops()
    step(0)  # traces the step with the penalty
    profile = tf.profiler.experimental.Profile(FLAGS.profile) if FLAGS.profile else contextlib.nullcontext()
    plain = measure.seconds(lambda: step(1), FLAGS.runs)
    with profile:
        penalised = measure.seconds(lambda: step(0), FLAGS.runs)
    best = max(best, measure.matmul_gflops())  # a shared machine's speed drifts
    elapsed = plain + (penalised - plain) / loss.penalty_every

    making = measure.count_gflop(tf.function(generator), tf.TensorSpec([1, generator.latent_dim]))
    judging = measure.count_gflop(tf.function(critic), tf.TensorSpec([1, generator.num_samples]))
    # Backward costs as much as forward for a layer's input, and as much again for its weights. Generator:
    # forward for the critics, forward and backward for itself. Critics: forward and backward on real and
    # synthesized clips, to the input for the generator, and twice backward for the penalty.
    work = FLAGS.batch_size * (4 * making + (8 + 6 / loss.penalty_every) * judging)
    print(f"| width {FLAGS.width}, log-mel critic {FLAGS.mel_width}, batch {FLAGS.batch_size} | |\n|---|---|")
    print(f"| seconds per step | {elapsed:.3f} |")
    print(f"| of these, for the penalty | {elapsed - plain:.3f} |")
    print(f"| GFLOP per step | {work:.1f} |")
    print(f"| GFLOP/s | {work / elapsed:.0f} |")
    print(f"| GFLOP/s of a 2048 x 2048 matrix product | {best:.0f} |")
    print(f"| ratio | {work / elapsed / best:.2f} |")


if __name__ == "__main__":
    app.run(main)
