"""The penalty of a stacked variable: every member has the same one at its own strength."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from kerasreg.regularizers import Penalty
from kerasreg.tensorflow_only import tf


class MemberPenalty(Penalty):
    """Σ_k P(w_k, strength=s_k·P.strength) over the members k on the first axis of w.

    Args:
        penalty: The penalty P of each member.
        strengths: Variable of shape `(n_members,)`, the factors s_k.
        map_members: As `kerasreg.grid.vectorization.map_members`.
    """

    def __init__(
        self,
        penalty: Penalty,
        strengths: keras.Variable,
        map_members: Callable[[Callable[[Any], Any], Any], Any],
    ):
        self.penalty = penalty
        self.strengths = strengths
        self.map_members = map_members

    def _value(self, w: Any, strength: Any) -> Any:
        return ops.sum(self._each(self.penalty, strength, w))

    def _prox(self, w: Any, step_size: Any, strength: Any) -> Any:
        if self.penalty.is_elementwise:
            # A formula of one weight, whichever member it belongs to: nothing has to be mapped.
            strengths = self._strengths(strength, w.dtype)
            by_weight = ops.reshape(strengths, (-1, *[1] * (len(w.shape) - 1)))
            return self.penalty._prox(w, step_size, by_weight)
        if len(step_size.shape) == 0:
            step_size = ops.broadcast_to(step_size, self.strengths.shape)
        return self._each(self.penalty.prox, strength, w, step_size)

    def _subdiff_distance(self, w: Any, grad: Any, strength: Any) -> Any:
        return self._each(self.penalty.subdiff_distance, strength, w, grad)

    def _strength_max(self, grad: Any) -> Any:
        raise NotImplementedError("Every member has a largest strength of its own")

    def _each(self, function: Callable[..., Any], strength: Any, *arrays: Any) -> Any:
        dtype = arrays[0].dtype
        members = (*arrays, self._strengths(strength, dtype))
        if _has_loop(function, members):
            # A loop that ends at another step for each member is nothing that XLA can vectorize.
            return tf.map_fn(lambda m: function(*m), members, fn_output_signature=dtype)
        return self.map_members(lambda m: function(*m), members)

    def _strengths(self, strength: Any, dtype: Any) -> Any:
        factors = ops.cast(self.strengths.value, dtype)
        return factors * (ops.cast(strength, dtype) * self.penalty.strength)

    def get_config(self) -> dict[str, Any]:
        return {"penalty": keras.saving.serialize_keras_object(self.penalty)}


def _has_loop(function: Callable[..., Any], members: Any) -> bool:
    """Whether what the function does for one member, the first, has a TensorFlow loop in it."""
    with tf.Graph().as_default() as graph:
        function(*(tf.zeros(array.shape[1:], array.dtype) for array in members))
    return any(op.type in ("While", "StatelessWhile") for op in graph.get_operations())
