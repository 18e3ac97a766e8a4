"""Trains the inverter of a generator, by the paper's method.

  train_inverter --data_dir=data/fsdd --epochs=250
  train_inverter --flagfile=flags/paper.flags --generator=wavegan_sc09/ --data_dir=data/sc09
  train_inverter --flagfile=flags/digits.flags --seed=1    # the pretrained inverter's last part of five
  train_inverter --synthesized_only --steps_per_epoch=500
  train_inverter --loss_weights=perceptual           # reconstruction only, an auto-encoder
  train_inverter --loss_weights=10*latent+3*perceptual+posterior_kl+30*log_mel
  train_inverter --start_from=runs/inverter/inverter.keras --output_dir=runs/finer --learning_rate=1e-4

By default each step trains on a batch of real clips with the perceptual loss,
then on a batch of synthesized ones with the latent and the perceptual loss.
Killed and started again with the same flags, it goes on where it was.
"""

from absl import flags

from tf_inversion import errors
from tf_inversion.models import ModelBundle, ModelSettings
from tf_inversion.scripts import command, common_flags, settings_flags, training_flags
from tf_inversion.training.settings import InverterTrainingSettings

FLAGS = flags.FlagValues()

training_flags.define(FLAGS, InverterTrainingSettings, output_dir="runs/inverter", epochs=250)
settings_flags.define(ModelSettings, FLAGS, without=("inverter", "judge"))
flags.DEFINE_bool(
    "synthesized_only",
    False,
    "Train on synthesized clips alone: no data set is needed.",
    flag_values=FLAGS,
)
flags.DEFINE_enum(
    "strategy",
    "default",
    ["default", "mirrored", "multi_worker"],
    "One device, all GPUs, or several machines.",
    flag_values=FLAGS,
)
flags.DEFINE_enum(
    "features",
    "blocks",
    ["blocks", "authors"],
    "authors: perceptual_authors instead of perceptual.",
    flag_values=FLAGS,
)
#: Flags for the weight of one loss term each, and its name.
_WEIGHTS = {
    "latent_weight": "latent",
    "perceptual_weight": "perceptual",
    "waveform_weight": "waveform_log",
    "posterior_weight": "posterior_kl",
    "mel_weight": "log_mel",
}
for _flag, _term in _WEIGHTS.items():
    flags.DEFINE_float(
        _flag,
        None,
        f"Weight of {_term}, if it is another than in --loss_weights; 0 leaves it out.",
        lower_bound=0.0,
        flag_values=FLAGS,
    )


def _loss_weights() -> str:
    """Returns --loss_weights, with those weights that have flags of their own."""
    from tf_inversion import losses

    weights = dict(losses.weights(FLAGS.loss_weights))
    weights |= {term: FLAGS[flag].value for flag, term in _WEIGHTS.items() if FLAGS[flag].value is not None}
    if FLAGS.features == "authors" and "perceptual" in weights:
        weights["perceptual_authors"] = weights.pop("perceptual")
    if not any(weights.values()):
        raise errors.InvalidArgumentError("loss_weights: all are 0, which leaves nothing to learn")
    return "+".join(f"{weight!r}*{name}" for name, weight in weights.items() if weight)


def main(arguments: list[str]) -> None:
    command.refuse_arguments(arguments)
    settings = settings_flags.read(InverterTrainingSettings, FLAGS, loss_weights=_loss_weights())
    run = training_flags.read_run(FLAGS)

    from tf_inversion.training.distribution import make_strategy
    from tf_inversion.training.inverter import needs_classifier, train_inverter

    clips = None, None
    if not FLAGS.synthesized_only:
        clips = training_flags.find_clips(FLAGS, "train", "valid")
    command.set_seed(settings.seed)
    strategy = make_strategy(FLAGS.strategy)
    needs = ("classifier",) if needs_classifier(settings) else ()
    with strategy.scope():
        models = ModelBundle.load(settings_flags.read(ModelSettings, FLAGS), needs=needs, wants=())
    progress = common_flags.progress(FLAGS, leave=True)
    best = train_inverter(models, *clips, settings, run, strategy=strategy, progress=progress)
    training_flags.report(run, "inverter", best)


run = command.runner(main, __doc__, FLAGS)
