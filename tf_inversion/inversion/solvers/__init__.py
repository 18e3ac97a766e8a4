"""Solvers: the methods that search for the latents at which an objective is least.

A solver is one class, see `base.Solver`, in a module of this package, and a line here. It is imported on
first use, so that its name can be offered, and checked, without TensorFlow.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tf_inversion.inversion.solvers.base import Solver

#: Name -> module and class.
SOLVERS = {
    "none": ("none", "NoSolver"),
    "lbfgs": ("lbfgs", "LBFGS"),
    "tfp_lbfgs": ("tfp_lbfgs", "TFPLBFGS"),
    "scipy_lbfgs": ("scipy_lbfgs", "SciPyLBFGS"),
    "adam": ("adam", "Adam"),
    "gauss_newton": ("gauss_newton", "GaussNewton"),
}
#: Which of them does L-BFGS, by the name of who made it.
LBFGS_BACKENDS = {"batched": "lbfgs", "tfp": "tfp_lbfgs", "scipy": "scipy_lbfgs"}


def solver_class(name: str) -> type[Solver]:
    """Returns a class of `SOLVERS`."""
    module, cls = SOLVERS[name]
    return getattr(importlib.import_module(f"{__name__}.{module}"), cls)


def make(
    generator, name: str, weights: Mapping[str, float], classifier=None, fold: bool = False, **options
) -> Solver:
    """Returns the `base.Solver` of an objective, compiled already if the generator has met it before.

    Args:
      generator, weights, classifier, fold: see `losses.Objective`.
      name: a name in `SOLVERS`.
      **options: further arguments of the solver's class.
    """
    from tf_inversion.inversion import compiled

    given = name, tuple(weights.items()), classifier, fold, tuple(options.items())
    return compiled.kept(generator, _make, *given)


def _make(generator, name, weights, classifier, fold, options) -> Solver:
    from tf_inversion.losses import Objective

    return solver_class(name)(Objective(dict(weights), generator, classifier, fold=fold), **dict(options))
