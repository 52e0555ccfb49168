"""Surgery on a model that exists: put regularizers on, audit it, refit its support, shrink it."""

from kerasreg.surgery.audit import Audit, audit
from kerasreg.surgery.refit import fixed_support, refit_support
from kerasreg.surgery.regularize import regularize

__all__ = ["Audit", "audit", "fixed_support", "refit_support", "regularize"]
