"""What a training is told: where and how long it runs, and what it learns. Needs no TensorFlow."""

from __future__ import annotations

import dataclasses

from tf_inversion import errors
from tf_inversion.settings import Settings, setting

_SPECTROGRAMS = ("log_magnitude", "magnitude", "real")


@dataclasses.dataclass(frozen=True)
class RunSettings(Settings):
    """Where and for how long a training runs."""

    output_dir: str = setting("runs/training", "Folder to write to, made if absent.", shapes_result=False)
    epochs: int = setting(
        50, "Passes over the training clips, or over --steps_per_epoch steps.", lower=1, shapes_result=False
    )
    steps_per_epoch: int | None = setting(
        None,
        "Steps between two validations. Default: as many as the training clips fill batches.",
        lower=1,
        shapes_result=False,
    )
    resume: bool = setting(
        True, "Go on where an earlier run of the same settings was stopped.", shapes_result=False
    )
    checkpoint_minutes: float = setting(
        5.0, "A kill loses at most this much work.", lower=0.0, shapes_result=False
    )


@dataclasses.dataclass(frozen=True)
class TrainingSettings(Settings):
    """What the trainings of all networks are told."""

    batch_size: int = setting(64, "Clips per batch.", lower=1)
    learning_rate: float = setting(1e-3, "Adam's learning rate.", lower=0.0)
    schedule: str = setting(
        "constant", "How the learning rate goes over --epochs.", choices=("constant", "cosine")
    )
    width: int = setting(64, "Channels of the network's first stage.", lower=1)
    spectrogram: str = setting("log_magnitude", "The ResNet's input.", choices=_SPECTROGRAMS)
    peak: float = setting(0.0, "Scale each clip to this peak level; 0 leaves it.", lower=0.0, upper=1.0)
    gain_db: float = setting(0.0, "Augmentation: the level changes by up to this much.", lower=0.0)
    shift_seconds: float = setting(0.0, "Augmentation: starts up to this much later.", lower=0.0)
    seed: int = setting(0, "Seed of everything random: same seed, same result.", lower=0, upper=2**32 - 1)


@dataclasses.dataclass(frozen=True)
class ClassifierTrainingSettings(TrainingSettings):
    """What the training of a classifier is told."""

    schedule: str = setting(
        "cosine", "How the learning rate goes over --epochs.", choices=("constant", "cosine")
    )
    architecture: str = setting(
        "resnet18",
        "resnet18 as in the paper, mel_cnn for evaluation.",
        choices=("resnet18", "mel_cnn"),
    )
    num_samples: int = setting(16384, "Samples of a clip.", lower=512)
    sample_rate: int = setting(16000, "Of the clips, in Hz.", lower=1)
    name: str = setting("classifier", "Name of the model and of its files.")
    dropout: float = setting(0.2, "Dropout rate before the last layer.", lower=0.0, upper=0.95)
    gain_db: float = setting(6.0, "Augmentation: the level changes by up to this much.", lower=0.0)
    shift_seconds: float = setting(0.1, "Augmentation: starts up to this much later.", lower=0.0)
    noise_db: float = setting(-40.0, "Augmentation: white noise up to this level re full scale.")

    def __post_init__(self):
        super().__post_init__()
        if not self.name.isidentifier():
            raise errors.InvalidArgumentError(f"name: {self.name!r}; use letters, digits and underscores")


@dataclasses.dataclass(frozen=True)
class InverterTrainingSettings(TrainingSettings):
    """What the training of an inverter is told; the defaults are the paper's (section 4.1)."""

    loss_weights: str = setting(
        "perceptual+latent",
        "What to minimise: loss terms with weights, as in 'perceptual+10*latent+30*log_mel'.",
    )
    posterior_temperature: float = setting(
        1.0,
        "Distillation temperature of posterior_kl: above 1 it goes on teaching once the classifier hears the "
        "right class.",
        lower=0.1,
        upper=100.0,
    )
    speed: float = setting(
        0.0,
        "Augmentation: real clips up to this share faster and higher, or slower and lower.",
        lower=0.0,
        upper=0.5,
    )
    start_from: str | None = setting(
        None, "A trained inverter of the same shape to start from.", shapes_result=False
    )
    freeze_batch_norm: bool = setting(
        False,
        "With --start_from: normalise by the statistics of the training before, as the inverter does in use.",
    )
    average_weights: float | None = setting(
        None,
        "With --freeze_batch_norm: momentum per update, such as 0.999, of an exponential moving average "
        "(EMA) of the weights, which is then the trained inverter. For trainings much longer than "
        "1 / (1 - momentum) updates, two a step.",
        lower=0.0,
        upper=0.99999,
    )
    mixed_precision: bool = setting(False, "Compute in float16; for GPUs.")

    def __post_init__(self):
        super().__post_init__()
        if self.freeze_batch_norm and not self.start_from:
            raise errors.InvalidArgumentError(
                "freeze_batch_norm: a new inverter has no statistics yet; give start_from"
            )
        if self.average_weights is not None and not self.freeze_batch_norm:
            raise errors.InvalidArgumentError(
                "average_weights: batch normalisation's statistics would not be those of the averaged "
                "weights; give freeze_batch_norm"
            )
