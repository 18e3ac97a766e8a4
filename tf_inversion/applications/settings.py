"""Settings of the applications of inversion. Needs no TensorFlow."""

from __future__ import annotations

import dataclasses

from tf_inversion import errors
from tf_inversion.settings import Settings, setting

_MAX_STRENGTH = 1000  # far beyond the border of what latents are drawn from


@dataclasses.dataclass(frozen=True)
class DetectionSettings(Settings):
    """How synthesized clips are detected, see `detection`."""

    starts: int = setting(2, "Initializations of the inversion, for each clip.", lower=1)
    max_iterations: int = setting(40, "Iterations from each of them.", lower=1)
    threshold: float = setting(-10.0, "Residual in dB up to which a clip is the generator's.")
    num_train: int = setting(500, "Clips of each kind that the features' classifier learns from.", lower=2)
    num_clips: int = setting(50, "With --evaluate: held-out clips of each kind.", lower=2)


@dataclasses.dataclass(frozen=True)
class ProbeSettings(Settings):
    """What probes of a latent space are trained on, see `probe_training`."""

    num_clips: int = setting(10_000, "Latents to draw, and recordings of a split at most.", lower=10)
    confidence: float = setting(
        0.9, "Drawn latents count whose clip is classified with this probability.", lower=0.0, upper=1.0
    )
    latents: str | None = setting(
        None,
        "latents.npz of invert_audio, instead of inverting the recordings; or a data set of invert_dataset, "
        "which needs no --data_dir and of which all clips count.",
        shapes_result=False,
    )


@dataclasses.dataclass(frozen=True)
class EditSettings(Settings):
    """How latents are edited, see `editing`."""

    clips: tuple[str, ...] = setting(
        (), "Of data sets of invert_dataset the paths of the clips to edit. Default: all."
    )
    to: str | None = setting(None, "Interpolate to this clip: an audio file, or latents.npz of one clip.")
    steps: int = setting(5, "With --to: clips from one to the other, both included.", lower=2)
    direction: str | None = setting(
        None, "Without --to: a probe and the label to move towards. Default: digit:3."
    )
    more: tuple[str, ...] = setting(
        (),
        "Instead: raise these scores of each clip and keep its class, pitch, loudness, brightness, duration, "
        "or word:NAME, the log-odds of a class. A strength below 0 lowers them.",
    )
    voice_of: str | None = setting(
        None,
        "Instead: the same class in the voice of this audio file, by pitch and spectral envelope. Nothing "
        "else of the clip stays.",
    )
    evaluate: int = setting(
        0, "With --more: edit no clips, but measure what it does to so many random latents.", lower=0
    )
    strength: tuple[str, ...] = setting(
        ("0", "2", "4"), "How far to move, each a clip. Latents themselves are about 5.8 long."
    )
    probe: str | None = setting(None, "Probes of train_latent_probe. Default: the pretrained ones.")

    def __post_init__(self):
        super().__post_init__()
        given = [name for name in ("to", "direction", "more", "voice_of") if getattr(self, name)]
        if len(given) > 1:
            raise errors.InvalidArgumentError(f"{', '.join(given)}: give one of them")
        if self.evaluate == 1 or (self.evaluate and not self.more):
            raise errors.InvalidArgumentError(
                f"evaluate: {self.evaluate}; give 2 or more, and what to measure as more"
            )
        try:
            shown = {f"{strength:+g}" for strength in self.strengths if abs(strength) <= _MAX_STRENGTH}
        except ValueError:
            shown = set()
        if not shown or len(shown) < len(self.strength):
            raise errors.InvalidArgumentError(
                f"strength: {','.join(self.strength)}; give different numbers up to {_MAX_STRENGTH}, with "
                "commas between them"
            )

    @property
    def strengths(self) -> list[float]:
        """`strength` as numbers."""
        return [float(text) for text in self.strength]


@dataclasses.dataclass(frozen=True)
class ExplorerSettings(Settings):
    """Where the page of `explorer_page` is, and what its sliders move along."""

    port: int = setting(7860, "Port to listen at.", lower=1, upper=65535)
    host: str = setting("127.0.0.1", "Address to listen at; another one lets others in.")
    probe: str | None = setting(
        None, "Probes of train_latent_probe, for the sliders of classes. Default: the pretrained generator's."
    )
