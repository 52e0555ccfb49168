"""Keras's own L1, L2 and L1L2, seen through the contract of a penalty."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from kerasreg.arguments import finite_float
from kerasreg.regularizers.gate import Gate
from kerasreg.regularizers.penalty import Penalty
from kerasreg.regularizers.separable import AbsolutePlusSquare
from kerasreg.regularizers.validation import at_least_float32
from kerasreg.typing import Regularizer, Tensor

# A subclass may compute anything, so only the classes themselves are known.
BUILTIN = (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)


@keras.saving.register_keras_serializable(package="kerasreg")
class KerasPenalty(AbsolutePlusSquare):
    """`keras.regularizers.L1`, `L2` or `L1L2` with prox, optimality check and strength.

        P(w, strength) = strength·regularizer(w) = strength·(l1·‖w‖₁ + l2·‖w‖²)

    Its prox with step size t is

        sign(w)·max(|w| − t·strength·l1, 0) / (1 + 2·t·strength·l2).

    Its own strength is 1: the factors of the Keras regularizer are kept, and a path multiplies
    them. The value is computed by the Keras regularizer itself, so that value and automatic
    gradient are exactly those that it puts into the loss.

    Args:
        regularizer: An instance of `keras.regularizers.L1`, `L2` or `L1L2`.

    Raises:
        TypeError: For anything else, a subclass of them too, which may compute anything.

    Example:

    >>> penalty = kerasreg.regularizers.as_penalty(keras.regularizers.L2(0.5))
    >>> np.asarray(penalty.prox([4.0], step_size=1.0))
    array([2.], dtype=float32)
    """

    def __init__(self, regularizer: keras.Regularizer):
        if type(regularizer) not in BUILTIN:
            raise TypeError(
                "Invalid type for argument `regularizer`: expected an instance of "
                "keras.regularizers.L1, L2 or L1L2. "
                f"Received: regularizer={regularizer!r} of type {type(regularizer).__name__}"
            )
        self.regularizer = regularizer
        # Keras keeps the factors of L1 and L2 as tensors. `getattr` with 0 is L1's missing l2.
        self.l1 = float(ops.convert_to_numpy(getattr(regularizer, "l1", 0.0)))
        self.l2 = float(ops.convert_to_numpy(getattr(regularizer, "l2", 0.0)))

    def _value(self, w: Tensor, strength: Tensor) -> Tensor:
        return strength * self.regularizer(w)

    def _coefficients(self, strength: Tensor) -> tuple[Tensor, Tensor]:
        return strength * self.l1, strength * self.l2

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, as Keras saves them."""
        return {"regularizer": keras.saving.serialize_keras_object(self.regularizer)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> KerasPenalty:
        return cls(keras.saving.deserialize_keras_object(config["regularizer"]))


def as_penalty(regularizer: Regularizer) -> Penalty:
    """The penalty behind a regularizer: itself, or Keras's own L1, L2, L1L2 adapted.

    Args:
        regularizer: A `Penalty`, or an instance of `keras.regularizers.L1`, `L2` or `L1L2`.

    Returns:
        A `Penalty`.

    Raises:
        TypeError: For anything else; the message says what it would have to provide.

    Example:

    >>> np.asarray(as_penalty(keras.regularizers.L1(0.5)).prox([2.0, 0.3], step_size=1.0))
    array([1.5, 0. ], dtype=float32)
    """
    if isinstance(regularizer, Penalty):
        return regularizer
    if isinstance(regularizer, Gate):
        return regularizer.penalty
    if type(regularizer) in BUILTIN:
        return KerasPenalty(regularizer)
    raise TypeError(
        f"No penalty is known for the regularizer {regularizer!r} of type "
        f"{type(regularizer).__name__}. Use one of keras.regularizers.L1, L2, L1L2, or a subclass "
        "of kerasreg.regularizers.Penalty, which has to provide: `strength`, "
        "`_value(w, strength)`, `_prox(w, step_size, strength)`, "
        "`_subdiff_distance(w, grad, strength)`, `_strength_max(grad)` and `get_config()`"
    )


def as_given(value: Any) -> Any:
    """0.1 where Keras keeps 0.10000000149: the shortest number that rounds to the same one.

    Keras keeps the factors of `L1` and `L2` as tensors and learning rates as float32 variables,
    so that a float of theirs may be a float32 too. What is no single number stays as it is.
    """
    if isinstance(value, float):
        with np.errstate(over="ignore"):  # then it is none of theirs
            single = np.float32(value)
        return float(str(single)) if float(single) == value else value
    if ops.is_tensor(value) or isinstance(value, np.ndarray):
        array = np.asarray(ops.convert_to_numpy(value))
        if array.ndim == 0 and array.dtype != bool:
            return float(str(array[()]))
    return value


def value_at_factor(regularizer: Regularizer, w: Tensor, factor: Tensor) -> Tensor:
    """The value of a regularizer whose own strength λ is multiplied: P(w, factor·λ).

    A regularizer of which no penalty is known has no strength that is known: factor·P(w). A gate
    is passed by: it would mark that P is in the gradients, as it is without the factor.
    """
    try:
        penalty = as_penalty(regularizer)
    except TypeError:
        return multiplied(regularizer(ops.convert_to_tensor(w)), factor)
    return penalty(w, ops.cast(factor, at_least_float32(w.dtype)) * penalty.strength)


def multiplied(value: Tensor, factor: Tensor) -> Tensor:
    """factor·value in the dtype of the value, rounded once."""
    precision = at_least_float32(value.dtype)
    return ops.cast(ops.cast(value, precision) * ops.cast(factor, precision), value.dtype)


def scaled_regularizer(regularizer: Regularizer, factor: float) -> Regularizer:
    """A new regularizer of the same class whose strength is `factor` times as large.

    Of a `Penalty` the strength λ is multiplied and everything else stays, γ of MCP say: it is
    the penalty one moves to along a path in λ, not `factor` times its value. Of Keras's `L1`,
    `L2` and `L1L2` the factors are multiplied. They are plain floats in the result, so that its
    config has 0.05 for half of `L1(0.1)`, whose own config has 0.10000000149.

    Args:
        regularizer: A `Penalty`, an instance of `keras.regularizers.L1`, `L2` or `L1L2`, or None.
        factor: A finite float >= 0.

    Returns:
        A new regularizer, of which nothing is shared with the given one; for a `KerasPenalty` the
        Keras regularizer behind it; None for None.

    Raises:
        ValueError: If `factor` is not a finite float >= 0.
        TypeError: For any other regularizer, since it cannot be known what its strength is.

    Example:

    >>> scaled_regularizer(keras.regularizers.L1(0.1), 0.5).get_config()
    {'l1': 0.05}
    """
    factor = finite_float("factor", factor, minimum=0)
    if isinstance(regularizer, (Gate, KerasPenalty)):
        return scaled_regularizer(regularizer.regularizer, factor)
    if regularizer is None:
        return None
    if isinstance(regularizer, Penalty):
        config = dict(regularizer.get_config())
        if "strength" in config:
            config["strength"] = config["strength"] * factor
            return type(regularizer).from_config(config)
        reason = "its `get_config()` has no 'strength'"
    elif type(regularizer) in BUILTIN:
        scaled = type(regularizer)()
        for name in scaled.get_config():
            setattr(scaled, name, as_given(getattr(regularizer, name)) * factor)
        return scaled
    else:
        reason = "it is none of keras.regularizers.L1, L2, L1L2 and no kerasreg Penalty"
    raise TypeError(
        f"The strength of the regularizer {regularizer!r} of type {type(regularizer).__name__} "
        f"cannot be multiplied: {reason}"
    )
