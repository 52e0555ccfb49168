"""Linear regression by subgradient descent, as the note teaches it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerasreg.arguments import finite_float, true_or_false
from kerasreg.descent.steps import Descent, descend, matching_samples


def lasso_descent(
    x: ArrayLike,
    y: ArrayLike,
    strength: float,
    initial_weights: ArrayLike,
    *,
    learning_rate: float = 0.01,
    steps: int = 1000,
    penalize_bias: bool = True,
) -> Descent:
    """Lasso by subgradient descent, as the note teaches it.

    X has a first column of ones for the bias, m rows, and in each step

        w ← w − learning_rate·(2/m·Xᵀ(Xw − y) + strength·sign(w)),

    which follows 1/m·‖Xw − y‖² + strength·‖w‖₁. Without the ½ of scikit-learn's objective,
    `strength` is 2·alpha of its `Lasso`.

    Where the text departs from what is right: it penalizes the bias, which shifts the line
    towards zero for no gain; 1000 steps of 0.01 do not converge on its own data; and no weight
    becomes exactly zero, for which a proximal step or coordinate descent is needed.

    Args:
        x: Inputs of shape `(n_samples, n_features)`, without the column of ones.
        y: Targets of shape `(n_samples,)`.
        strength: λ, a finite float >= 0.
        initial_weights: Shape `(1 + n_features,)`, the bias first.
        learning_rate: A finite float > 0.
        steps: Number of steps, an int >= 1.
        penalize_bias: `False` leaves the bias out of the penalty.

    Returns:
        A `Descent`; its weights have the bias first.

    Raises:
        ValueError: If shapes do not fit, or a value is not finite or out of range.
        FloatingPointError: If the weights become infinite: the learning rate is too large.

    Example:

    >>> note = kerasreg.datasets.note_line()
    >>> lasso_descent(note.x, note.y, 0.1, note.initial_weights).weights.round(5)
    array([4.16437, 2.97406])
    """
    strength = finite_float("strength", strength, minimum=0)
    pace: dict[str, Any] = {"learning_rate": learning_rate, "steps": steps}
    return elastic_net_descent(
        x, y, strength, 0.0, initial_weights, penalize_bias=penalize_bias, **pace
    )


def ridge_descent(
    x: ArrayLike,
    y: ArrayLike,
    strength: float,
    initial_weights: ArrayLike,
    *,
    learning_rate: float = 0.01,
    steps: int = 1000,
    penalize_bias: bool = True,
) -> Descent:
    """Ridge regression by gradient descent, as the note teaches it.

    X has a first column of ones for the bias, m rows, and in each step

        w ← w − learning_rate·(2/m·Xᵀ(Xw − y) + 2·strength·w),

    which follows 1/m·‖Xw − y‖² + strength·‖w‖². scikit-learn's `Ridge` has the sum of squares,
    so its alpha is m·strength.

    Where the text departs from what is right: it penalizes the bias, and 1000 steps of 0.01 do
    not converge on its own data.

    Args:
        x: Inputs of shape `(n_samples, n_features)`, without the column of ones.
        y: Targets of shape `(n_samples,)`.
        strength: λ, a finite float >= 0.
        initial_weights: Shape `(1 + n_features,)`, the bias first.
        learning_rate: A finite float > 0.
        steps: Number of steps, an int >= 1.
        penalize_bias: `False` leaves the bias out of the penalty.

    Returns:
        A `Descent`; its weights have the bias first.

    Raises:
        ValueError: If shapes do not fit, or a value is not finite or out of range.
        FloatingPointError: If the weights become infinite: the learning rate is too large.

    Example:

    >>> note = kerasreg.datasets.note_line()
    >>> ridge_descent(note.x, note.y, 0.1, note.second_initial_weights).weights.round(5)
    array([3.72876, 3.0962 ])
    """
    strength = finite_float("strength", strength, minimum=0)
    pace: dict[str, Any] = {"learning_rate": learning_rate, "steps": steps}
    return elastic_net_descent(
        x, y, 0.0, strength, initial_weights, penalize_bias=penalize_bias, **pace
    )


def elastic_net_descent(
    x: ArrayLike,
    y: ArrayLike,
    l1: float,
    l2: float,
    initial_weights: ArrayLike,
    *,
    learning_rate: float = 0.01,
    steps: int = 1000,
    penalize_bias: bool = True,
) -> Descent:
    """The note's two descents with both penalties added.

        w ← w − learning_rate·(2/m·Xᵀ(Xw − y) + l1·sign(w) + 2·l2·w),

    which follows 1/m·‖Xw − y‖² + l1·‖w‖₁ + l2·‖w‖². scikit-learn's `ElasticNet(alpha, l1_ratio)`
    is l1 = 2·alpha·l1_ratio, l2 = alpha·(1 − l1_ratio).

    Args:
        x: Inputs of shape `(n_samples, n_features)`, without the column of ones.
        y: Targets of shape `(n_samples,)`.
        l1: The strength of ‖w‖₁, a finite float >= 0.
        l2: The strength of ‖w‖², a finite float >= 0.
        initial_weights: Shape `(1 + n_features,)`, the bias first.
        learning_rate: A finite float > 0.
        steps: Number of steps, an int >= 1.
        penalize_bias: `False` leaves the bias out of both penalties.

    Returns:
        A `Descent`; its weights have the bias first.

    Raises:
        ValueError: If shapes do not fit, or a value is not finite or out of range.
        FloatingPointError: If the weights become infinite: the learning rate is too large.

    Example:

    >>> note = kerasreg.datasets.note_line()
    >>> elastic_net_descent(note.x, note.y, 0.1, 0.1, note.initial_weights).weights.round(5)
    array([3.6937 , 3.08374])
    """
    x, y = matching_samples(x, y)
    l1 = finite_float("l1", l1, minimum=0)
    l2 = finite_float("l2", l2, minimum=0)
    x = np.column_stack([np.ones(len(x)), x])
    penalized = np.ones(x.shape[1])
    penalized[0] = true_or_false("penalize_bias", penalize_bias)

    def gradient(w: NDArray[np.float64]) -> NDArray[np.float64]:
        slope = l1 * np.sign(w) + 2 * l2 * w
        return 2 / len(x) * x.T @ (x @ w - y) + penalized * slope

    return Descent(descend(gradient, x.shape[1], initial_weights, learning_rate, steps))
