"""Logistic regression by subgradient descent, as the lecture teaches it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerasreg.arguments import finite_float
from kerasreg.checks import sample_array
from kerasreg.descent.steps import Descent, descend, matching_samples


@dataclass(frozen=True)
class LogisticDescent(Descent):
    """A descent with its two costs, step by step. See `logistic_l1_descent`.

    Args:
        path: Weights of shape `(steps + 1, n_features)`; the first row is the initial weights.
        printed_cost: What the lecture prints, shape `(steps + 1,)`. See `logistic_costs`.
        followed_cost: What its steps follow, shape `(steps + 1,)`.

    Example:

    >>> x, y = np.array([[1.0], [2.0]]), np.array([0, 1])
    >>> descent = kerasreg.descent.logistic_l1_descent(x, y, 0.5, [1.0], steps=2)
    >>> descent.path.shape, descent.printed_cost.shape
    ((3, 1), (3,))
    >>> bool(descent.followed_cost[0] > descent.followed_cost[1] > descent.followed_cost[2])
    True
    """

    printed_cost: NDArray[np.float64]
    followed_cost: NDArray[np.float64]


def logistic_costs(
    x: ArrayLike, y: ArrayLike, weights: ArrayLike, strength: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The cost that the lecture prints, and the one that its steps follow.

    With the cross-entropy ℓᵢ(w) of sample i, N samples and D weights,

        printed  = 1/N·Σᵢ ℓᵢ(w) + strength·1/D·‖w‖₁
        followed = Σᵢ ℓᵢ(w) + strength·‖w‖₁.

    Only for N = D is the printed cost 1/N of the other. Otherwise it is 1/N of a cost with the
    strength N/D·strength, which no step minimizes.

    Args:
        x: Inputs of shape `(N, D)`.
        y: Labels 0 or 1, shape `(N,)`.
        weights: Weights of shape `(D,)`, or several of shape `(…, D)`.
        strength: λ, a finite float >= 0.

    Returns:
        The two costs, each of shape `(…)`.

    Raises:
        ValueError: If shapes do not fit, a value is not finite, or the strength is out of range.

    Example:

    >>> printed, followed = logistic_costs([[1.0], [2.0]], [0, 1], [0.0], strength=2.0)
    >>> round(float(printed), 4), round(float(followed), 4)
    (0.6931, 1.3863)
    """
    x, y = _labelled(x, y)
    strength = finite_float("strength", strength, minimum=0)
    weights = sample_array("weights", weights).astype(np.float64)
    if weights.ndim == 0 or weights.shape[-1] != x.shape[1]:
        raise ValueError(
            f"Invalid shape for argument `weights`: expected (…, {x.shape[1]}), one weight a "
            f"feature. Received: weights.shape={weights.shape}"
        )
    scores = weights @ x.T
    # −log σ(score) for label 1, −log σ(−score) for label 0, without overflow.
    losses = np.logaddexp(0, scores) - y * scores
    modulus = np.abs(weights)
    printed = losses.mean(axis=-1) + strength * modulus.mean(axis=-1)
    followed = losses.sum(axis=-1) + strength * modulus.sum(axis=-1)
    return printed, followed


def logistic_l1_descent(
    x: ArrayLike,
    y: ArrayLike,
    strength: float,
    initial_weights: ArrayLike,
    *,
    learning_rate: float = 0.001,
    steps: int = 5000,
) -> LogisticDescent:
    """L1 logistic regression by subgradient descent, as the lecture teaches it.

    In each step, with ŷ = σ(Xw),

        w ← w − learning_rate·(Xᵀ(ŷ − y) + strength·sign(w)).

    The gradient is that of the *sum* of the losses, so that `strength` is n_samples times a
    strength for Keras's mean loss, and 1/C of scikit-learn. There is no bias.

    Where the text departs from what is right: the cost that it prints is not the one that the
    step follows unless the data are square (see `logistic_costs`), and a weight never stays at
    zero: it steps over zero again and again, by up to about 2·learning_rate·strength.

    Args:
        x: Inputs of shape `(n_samples, n_features)`.
        y: Labels 0 or 1, shape `(n_samples,)`.
        strength: λ, a finite float >= 0.
        initial_weights: Shape `(n_features,)`. The lecture draws N(0, 1)/√n_features.
        learning_rate: A finite float > 0.
        steps: Number of steps, an int >= 1.

    Returns:
        A `LogisticDescent`; its costs are those of each row of `path`.

    Raises:
        ValueError: If shapes do not fit, or a value is not finite or out of range.
        FloatingPointError: If the weights become infinite: the learning rate is too large.

    Example:

    >>> data = kerasreg.datasets.sparse_logistic(seed=0)
    >>> descent = logistic_l1_descent(data.x, data.y, 2.0, data.initial_weights)
    >>> int((descent.weights == 0).sum())
    0
    """
    x, y = _labelled(x, y)
    strength = finite_float("strength", strength, minimum=0)

    def gradient(w: NDArray[np.float64]) -> NDArray[np.float64]:
        y_pred = 0.5 * (1 + np.tanh(x @ w / 2))  # the sigmoid, without overflow
        return x.T @ (y_pred - y) + strength * np.sign(w)

    path = descend(gradient, x.shape[1], initial_weights, learning_rate, steps)
    return LogisticDescent(path, *logistic_costs(x, y, path, strength))


def _labelled(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = matching_samples(x, y)
    if not np.isin(y, (0, 1)).all():
        raise ValueError(
            "Invalid value for argument `y`: expected labels 0 or 1. "
            f"Received: values from {y.min():g} to {y.max():g}"
        )
    return x, y
