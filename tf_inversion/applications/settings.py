"""What the applications of inversion are told, without TensorFlow."""

from __future__ import annotations

import dataclasses

from tf_inversion.settings import Settings, setting


@dataclasses.dataclass(frozen=True)
class DetectionSettings(Settings):
    """How synthesized clips are told, see `detection`."""

    starts: int = setting(2, "Initializations of the inversion, for each clip.", lower=1)
    max_iterations: int = setting(40, "Iterations from each of them.", lower=1)
    threshold: float = setting(-10.0, "Residual in dB up to which a clip is the generator's.")
    num_train: int = setting(500, "Clips of each kind that the features' classifier learns from.", lower=2)
    num_clips: int = setting(50, "With --evaluate: held-out clips of each kind.", lower=2)
