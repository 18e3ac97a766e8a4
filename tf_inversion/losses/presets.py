"""The language of objectives: presets, weighted sums of loss terms, stages one after the other."""

from __future__ import annotations

from collections.abc import Mapping

from tf_inversion import errors
from tf_inversion.losses.terms import find_term

#: "paper" is equation 1, "authors" what their code ran. Their spectrogram is the STFT's real part.
# No penalty outside the prior where the clip is the generator's own: it would bar the curved valley that
# leads to the solution, which is inside.
PRESETS: dict[str, Mapping[str, float]] = {
    "paper": {"real_part": 1.0},
    "authors": {"real_part": 1.0, "waveform_mae": 1.0, "middle": 0.002},
    "synthesized": {"waveform": 1.0},
    "phase_free": {"log_mel": 1.0, "level": 1.0, "prior": 1.0},
    "real": {
        "log_mel": 1.0,
        "log_magnitude": 1.0,
        "perceptual": 0.3,
        "posterior_hellinger": 10.0,
        "level": 1.0,
        "prior": 1.0,
    },
}


def stages(spec: str | Mapping[str, float]) -> list[tuple[Mapping[str, float], int | None]]:
    """Returns the weights and the iterations (None: the method's) of each stage of an objective.

    Args:
      spec: weights of loss terms; or, between commas, stages as `weights` reads them, each with its
        iterations behind ":" if it has a number of its own: "log_mel:40,synthesized".

    Raises:
      InvalidArgumentError: if it can't be read, or names what does not exist.
    """
    if not isinstance(spec, str):
        return [(spec, None)]
    found = []
    for stage in spec.split(","):
        name, _, iterations = stage.partition(":")
        if iterations and not (iterations.isdecimal() and int(iterations)):
            raise errors.InvalidArgumentError(f"objective: {stage!r}: {iterations!r} is no iteration count")
        found.append((weights(name), int(iterations) if iterations else None))
    return found


def weights(spec: str) -> Mapping[str, float]:
    """Returns the weights of loss terms by name.

    Args:
      spec: a preset, or terms between "+", with weights before "*": "waveform+0.1*prior".

    Raises:
      InvalidArgumentError: if it can't be read, or names what does not exist.
    """
    if spec in PRESETS:
        return PRESETS[spec]
    found: dict[str, float] = {}
    for summand in spec.split("+"):
        weight, _, name = summand.rpartition("*")
        try:
            name, _ = find_term(name)
            found[name] = found.get(name, 0) + float(weight or 1)
        except errors.InvalidArgumentError as error:
            presets = ", ".join(["auto", *PRESETS])
            raise errors.InvalidArgumentError(f"{error}; or, alone, from {presets}") from None
        except ValueError:
            raise errors.InvalidArgumentError(f"objective: {summand!r}: {weight!r} is no weight") from None
    return found
