"""Penalties: what a regularizer must know for everything else in kerasreg to work with it."""

from kerasreg.regularizers.keras_builtin import KerasPenalty, as_penalty
from kerasreg.regularizers.penalty import Penalty
from kerasreg.regularizers.separable import ElasticNet, SeparablePenalty, soft_threshold

# One line a penalty: the parametrized tests, and whatever walks over the family, read this list.
PENALTIES: tuple[type[Penalty], ...] = (ElasticNet,)

__all__ = [
    "PENALTIES",
    "ElasticNet",
    "KerasPenalty",
    "Penalty",
    "SeparablePenalty",
    "as_penalty",
    "soft_threshold",
]
