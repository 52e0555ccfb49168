"""Is training finished? How far each weight is from an optimum, and how far the loss can be.

`stationarity` takes any model and compares the gradient of the data loss with the subdifferential
of each penalty. `strength_max` and `duality_gap` take models with one layer of weights, where the
objective is convex: the strength from which on everything is zero, and a bound on the distance to
the minimum that needs no reference solution.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
import numpy as np

from kerasreg.arguments import finite_float
from kerasreg.duality import duality_gap
from kerasreg.gradients import DataGradient
from kerasreg.regularizers import Penalty
from kerasreg.typing import Loss, Samples
from kerasreg.variables import named_variables, penalty_of, values_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["STATIONARITY_COLUMNS", "duality_gap", "stationarity", "strength_max"]

STATIONARITY_COLUMNS = (
    "variable",
    "n_weights",
    "n_zero",
    "distance_max",
    "distance_norm",
    "n_zero_violating",
    "n_nonzero_violating",
)
"""The columns of the table that `stationarity` returns."""


def stationarity(
    model: keras.Model,
    x: Samples,
    y: Samples,
    loss: Loss,
    *,
    sample_weight: Samples | None = None,
    batch_size: int = 1024,
    training: bool = False,
    tolerance: float = 1e-3,
) -> pd.DataFrame:
    """How far every weight of a model is from satisfying the condition of an optimum.

    At a minimum of data_loss(θ) + Σ P(w) each penalized weight array w has −∇data_loss in the
    subdifferential ∂P(w). The distance to it, `P.subdiff_distance(w, grad)`, says for L1 that

        |gᵢ + λ·sign(wᵢ)| = 0  where wᵢ ≠ 0,    max(|gᵢ| − λ, 0) = 0  where wᵢ = 0,

    and is |gᵢ| without a regularizer. It is zero at every stationary point, so at the minimum
    where the objective is convex. A distance is a gradient: it has the unit of loss / weight.

    A weight violates the condition if its distance is larger than `tolerance` times the largest
    |gᵢ| of all penalized weights of the model: what the penalties have to balance. In a model
    without penalties there is nothing to compare with, and `tolerance` is absolute.

    Args:
        model: A built Keras model: Sequential, functional or subclassed. It is not changed.
        x: Inputs, an array of shape `(samples, …)` or a nested structure of them.
        y: Targets, likewise.
        loss: As for `compile`: name of a Keras loss, `keras.losses.Loss` or callable of
            `(y_true, y_pred)`; for several outputs a list, or a dict by output.
        sample_weight: As for `fit`.
        batch_size: Samples a pass, an int >= 1: a matter of memory, not of the result, as long as
            the loss is a mean over the samples.
        training: Whether to compute the loss as in training. `False` is the deterministic
            function that the model computes; a model with dropout or batch normalization was
            trained on another one. With `True` batch normalization takes the statistics of the
            batch, and dropout the same mask in every batch (on PyTorch only if it has a seed).
        tolerance: A finite float >= 0, see above.

    Returns:
        A table with a row for each trainable variable and the columns `variable`, `n_weights`,
        `n_zero`, `distance_max`, `distance_norm` (the Euclidean norm of the distances),
        `n_zero_violating` (zeros that should be something else), `n_nonzero_violating`.

    Raises:
        TypeError: If `model` is no Keras model; for a regularizer without a known subdifferential,
            naming its variable.
        ValueError: For a model that is not built, an unknown loss, data that do not fit.

    Example:

    >>> dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(3.0))
    >>> model = keras.Sequential([keras.Input((2,)), dense])
    >>> dense.set_weights([np.zeros((2, 1)), np.zeros(1)])
    >>> x, y = np.array([[1.0, 0.0], [-1.0, 0.1]]), np.array([1.0, -1.0])
    >>> table = stationarity(model, x, y, "mse")  # |grad| = 2, 0.1 and, for the bias, 0
    >>> table[["variable", "distance_max", "n_zero_violating"]].to_numpy().tolist()
    [['dense/kernel', 0.0, 0], ['dense/bias', 0.0, 0]]

    References:
        - Parikh & Boyd, Proximal Algorithms (2014), section 2.3.
        - Bertrand, Klopfenstein, Bannier, Gidel & Massias, Beyond L1: Faster and better sparse
          models with skglm (2022), whose stopping criterion is the largest distance.
    """
    import pandas as pd

    tolerance = finite_float("tolerance", tolerance, minimum=0)
    data_gradient = DataGradient(
        model,
        x,
        y,
        loss,
        sample_weight=sample_weight,
        batch_size=batch_size,
        training=training,
    )
    named = named_variables(model)
    penalties = [penalty_of(name, variable) for name, variable in named]
    gradients = data_gradient()
    balanced = [
        np.max(np.abs(gradient), initial=0.0)
        for gradient, penalty in zip(gradients, penalties, strict=True)
        if penalty
    ]
    allowed = tolerance * float(max(balanced, default=1.0))
    rows = []
    for (name, variable), penalty, gradient in zip(named, penalties, gradients, strict=True):
        w = values_of(variable)
        distance = np.abs(gradient)
        if penalty:
            distance = keras.ops.convert_to_numpy(penalty.subdiff_distance(w, gradient))
        is_zero, violates = w == 0, ~(distance <= allowed)  # a NaN violates
        rows.append(
            (
                name,
                w.size,
                int(is_zero.sum()),
                float(np.max(distance, initial=0.0)),
                float(np.linalg.norm(distance.astype(np.float64))),
                int((is_zero & violates).sum()),
                int((~is_zero & violates).sum()),
            )
        )
    return pd.DataFrame(rows, columns=list(STATIONARITY_COLUMNS))


def strength_max(
    model: keras.Model,
    x: Samples,
    y: Samples,
    loss: Loss,
    *,
    sample_weight: Samples | None = None,
    batch_size: int = 1024,
) -> float:
    """The smallest factor on all strengths at which every penalized weight is zero.

    For a model with one layer of weights w, and a bias b that is free,

        s = max P.strength_max(∇data_loss(0, b₀)) / P.strength,    b₀ = argmin_b data_loss(0, b),

    over its penalties P. With every strength multiplied by s or more, w = 0 is stationary, so
    optimal where the objective is convex. In a model whose strength is 1 it is λ itself: for
    `L1(1.0)` under mean squared error max|Xᵀ(y − ȳ)|·2/n, twice scikit-learn's `alpha_max`.

    b₀ is found by Newton's method on the model's own gradients. In float32 the result is right to
    about 1e-6 of itself, to 1e-4 where a feature's mean is a hundred times its spread. It does not
    depend on the weights that the model has, and leaves them as they are.

    Args:
        model: A built Keras model whose trainable weights are those of one layer: one kernel
            with a regularizer, with or without a bias.
        x: Inputs, an array of shape `(samples, …)` or a nested structure of them.
        y: Targets, likewise.
        loss: As for `compile`, differentiable; with several units a pass over the data is done
            for each of them in every step.
        sample_weight: As for `fit`.
        batch_size: Samples a pass, an int >= 1.

    Returns:
        A float >= 0; inf if no factor does it, as for L2, which is smooth at zero; 0 if every
        factor > 0 does it, as for a penalty whose slope is infinite at zero.

    Raises:
        TypeError: If `model` is no Keras model; for a regularizer without a known largest
            strength, naming its variable.
        ValueError: For a deeper model, a kernel without a regularizer, a loss without a
            curvature that finds the bias, a model that is not built, data that do not fit.

    Example:

    >>> dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(1.0))
    >>> model = keras.Sequential([keras.Input((2,)), dense])
    >>> x, y = np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([4.0, 2.0])
    >>> round(strength_max(model, x, y, "mse"), 5)  # 2/2·|1·(4 − 3) − 1·(2 − 3)|
    2.0

    References:
        - Friedman, Hastie & Tibshirani, Regularization paths for generalized linear models via
          coordinate descent (2010), section 2.5.
    """
    at_zero = at_zero_weights(model, x, y, loss, sample_weight=sample_weight, batch_size=batch_size)
    return max(factor_for_zero(penalty, gradient) for penalty, gradient in at_zero)


def at_zero_weights(
    model: keras.Model,
    x: Samples,
    y: Samples,
    loss: Loss,
    *,
    sample_weight: Samples | None = None,
    batch_size: int = 1024,
) -> list[tuple[Penalty, np.ndarray]]:
    """Each penalty and its gradient of the data loss, where all but the free bias is zero.

    Arguments and errors are those of `strength_max`.
    """
    data_gradient = DataGradient(
        model, x, y, loss, sample_weight=sample_weight, batch_size=batch_size
    )
    named = named_variables(model)
    names = [name for name, _ in named]
    biases = _biases(named)
    if not has_one_layer(model):
        raise ValueError(
            "strength_max needs a model with one layer of weights, for at zero weights every "
            "gradient of a deeper one vanishes. Choose its strengths by a path. Received: the "
            f"weights {names}"
        )
    penalties = [penalty_of(name, variable) for name, variable in named]
    (kernel,) = set(range(len(named))) - set(biases)
    if penalties[kernel] is None:
        raise ValueError(
            f"The weights '{names[kernel]}' have no regularizer, so no strength makes them zero"
        )
    zeros = [np.zeros(tuple(variable.shape)) for _, variable in named]
    free = [i for i in biases if penalties[i] is None]

    def at(bias: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
        """Gradient by the free bias, and all gradients, at zero weights."""
        weights = list(zeros)
        for i in free:
            weights[i] = bias.reshape(zeros[i].shape)
        gradients = data_gradient(weights)
        return gradients[free[0]].ravel().astype(np.float64), gradients

    try:
        gradients = (
            _at_fitted_bias(at, kernel, zeros[free[0]].size) if free else data_gradient(zeros)
        )
    except ValueError:
        if np.ptp(keras.tree.flatten(data_gradient.targets)[0]) == 0:
            raise ValueError(
                "strength_max could not fit the bias at zero weights: all targets are equal, and "
                "the best bias for them is infinite. Pass samples of more than one class"
            ) from None
        raise
    return [
        (penalty, gradient)
        for penalty, gradient in zip(penalties, gradients, strict=True)
        if penalty is not None
    ]


def factor_for_zero(penalty: Penalty, gradient: np.ndarray) -> float:
    """The smallest factor on the penalty's own strength at which zero is stationary."""
    if penalty.strength > 0:
        return float(penalty.strength_max(gradient)) / penalty.strength
    return math.inf if gradient.any() else 0.0  # a penalty of strength 0 makes nothing zero


def zero_is_always_stationary(penalty: Penalty, shape: tuple[int, ...]) -> bool:
    """Whether no gradient moves zero at any strength > 0, as where the slope is infinite there.

    Then zero is a stationary point beside others, and says nothing of where training ends.
    """
    return float(penalty.strength_max(np.ones(shape, "float32"))) == 0


def has_one_layer(model: keras.Model) -> bool:
    """Whether the trainable weights are one array, with or without a bias."""
    named = named_variables(model)
    biases = _biases(named)
    return len(named) == len(biases) + 1 and len(biases) <= 1


def _biases(named: list[tuple[str, keras.Variable]]) -> list[int]:
    return [i for i, (_, variable) in enumerate(named) if variable.name == "bias"]


# A difference of gradients in float32 is right to 1 % if it is this part of them. Where targets are
# in units of many thousands a shift of the bias by 0.01 is lost in rounding: it is made wider.
_SEEN = 1e-4
_MAX_WIDENINGS = 12


def _at_fitted_bias(
    at: Callable[[np.ndarray], tuple[np.ndarray, list[np.ndarray]]], kernel: int, size: int
) -> list[np.ndarray]:
    """All gradients at the bias whose own gradient is zero, by Newton's method with damping.

    Only gradients are used: in float32 values of the loss tell nothing about the last half of the
    digits of a minimum. The curvature comes from central differences.
    """
    bias = np.zeros(size)
    slope, gradients = at(bias)
    for _ in range(50):
        widened = 1e-2 * np.maximum(1.0, np.abs(bias))
        for _ in range(_MAX_WIDENINGS):
            reach = widened
            above = [at(bias + shift) for shift in np.diag(reach)]
            below = [at(bias - shift) for shift in np.diag(reach)]
            seen = [np.linalg.norm(a[0] - b[0]) for a, b in zip(above, below, strict=True)]
            is_lost = np.array(seen) < _SEEN * np.linalg.norm(slope)
            if not is_lost.any():
                break
            widened = np.where(is_lost, 8 * reach, reach)
        pairs = list(zip(above, below, reach, strict=True))
        curvature = np.stack([(a[0] - b[0]) / (2 * r) for a, b, r in pairs], axis=1)
        # Singular for softmax, to which a common shift of all biases means nothing.
        step = np.linalg.lstsq(curvature, -slope, rcond=1e-4)[0]
        effect = sum(
            s * (a[1][kernel].astype(np.float64) - b[1][kernel]) / (2 * r)
            for s, (a, b, r) in zip(step, pairs, strict=True)
        )
        largest = np.max(np.abs(gradients[kernel]), initial=0.0)
        change = np.max(np.abs(effect), initial=0.0)
        # What no step can remove, as for a loss of straight pieces, whose curvature is zero.
        left = np.linalg.norm(slope + curvature @ step)
        scale = max(np.linalg.norm(a[0]) for a in above) + largest
        # A step far beyond the reach has an effect that was not measured.
        is_measured = np.all(np.abs(step) <= 10 * reach)
        if is_measured and change <= 1e-6 * largest and left <= 1e-3 * scale:
            return gradients
        for fraction in 0.5 ** np.arange(12):
            trial, there = at(bias + fraction * step)
            if np.linalg.norm(trial) < np.linalg.norm(slope):
                break
        else:
            # The gradient is down to its rounding error, or there is no way down.
            if change <= 1e-4 * largest and left <= 1e-3 * scale:
                return gradients
            break
        bias, slope, gradients = bias + fraction * step, trial, there
    raise ValueError(
        "strength_max could not fit the bias at zero weights: expected a loss that is smooth and "
        "convex in it, and features that are not far from zero compared with their spread. "
        f"Received: a bias gradient of {np.linalg.norm(slope):.3g} that is left"
    )
