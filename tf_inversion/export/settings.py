"""Settings of a conversion to TensorFlow Lite. Needs no TensorFlow."""

from __future__ import annotations

import dataclasses

from tf_inversion import errors
from tf_inversion.settings import Settings, setting

#: What a file's numbers are. Only the inverter comes as int8: 8 bits of audio or probabilities are too few.
QUANTISATION = {
    "float32": "none",
    "float16": "weights float16, computed in float32",
    "dynamic_range": "weights int8, activations quantised while they are computed where the runtime can",
    "int8": "weights and activations int8, calibrated; input, output and spectrogram float32",
}
FORMATS = tuple(QUANTISATION)
FRONT_ENDS = ("stft", "dft")
_MODELS = ("inverter", "generator", "classifier")


@dataclasses.dataclass(frozen=True)
class ConversionSettings(Settings):
    """What to convert, and what to measure it on."""

    models: tuple[str, ...] = setting(_MODELS, "What to convert.", choices=_MODELS)
    formats: tuple[str, ...] = setting(FORMATS, "To which formats.", choices=FORMATS)
    front_end: str = setting("stft", "dft: the STFT as matrix products.", choices=FRONT_ENDS)
    calibration: str | None = setting(
        None,
        "Folder of clips that, beside synthesized ones, tell int8 the range of each activation. "
        "Default: the training split of --data_dir, or the bundled clips.",
    )
    num_clips: int = setting(
        100,
        "Clips to measure on: so many synthesized, and real ones of --data_dir's test split.",
        lower=1,
    )

    def __post_init__(self):
        super().__post_init__()
        for name in ("models", "formats"):
            if not getattr(self, name):
                raise errors.InvalidArgumentError(f"{name}: is empty; name one or more")
        if not any(set(self.formats) & set(formats_of(name)) for name in self.models):
            raise errors.InvalidArgumentError("formats: int8 is for the inverter; add another, or models")


def formats_of(model: str) -> tuple[str, ...]:
    """Returns the formats in which a model comes."""
    return FORMATS if model == "inverter" else FORMATS[:-1]
