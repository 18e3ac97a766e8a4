"""Settings of the trainings: where and how long one runs, and what it learns. Needs no TensorFlow."""

from __future__ import annotations

import dataclasses
from typing import Any

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
    """Settings of all trainings."""

    batch_size: int = setting(64, "Clips per batch.", lower=1)
    peak: float = setting(0.0, "Scale each clip to this peak level; 0 leaves it.", lower=0.0, upper=1.0)
    gain_db: float = setting(0.0, "Augmentation: the level changes by up to this much.", lower=0.0)
    shift_seconds: float = setting(0.0, "Augmentation: starts up to this much later.", lower=0.0)
    seed: int = setting(0, "Seed of everything random: same seed, same result.", lower=0, upper=2**32 - 1)


@dataclasses.dataclass(frozen=True)
class ResNetTrainingSettings(TrainingSettings):
    """Settings of the trainings of inverter and classifier."""

    learning_rate: float = setting(1e-3, "Adam's learning rate.", lower=0.0)
    schedule: str = setting(
        "constant", "How the learning rate goes over --epochs.", choices=("constant", "cosine")
    )
    width: int = setting(64, "Channels of the network's first stage.", lower=1)
    spectrogram: str = setting("log_magnitude", "The ResNet's input.", choices=_SPECTROGRAMS)


@dataclasses.dataclass(frozen=True)
class ClassifierTrainingSettings(ResNetTrainingSettings):
    """Settings of the training of a classifier."""

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
class InverterTrainingSettings(ResNetTrainingSettings):
    """Settings of the training of an inverter; the defaults are the paper's (section 4.1)."""

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

    def weights(self) -> dict[str, float]:
        """Returns the weights of the loss terms, by name."""
        from tf_inversion import losses

        return dict(losses.weights(self.loss_weights))

    def shaping(self) -> dict[str, Any]:
        return {**super().shaping(), "loss_weights": self.weights()}


@dataclasses.dataclass(frozen=True)
class WaveGANTrainingSettings(TrainingSettings):
    """Settings of the training of a WaveGAN; None stands for what goes with `loss`."""

    batch_size: int = setting(32, "Clips per batch.", lower=1)
    peak: float = setting(0.9, "Scale each clip to this peak level; 0 leaves it.", lower=0.0, upper=1.0)
    width: int = setting(16, "Channels of the generator's last hidden layer; 64 in the paper.", lower=1)
    loss: str = setting(
        "ns_r1", "ns_r1 learns more an hour; wgan_gp is the paper's.", choices=("ns_r1", "wgan_gp")
    )
    learning_rate: float | None = setting(
        None, "Adam's learning rate. Default: 0.0003 for ns_r1, 0.0001 for wgan_gp.", lower=0.0
    )
    tone_weight: float | None = setting(
        None,
        "Weight of a loss on tones at multiples of the sample rate over 64, which the upsampling leaves. "
        "Default: 1 for ns_r1, 0 for wgan_gp.",
        lower=0.0,
    )
    tone_delay: int = setting(
        2000, "Steps without that loss; it then grows to its weight in as many more.", lower=0
    )
    label_weight: float | None = setting(
        None,
        "Of labelled clips: weight of a loss that makes the generator's clips clearly of one class each, and "
        "the classes equally frequent. Default: 0.5 for ns_r1, 0 for wgan_gp.",
        lower=0.0,
    )
    conditional: bool = setting(
        False,
        "Of labelled clips: give the generator the class beside the latents, and have the critic tell it "
        "(AC-GAN: Odena et al. 2017). Needs --format=keras, --mel_width and --label_weight.",
    )
    encoder: bool = setting(
        False,
        "Train an encoder in parallel, saved as inverter.keras: the critics judge pairs of clip and latents "
        "(BiGAN: Donahue et al. 2016; ALI: Dumoulin et al. 2016).",
    )
    encoder_width: int = setting(16, "With --encoder: channels of the ResNet's first stage.", lower=1)
    repeat: tuple[str, ...] = setting(
        (), "Show clips of classes that come out too rarely three and two times: zero:3,two:2."
    )
    latent_dim: int = setting(100, "Values in a latent vector.", lower=1)
    slice_len: str = setting("16384", "Samples of a clip.", choices=("16384", "32768", "65536"))
    sample_rate: int = setting(16000, "Of the clips, in Hz.", lower=1)
    num_channels: int = setting(
        1, "Of the clips: 2 for stereo. A mono file has the same in all.", lower=1, upper=8
    )
    kernel_len: int = setting(25, "Taps of the convolutions.", lower=1)
    batchnorm: bool = setting(False, "Batch normalisation.")
    upsample: str = setting(
        "zeros", "zeros: transposed convolution; nn: repeat values.", choices=("zeros", "nn")
    )
    post_filter_len: int = setting(0, "Taps of a learned filter after the tanh; 0: none.", lower=0)
    phase_shuffle: int = setting(2, "Radius in samples; 0: none.", lower=0, upper=31)
    waveform_width: int | None = setting(
        None,
        "Channels of the waveform critic's first layer, half of the generator's save a third of a step. "
        "Default: --width, as in the paper.",
        lower=1,
    )
    mel_width: int = setting(
        16, "Channels of a second critic, of log-mel images; 0: none, as in the paper.", lower=0
    )
    num_judged: int = setting(1000, "Synthesized clips per validation.", lower=20)
    patience: int = setting(250, "The training ends after so many steps in a row that show it lost.", lower=1)
    start_from: str | None = setting(
        None,
        "A WaveGAN to start from: a checkpoint, with its critics if it has them, or .keras.",
        shapes_result=False,
    )
    format: str = setting(
        "official",
        "TensorFlow 1 checkpoint that WaveGAN tools read, or .keras.",
        choices=("official", "keras"),
        shapes_result=False,
    )

    def __post_init__(self):
        super().__post_init__()
        if self.conditional and self.format != "keras":
            raise errors.InvalidArgumentError(
                "conditional: the official format has no class; give format=keras"
            )
        if self.conditional and not self.mel_width:
            raise errors.InvalidArgumentError("conditional: the critic that tells classes needs a mel_width")
        if self.conditional and self.encoder:
            raise errors.InvalidArgumentError("encoder: recovers no class; leave out encoder or conditional")

    def shaping(self) -> dict[str, Any]:
        """Names the encoder only if there is one, so that older runs without can be resumed."""
        shaping = super().shaping()
        return shaping if self.encoder else {k: v for k, v in shaping.items() if not k.startswith("encoder")}
