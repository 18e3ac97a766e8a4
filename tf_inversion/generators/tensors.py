"""Which tensors of a model or graph are latents, condition and audio, where it has several."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tf_inversion import errors


@dataclasses.dataclass(frozen=True)
class TensorNames:
    """Names of a generator's tensors; None for the only one that can be meant.

    Attributes:
      latent: where latent vectors enter.
      audio: where audio leaves.
      condition: where a class or a code enters beside the latent vectors.
    """

    latent: str | None = None
    audio: str | None = None
    condition: str | None = None

    def choose(
        self, source: Path, inputs: Mapping[str, Any], outputs: Mapping[str, Any]
    ) -> tuple[str, str, str | None]:
        """Returns the names of latents, audio and condition (None if there is none) of a model.

        Args:
          source: the model's file, for messages.
          inputs, outputs: name -> specification, with a shape and a dtype.

        Raises:
          ModelFileError: if one has no such name, or several may be meant; what there is, is listed.
        """
        latent = self.latent or _only(inputs, besides=self.condition)
        others = [name for name in inputs if name != latent]
        condition = self.condition or (others[0] if len(others) == 1 else None)
        audio = self.audio or _only(outputs) or ""
        taken = [latent] if condition is None else [latent, condition]
        if latent is None or audio not in outputs or {*taken} != {*inputs} or len(taken) != len(inputs):
            raise errors.ModelFileError(
                f"{source}: takes {listed(inputs)} and returns {listed(outputs)}; tell by latent_tensor, "
                "condition_tensor and audio_tensor which are latents, a condition and audio"
            )
        return latent, audio, condition


def _only(tensors: Mapping[str, Any], besides: str | None = None) -> str | None:
    names = [name for name in tensors if name != besides]
    return names[0] if len(names) == 1 else None


def listed(tensors: Mapping[str, Any]) -> str:
    """Returns names, shapes and types, as a message shows them."""
    texts = [
        f"{name} {getattr(spec.dtype, 'name', spec.dtype)} ({', '.join(map(str, spec.shape))})"
        for name, spec in tensors.items()
    ]
    return ", ".join(texts) or "nothing"
