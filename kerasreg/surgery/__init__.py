"""Surgery on a model that exists: put regularizers on, audit it, refit its support, shrink it.

- `regularize` puts regularizers on weights, and `audit` says which of them do not work
- `refit_support` trains on without the penalties, the zeros held; `fixed_support` holds them
- `shrink` takes out units that nothing depends on, `low_rank` factors Dense layers
"""

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
