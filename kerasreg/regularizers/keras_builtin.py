"""Keras's own L1, L2 and L1L2, seen through the contract of a penalty."""

from typing import Any

import keras
from keras import ops

from kerasreg.regularizers.gate import Gate
from kerasreg.regularizers.penalty import Penalty
from kerasreg.regularizers.separable import AbsolutePlusSquare


@keras.saving.register_keras_serializable(package="kerasreg")
class KerasPenalty(AbsolutePlusSquare):
    """`keras.regularizers.L1`, `L2` or `L1L2` with prox, optimality check and strength.

    P(w, strength) = strength·regularizer(w) = strength·(l1·‖w‖₁ + l2·‖w‖²). Its own strength is
    1: the factors of the Keras regularizer are kept, and a path multiplies them. The value is
    computed by the Keras regularizer itself, so that value and automatic gradient are exactly
    those that it puts into the loss.

    Args:
        regularizer: An instance of `keras.regularizers.L1`, `L2` or `L1L2`.

    Example:

    >>> kerasreg.regularizers.as_penalty(keras.regularizers.L2(0.5)).prox([4.0], step_size=1.0)
    array([2.], dtype=float32)
    """

    def __init__(self, regularizer: keras.Regularizer):
        if type(regularizer) not in _BUILTIN:
            raise TypeError(
                "Invalid type for argument `regularizer`: expected an instance of "
                "keras.regularizers.L1, L2 or L1L2. "
                f"Received: regularizer={regularizer!r} of type {type(regularizer).__name__}"
            )
        self.regularizer = regularizer
        # Keras keeps the factors of L1 and L2 as tensors. `getattr` with 0 is L1's missing l2.
        self.l1 = float(ops.convert_to_numpy(getattr(regularizer, "l1", 0.0)))
        self.l2 = float(ops.convert_to_numpy(getattr(regularizer, "l2", 0.0)))

    def _value(self, w: Any, strength: Any) -> Any:
        return strength * self.regularizer(w)

    def _coefficients(self, strength: Any) -> tuple[Any, Any]:
        return strength * self.l1, strength * self.l2

    def get_config(self) -> dict[str, Any]:
        return {"regularizer": keras.saving.serialize_keras_object(self.regularizer)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "KerasPenalty":
        return cls(keras.saving.deserialize_keras_object(config["regularizer"]))


# A subclass may compute anything, so only the classes themselves are known.
_BUILTIN = (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)


def as_penalty(regularizer: Any) -> Penalty:
    """The penalty behind a regularizer: itself, or Keras's own L1, L2, L1L2 adapted.

    Args:
        regularizer: A `Penalty`, or an instance of `keras.regularizers.L1`, `L2` or `L1L2`.

    Returns:
        A `Penalty`.

    Raises:
        TypeError: For anything else; the message says what it would have to provide.

    Example:

    >>> as_penalty(keras.regularizers.L1(0.5)).prox([2.0, 0.3], step_size=1.0)
    array([1.5, 0. ], dtype=float32)
    """
    if isinstance(regularizer, Penalty):
        return regularizer
    if isinstance(regularizer, Gate):
        return regularizer.penalty
    if type(regularizer) in _BUILTIN:
        return KerasPenalty(regularizer)
    raise TypeError(
        f"No penalty is known for the regularizer {regularizer!r} of type "
        f"{type(regularizer).__name__}. Use one of keras.regularizers.L1, L2, L1L2, or a subclass "
        "of kerasreg.regularizers.Penalty, which has to provide: `strength`, "
        "`_value(w, strength)`, `_prox(w, step_size, strength)`, "
        "`_subdiff_distance(w, grad, strength)`, `_strength_max(grad)` and `get_config()`"
    )
