"""What inversion and training minimise: one table of loss terms, weighted sums of them, and their names."""

from tf_inversion.losses.checkerboard import checkerboard_loss
from tf_inversion.losses.objective import Objective
from tf_inversion.losses.presets import PRESETS, stages, weights
from tf_inversion.losses.terms import ALIASES, LOSS_TERMS, LossTerm
from tf_inversion.losses.view import View

__all__ = [
    "ALIASES",
    "LOSS_TERMS",
    "PRESETS",
    "LossTerm",
    "Objective",
    "View",
    "checkerboard_loss",
    "stages",
    "weights",
]
