"""A training iteration of the paper's size: seconds, and how near to the machine's matrix product.

  python benchmarks/training.py
  python benchmarks/training.py --batch_size=64 --inverter_width=32 --generator_dim=16

One iteration is a real batch and a synthesized batch, each with forward,
backward and update, through inverter, generator and classifier.
"""

from absl import app, flags

FLAGS = flags.FLAGS
flags.DEFINE_integer("batch_size", 16, "Real and synthesized clips, each.")
flags.DEFINE_integer("inverter_width", 64, "Width of the inverter's ResNet-18.")
flags.DEFINE_integer("classifier_width", 64, "Width of the classifier's ResNet-18.")
flags.DEFINE_integer("generator_dim", 64, "Width of the generator.")
flags.DEFINE_integer("runs", 5, "Counted iterations.")


def main(_):
    import tensorflow as tf

    import measure
    from tf_inversion.generators.wavegan import WaveGAN, WaveGANConfig
    from tf_inversion.models import ModelBundle
    from tf_inversion.networks.classifier import Classifier
    from tf_inversion.networks.inverter import Inverter
    from tf_inversion.training.inverter_training import InverterTraining
    from tf_inversion.training.settings import InverterTrainingSettings

    generator = WaveGAN(WaveGANConfig(dim=FLAGS.generator_dim))
    classifier = Classifier(width=FLAGS.classifier_width)
    classifier.trainable = False
    inverter = Inverter(width=FLAGS.inverter_width)
    models = ModelBundle(generator, classifier=classifier)
    settings = InverterTrainingSettings(batch_size=FLAGS.batch_size)
    training = InverterTraining(inverter, models, settings, (None, None), num_steps=FLAGS.runs)
    latents = generator.prior.draw([FLAGS.batch_size, generator.latent_dim], [0, 0])
    batch = {"audio": generator(latents), "latents": latents}

    best = measure.matmul_gflops()
    elapsed = measure.seconds(lambda: float(training.train_step(batch)["loss"]), FLAGS.runs)
    best = max(best, measure.matmul_gflops())  # a shared machine's speed drifts
    clips = 2 * FLAGS.batch_size
    audio = tf.TensorSpec([1, inverter.num_samples])
    # Backward costs as much as forward for a layer's input, and as much again for its weights.
    work = 3 * clips * measure.count_gflop(tf.function(inverter), audio)
    work += 3 * clips * measure.count_gflop(tf.function(classifier), audio)  # clip, reconstruction, its input
    made = FLAGS.batch_size + 2 * clips  # synthesized, reconstructed, and backward to the latents
    work += made * measure.count_gflop(tf.function(generator), tf.TensorSpec([1, generator.latent_dim]))
    print(
        f"| batch {FLAGS.batch_size}, inverter {FLAGS.inverter_width}, classifier {FLAGS.classifier_width}, "
        f"generator {FLAGS.generator_dim} | |\n|---|---|"
    )
    print(f"| seconds per iteration | {elapsed:.3f} |")
    print(f"| GFLOP per iteration | {work:.0f} |")
    print(f"| GFLOP/s | {work / elapsed:.0f} |")
    print(f"| GFLOP/s of a 2048 x 2048 matrix product | {best:.0f} |")
    print(f"| ratio | {work / elapsed / best:.2f} |")


if __name__ == "__main__":
    app.run(main)
