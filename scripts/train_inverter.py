"""Trains the inverter of a generator, by the paper's method.

  train_inverter --data_dir=data/fsdd --epochs=250
  train_inverter --flagfile=flags/paper.flags --generator=wavegan_sc09/ --data_dir=data/sc09
  train_inverter --flagfile=flags/digits.flags --seed=1    # the embedded inverter's last part of five
  train_inverter --synthesized_only --steps_per_epoch=500
  train_inverter --latent_weight=0                   # reconstruction only, an auto-encoder
  train_inverter --start_from=runs/inverter/inverter.keras --output_dir=runs/finer --learning_rate=1e-4

By default each step trains on a batch of real clips with the perceptual loss,
then on a batch of synthesized ones with the latent and the perceptual loss.
Killed and started again with the same flags, it goes on where it was.
"""

from absl import flags

from tf_inversion.scripts import command, common_flags, training_flags

FLAGS = flags.FLAGS

training_flags.define(epochs=250, output_dir="runs/inverter")
training_flags.define_augmentation(gain_db=0.0, shift_seconds=0.0)
flags.DEFINE_float(
    "speed",
    0.0,
    "Augmentation: real clips up to this share faster and higher, or slower and lower.",
    0.0,
    0.5,
)
common_flags.define("generator", "original_graph", "latent_tensor", "audio_tensor", "classifier")
flags.DEFINE_enum("spectrogram", "log_magnitude", ["log_magnitude", "magnitude", "real"], "Inverter's input.")
flags.DEFINE_enum("features", "blocks", ["blocks", "authors"], "Activations in the perceptual loss.")
flags.DEFINE_float("latent_weight", 1.0, "Weight of the latent MSE.", lower_bound=0.0)
flags.DEFINE_float("perceptual_weight", 1.0, "Weight of the perceptual loss.", lower_bound=0.0)
flags.DEFINE_float(
    "waveform_weight",
    0.0,
    "Weight of log(1 + 100 |error|^2 / |clip|^2) of the waveform, on synthesized clips.",
    lower_bound=0.0,
)
flags.DEFINE_float(
    "posterior_weight",
    0.0,
    "Weight of the KL divergence between the classifier's posteriors of clip and reconstruction.",
    lower_bound=0.0,
)
flags.DEFINE_float(
    "posterior_temperature",
    1.0,
    "Of the posteriors in --posterior_weight's divergence: above 1 the word goes on being learnt after the "
    "classifier hears it.",
    lower_bound=0.1,
    upper_bound=100.0,
)
flags.DEFINE_float("mel_weight", 0.0, "Weight of the mean squared error of log-mel spectra.", lower_bound=0.0)
flags.DEFINE_string("start_from", None, "A trained inverter of the same shape to start from.")
flags.DEFINE_bool(
    "freeze_batch_norm",
    False,
    "With --start_from: normalise by the statistics of the training before, as the inverter does in use.",
)
flags.DEFINE_float(
    "average_weights",
    None,
    "With --freeze_batch_norm: momentum per update, such as 0.999, of a moving average of the weights, which "
    "is then the trained inverter. For trainings much longer than 1 / (1 - momentum) updates, two a step.",
    lower_bound=0.0,
    upper_bound=0.99999,
)
flags.DEFINE_enum("schedule", "constant", ["constant", "cosine"], "How the learning rate goes.")
flags.DEFINE_bool("synthesized_only", False, "Train on synthesized clips alone: no data set is needed.")
flags.DEFINE_bool("mixed_precision", False, "Compute in float16 on a GPU, in bfloat16 on a CPU.")
flags.DEFINE_enum(
    "strategy",
    "default",
    ["default", "mirrored", "multi_worker"],
    "One device, all GPUs, or several machines.",
)


def _weights() -> dict[str, float]:
    weights = {
        "perceptual" if FLAGS.features == "blocks" else "perceptual_authors": FLAGS.perceptual_weight,
        # The gradient of a posterior at a temperature T is 1 / T^2 as large.
        "posterior_kl": FLAGS.posterior_weight * FLAGS.posterior_temperature**2,
        "log_mel": FLAGS.mel_weight,
        "latent": FLAGS.latent_weight,
        "waveform_log": FLAGS.waveform_weight,
    }
    return {name: weight for name, weight in weights.items() if weight}


def main(arguments: list[str]) -> None:
    command.refuse_arguments(arguments)
    import keras
    import tensorflow as tf

    from tf_inversion import errors
    from tf_inversion.networks.inverter import Inverter
    from tf_inversion.training import distribution
    from tf_inversion.training.augmentation import Augmentation
    from tf_inversion.training.inverter import start_from, train_inverter

    if FLAGS.freeze_batch_norm and not FLAGS.start_from:
        raise errors.InvalidArgumentError(
            "freeze_batch_norm: a new inverter has no statistics yet; give --start_from"
        )
    if FLAGS.average_weights is not None and not FLAGS.freeze_batch_norm:
        raise errors.InvalidArgumentError(
            "average_weights: batch normalisation's statistics would not be those of the averaged weights; "
            "give --freeze_batch_norm"
        )
    clips = {"train": None, "valid": None}
    if not FLAGS.synthesized_only:
        clips = dict(zip(clips, training_flags.find_clips(*clips)))
    run = training_flags.make_run(len(clips["train"] or ()), cosine=FLAGS.schedule == "cosine")
    command.set_seed(FLAGS.seed)
    dtype = None
    if FLAGS.mixed_precision:
        dtype = "mixed_float16" if tf.config.list_physical_devices("GPU") else "mixed_bfloat16"
    learning_rate = FLAGS.learning_rate
    if FLAGS.schedule == "cosine":
        updates = run.epochs * run.steps_per_epoch * (1 if FLAGS.synthesized_only else 2)
        learning_rate = keras.optimizers.schedules.CosineDecay(learning_rate, updates)
    strategy = distribution.make_strategy(FLAGS.strategy)
    with strategy.scope():
        generator = common_flags.load_generator()
        classifier = common_flags.load_classifier(generator)
        inverter = Inverter(
            generator.latent_dim,
            width=FLAGS.width,
            spectrogram=FLAGS.spectrogram,
            num_samples=generator.num_samples,
            sample_rate=generator.sample_rate,
            peak=FLAGS.peak,
            dtype=dtype,
        )
    run = distribution.worker_run(run, strategy)
    if FLAGS.start_from and not run.resumes:
        start_from(FLAGS.start_from, inverter)
    best = train_inverter(
        run,
        inverter,
        generator,
        classifier,
        clips["train"],
        clips["valid"],
        weights=_weights(),
        temperature=FLAGS.posterior_temperature,
        batch_size=FLAGS.batch_size,
        learning_rate=learning_rate,
        seed=FLAGS.seed,
        augmentation=Augmentation(FLAGS.gain_db, FLAGS.shift_seconds, speed=FLAGS.speed),
        strategy=strategy,
        freeze_batch_norm=FLAGS.freeze_batch_norm,
        average_weights=FLAGS.average_weights,
    )
    training_flags.report(inverter.name, best)


run = command.runner(main, __doc__)
