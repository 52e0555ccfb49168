"""Surgery on a model that exists: put regularizers on, audit it, refit its support, shrink it."""

from kerasreg.surgery.auditing.report import Audit, audit
from kerasreg.surgery.factoring import LowRank, low_rank
from kerasreg.surgery.refit import fixed_support, refit_support
from kerasreg.surgery.regularizing import regularize
from kerasreg.surgery.shrinking import Shrunk, shrink

__all__ = [
    "Audit",
    "LowRank",
    "Shrunk",
    "audit",
    "fixed_support",
    "low_rank",
    "refit_support",
    "regularize",
    "shrink",
]
