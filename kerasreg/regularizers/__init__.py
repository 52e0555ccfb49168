"""Penalties: what a regularizer must know for everything else in kerasreg to work with it.

- for single weights: `ElasticNet` (with the lasso and ridge), `MCP`, `SCAD`, `LogSum`
- for units, filters and features: `GroupLasso`, `SparseGroupLasso`
- for activities: `KLSparsity`
- for strengths from what is known of the weights: `laplace_prior`, `gaussian_prior`
- for Keras's own L1, L2 and L1L2, which may be used as they are: `as_penalty`, `KerasPenalty`
- for a penalty of your own: `Penalty`, `SeparablePenalty`

`PENALTIES` lists the classes. All are instances of `keras.Regularizer`, for `kernel_regularizer=`
and its like.
"""

from kerasreg.regularizers.activity import KLSparsity
from kerasreg.regularizers.checking import check_penalty
from kerasreg.regularizers.grouped import GroupLasso, SparseGroupLasso, block_soft_threshold
from kerasreg.regularizers.keras_builtin import KerasPenalty, as_penalty, scaled_regularizer
from kerasreg.regularizers.nonconvex import MCP, SCAD, LogSum
from kerasreg.regularizers.penalty import Penalty
from kerasreg.regularizers.priors import gaussian_prior, laplace_prior
from kerasreg.regularizers.separable import ElasticNet, SeparablePenalty, soft_threshold

# One line a penalty: the parametrized tests, and whatever walks over the family, read this list.
# Its name stands in `__all__` too, which type checkers read as text.
PENALTIES: tuple[type[Penalty], ...] = (
    ElasticNet,
    GroupLasso,
    SparseGroupLasso,
    MCP,
    SCAD,
    LogSum,
    KLSparsity,
)

__all__ = [
    "MCP",
    "PENALTIES",
    "SCAD",
    "ElasticNet",
    "GroupLasso",
    "KLSparsity",
    "KerasPenalty",
    "LogSum",
    "Penalty",
    "SeparablePenalty",
    "SparseGroupLasso",
    "as_penalty",
    "block_soft_threshold",
    "check_penalty",
    "gaussian_prior",
    "laplace_prior",
    "scaled_regularizer",
    "soft_threshold",
]
