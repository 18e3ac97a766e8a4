"""How clips are inverted: each field is an argument of `invert` and a flag of the commands."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tf_inversion.inversion.methods import METHODS
from tf_inversion.inversion.solvers import LBFGS_BACKENDS, SOLVERS
from tf_inversion.settings import Settings, setting

METHOD_HELP = "; ".join(f"{name}: {method.summary}" for name, method in METHODS.items()) + "."


@dataclasses.dataclass(frozen=True)
class InversionSettings(Settings):
    """What `invert` does; None leaves a part to the method."""

    method: str = setting(
        "encoder",
        f"How clips are inverted, by an initializer (--init) and a solver (--refine). {METHOD_HELP}",
        choices=tuple(METHODS),
    )
    effort: str = setting(
        "default",
        "How much hybrid spends on a recording: one start (fast), four (default), or 32 and twice as many "
        "iterations (best). --starts and --max_iterations say it in detail.",
        choices=("fast", "default", "best"),
    )
    init: str | None = setting(
        None,
        "Where the search starts: at the inverter's answer (encoder), random latents, those of 1,024 random "
        "ones whose log-mel spectra are the nearest (best_of_n), zero, or the latents of --init_file (file). "
        "Default: the method's.",
        choices=("encoder", "random", "best_of_n", "zero", "file", "screened"),  # the last: best_of_n once
    )
    init_file: str | None = setting(
        None, "With --init=file: latents.npz of an earlier run, a row for each clip."
    )
    starts: int | None = setting(
        None,
        "Starts for each clip, of which the best answer is kept; those after the first are by --init or "
        "best_of_n. In hybrid they race, the worse half being dropped time and again; else, and where the "
        "objective is of the waveform, they are for clips that the first does not solve. Default: the "
        "method's.",
        lower=1,
    )
    refine: str | None = setting(
        None, "The solver that goes on from a start. Default: the method's.", choices=tuple(SOLVERS)
    )
    backend: str | None = setting(
        None,
        "Whose L-BFGS, where that refines: ours, in which no clip waits for another's line search "
        "(batched), TensorFlow Probability's (tfp), or SciPy's, one clip at a time (scipy). Default: the "
        "method's.",
        choices=tuple(LBFGS_BACKENDS),
    )
    max_iterations: int | None = setting(
        None,
        "Iterations of the solver, for each start that is not dropped; the objective auto may take up to 200 "
        "more to find out what a clip needs where the inverter's answer can't tell. Default: the method's.",
        lower=1,
    )
    objective: str | None = setting(
        None,
        "What is minimised: a preset (paper, authors, synthesized, phase_free, real); weighted loss terms, "
        "as in 'waveform+0.1*prior'; stages one after the other, as in 'log_mel:40,synthesized'; or auto: "
        "synthesized for clips that the generator turns out to make, else real, or phase_free without a "
        "classifier or by Gauss-Newton. Default: the method's.",
    )
    tolerance: float | None = setting(
        None, "Share of its objective that a clip must gain to go on. Default: the solver's.", lower=0.0
    )
    adjust: tuple[str, ...] = setting(
        (),
        "What is recovered with the latents, since a recording may change it: gain, shift.",
        choices=("gain", "shift"),
    )
    error_bars: bool = setting(False, "Tell how far off each latent may be; costs a Jacobian a clip.")
    batch_size: int = setting(64, "Clips at once; bounds the memory.", lower=1, shapes_result=False)
    seed: int = setting(0, "Seed of everything random: same seed, same result.", lower=0, upper=2**32 - 1)

    def __post_init__(self):
        if isinstance(self.objective, Mapping):
            terms = (
                f"{float(weight)!r}*{name}".replace("e+", "e") for name, weight in self.objective.items()
            )
            object.__setattr__(self, "objective", "+".join(terms))
        if self.init_file is not None:
            object.__setattr__(self, "init_file", str(self.init_file))
        if self.init == "screened":
            object.__setattr__(self, "init", "best_of_n")
        super().__post_init__()
