"""L½, a penalty as a user of kerasreg writes one: its slope grows without bound towards zero."""

import keras
import numpy as np
from keras import ops

from kerasreg.regularizers import SeparablePenalty


@keras.saving.register_keras_serializable(package="test_regularizers")
class RootPenalty(SeparablePenalty):
    """strength * sum(sqrt(|w|)), by the three formulas that README asks for and nothing else."""

    def __init__(self, strength=0.01):
        self.strength = strength

    def _elementwise(self, w, strength):
        return strength * ops.sqrt(ops.abs(w))

    def _slope(self, w, strength):
        root = ops.sqrt(ops.where(w == 0, 1.0, ops.abs(w)))
        return ops.where(w == 0, 0.0, ops.sign(w) * (strength / 2 / root))

    def _prox(self, w, step_size, strength):
        # u = |w| * x**2 with x the larger root of x**3 - x + c; |w| > 1.5 * threshold keeps w, Xu,
        # Chang, Xu & Zhang, L1/2 regularization (2012), theorem 1, there with a cosine for x.
        threshold = ops.power(ops.cast(step_size * strength, w.dtype), 2 / 3)
        keep = ops.abs(w) > 1.5 * threshold
        modulus = ops.where(keep, ops.abs(w), 1.0)
        c = ops.where(keep, ops.power(threshold / modulus, 1.5) / 2, 0.0)
        x = ops.ones_like(modulus)
        for _ in range(6):  # Newton's method from above; x stays above 0.81, the bend is at 0.58
            x = x - (x * (x * x - 1) + c) / (3 * x * x - 1)
        return ops.where(keep, ops.sign(w) * modulus * x * x, ops.where(w == w, 0.0, w))

    def get_config(self):
        return {"strength": self.strength}


def formula(u, s):
    return s * np.sqrt(np.abs(u))
