"""The named methods of inversion: where the search starts, and which solver goes on from there.

The two choices do not know each other; settings may change either, and all that a method says besides.
Needs no TensorFlow, so that flags can be made of this table.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tf_inversion import errors
from tf_inversion.inversion.solvers import LBFGS_BACKENDS

if TYPE_CHECKING:
    from tf_inversion.inversion.settings import InversionSettings


@dataclasses.dataclass(frozen=True)
class Method:
    """A method of inversion.

    Attributes:
      summary: what it is, and for what.
      init: a name in `initializers.INITIALIZERS`.
      refine: a name in `solvers.SOLVERS`.
      max_iterations: of the solver, for each start.
      starts: how many there may be for a clip.
      objective: see `losses.stages`; or "auto".
      phase_free_iterations: instead of `max_iterations` where the objective is not of the waveform.
      tolerance: None for the solver's own.
      options: further arguments of the solver's class.
      init_alone: instead of `init` where no inverter belongs to the generator.
      race: whether the starts race where the objective is not of the waveform, see `race.Race`; else one
        follows another until a clip is solved.
      efforts: other parts for an effort that is not the default.
    """

    summary: str
    init: str
    refine: str
    max_iterations: int = 0
    starts: int = 1
    objective: str = "auto"
    phase_free_iterations: int | None = None
    tolerance: float | None = None
    options: Mapping[str, float] = dataclasses.field(default_factory=dict)
    init_alone: str | None = None
    race: bool = False
    efforts: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)

    @property
    def needs_inverter(self) -> bool:
        return self.init == "encoder" and self.init_alone is None

    def iterations_for(self, weights: Mapping[str, float]) -> int:
        """Returns how many iterations an objective gets."""
        few = self.phase_free_iterations
        return self.max_iterations if "waveform" in weights or few is None else few


METHODS = {
    "encoder": Method("the inverter's answer, in one pass (the paper's section 3.2)", "encoder", "none"),
    "gradient": Method(
        "L-BFGS from random latents until it converges, TensorFlow Probability's unless --backend says "
        "otherwise: the baseline (section 4.2), minutes a clip",
        "random",
        "tfp_lbfgs",
        50_000,
        starts=4,
    ),
    "hybrid": Method(
        "L-BFGS from the inverter's answer (section 4.4) and from further starts, of which the best go on: "
        "the closest to recordings, a second a clip",
        "encoder",
        "lbfgs",
        200,
        starts=4,
        phase_free_iterations=60,
        race=True,
        efforts={"fast": {"starts": 1}, "best": {"starts": 32, "phase_free_iterations": 120}},
    ),
    "paper": Method(
        "hybrid as published: 200 iterations from one start on equation 1",
        "encoder",
        "lbfgs",
        200,
        objective="paper",
    ),
    "authors": Method(
        "the same on the objective that the authors' code has", "encoder", "lbfgs", 200, objective="authors"
    ),
    # So near, half of the damping is enough, and each step worth a Jacobian of its own.
    "encoder_gauss_newton": Method(
        "Gauss-Newton from the inverter's answer: the exact latents of most synthesized clips",
        "encoder",
        "gauss_newton",
        20,
        objective="synthesized",
        tolerance=0.0,
        options={"steps": 1, "damping": 0.003},
    ),
    "least_squares": Method(
        "Gauss-Newton with further starts, which needs no inverter: the exact latents of synthesized "
        "clips, the most probable ones of noisy ones",
        "encoder",
        "gauss_newton",
        200,
        starts=5,
        objective="synthesized",
        init_alone="best_of_n",
    ),
}


def plan(settings: InversionSettings, has_inverter: bool = True) -> Method:
    """Returns the method that settings name, with the parts that they change.

    Args:
      settings: what is asked for; a backend counts where L-BFGS is what refines.
      has_inverter: whether one belongs to the generator.

    Raises:
      InvalidArgumentError: for settings that contradict each other, or an objective that can't be read.
    """
    named = METHODS[settings.method]
    named = dataclasses.replace(named, **named.efforts.get(settings.effort, {}))
    parts = {field.name for field in dataclasses.fields(Method)}
    given = {name: value for name, value in vars(settings).items() if name in parts and value is not None}
    if given.get("refine", named.refine) != named.refine:
        given |= {"options": {}, "phase_free_iterations": None, "tolerance": settings.tolerance}
    if "max_iterations" in given:
        given["phase_free_iterations"] = None
    if "init" in given:
        given["init_alone"] = None
    method = dataclasses.replace(named, **given)
    if settings.backend and method.refine in LBFGS_BACKENDS.values():
        method = dataclasses.replace(method, refine=LBFGS_BACKENDS[settings.backend])
    if method.init_alone and not has_inverter:
        method = dataclasses.replace(method, init=method.init_alone)
    if method.refine != "none" and not method.max_iterations:
        raise errors.InvalidArgumentError(f"max_iterations: give how many {method.refine} may take")
    if (settings.init_file is None) != (method.init != "file"):
        raise errors.InvalidArgumentError(
            f"init_file: goes with init file, not with {method.init}"
            if settings.init_file is not None
            else "init_file: is missing; name the latents file to start at"
        )
    if method.objective != "auto":
        from tf_inversion.losses import stages

        stages(method.objective)
    return method
