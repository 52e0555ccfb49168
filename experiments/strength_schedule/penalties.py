"""The penalties of `strength_schedule`, each for many members with strengths of their own."""

import numpy as np
from keras import ops

from kerasreg import regularizers

PENALTIES = {
    "l1": regularizers.ElasticNet(1.0, l1_ratio=1.0),
    "mcp": regularizers.MCP(1.0, gamma=3.0),
    "group_lasso": regularizers.GroupLasso(1.0, groups="inputs"),
}


class MemberPenalty(regularizers.Penalty):
    """A penalty of kernels with axes (strength, seed, input, output), every strength its own."""

    strength = 1.0

    def __init__(self, penalty, strengths):
        self._penalty, self._strengths = penalty, np.reshape(strengths, (-1, 1, 1, 1))

    def of_members(self, w, strength=1.0):
        """The penalty of each member, `(strengths, seeds)`."""
        strengths = self._of_members(w, strength)
        if self._penalty.is_elementwise:
            return ops.sum(self._penalty._elementwise(w, strengths), axis=(-2, -1))
        norms = ops.norm(w, axis=-1, keepdims=True)
        return ops.sum(strengths * w.shape[-1] ** 0.5 * norms, axis=(-2, -1))

    def _value(self, w, strength):
        return ops.sum(self.of_members(w, strength))

    def _prox(self, w, step_size, strength):
        strengths = self._of_members(w, strength)
        if self._penalty.is_elementwise:
            return self._penalty._prox(w, step_size, strengths)
        root_size = w.shape[-1] ** 0.5
        return regularizers.block_soft_threshold(w, step_size * strengths * root_size, -1)

    def _subdiff_distance(self, w, grad, strength):
        raise NotImplementedError

    def _strength_max(self, grad):
        raise NotImplementedError

    def _of_members(self, w, strength):
        return strength * ops.convert_to_tensor(self._strengths, w.dtype)

    def get_config(self):
        return {"penalty": self._penalty, "strengths": self._strengths.ravel().tolist()}
