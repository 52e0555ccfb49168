"""Duality: how far a linear model's objective is above its minimum, without knowing the minimum.

What is public of it is `kerasreg.optimality.duality_gap`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np
from numpy.typing import NDArray

from kerasreg.arguments import invalid_argument
from kerasreg.checks import checked_model, checked_samples
from kerasreg.losses import FunctionLoss, resolved_loss
from kerasreg.typing import Loss, Samples
from kerasreg.variables import as_tensor, named_variables, penalty_of, values_of


def duality_gap(model: keras.Model, x: Samples, y: Samples, loss: Loss) -> float:
    """Upper bound on how far a linear model's objective is above its minimum.

    For the objective of n samples and m units, each with weights w and a free bias b,

        F(w, b) = c·Σᵢ ℓ(yᵢ, xᵢ·w + b) + l1·‖w‖₁ + l2·‖w‖²,    c = 1/(n·m),

    summed over the units, every vector t with Σᵢ tᵢ = 0 (if there is a bias) and v = −c·Xᵀt gives
    a lower bound on the minimum by Fenchel's duality,

        D(t) = −c·Σᵢ ℓ*(yᵢ, tᵢ) − r*(v) ≤ min F,    gap = F(w, b) − D(t) ≥ F(w, b) − min F,

        squared error:          ℓ* = t·y + t²/4,
        binary cross-entropy:   ℓ* = q·log q + (1 − q)·log(1 − q),  q = t + y,
        r*(v) = Σⱼ max(|vⱼ| − l1, 0)²/(4·l2);  for l2 = 0: 0 if all |vⱼ| <= l1, else ∞.

    t is s·ℓ'(yᵢ, xᵢ·w + b̂), the residual. b̂ is the best bias for these weights (for squared error
    that centres the residual), so that Σᵢ tᵢ = 0; the model's own b stands in F, and the gap
    bounds what is lost by it too. The scale s = min(1, l1/‖v₁ − 2·l2·w‖_∞), with v₁ the v for
    s = 1, makes t feasible; with l2 > 0 every s is feasible, and the better of it and 1 is taken.
    Without L2 this is the gap of Kim et al. and of scikit-learn, without L1 scikit-learn's for
    ridge; for elastic net it is never larger than scikit-learn's.

    Computed in float64 from the weights, whatever the precision of the model: weights in float32
    leave a gap of about 1e-7 of the objective. Keras's crossentropy of probabilities cuts them off
    at 1e-7; here they are exact. Unit of the objective: compare it with the loss.

    Args:
        model: A built Keras model with one layer, `Dense`, whose kernel has a penalty
            l1·‖w‖₁ + l2·‖w‖² (`keras.regularizers` or `ElasticNet`), and nothing else has one.
        x: Inputs of shape `(samples, input_dim)`.
        y: Targets of shape `(samples, units)`, or `(samples,)` for one unit; from 0 to 1 for
            binary cross-entropy.
        loss: Mean squared error with a linear activation, or binary cross-entropy with a sigmoid
            one, or with a linear one and `from_logits=True`.

    Returns:
        A float >= 0.

    Raises:
        TypeError: If `model` is no Keras model.
        ValueError: For another model, loss or penalty, and for data that do not fit.

    Example:

    >>> dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(2.0))
    >>> model = keras.Sequential([keras.Input((1,)), dense])
    >>> x, y = np.array([[1.0], [-1.0]]), np.array([4.0, 2.0])
    >>> dense.set_weights([np.zeros((1, 1)), np.full(1, 3.0)])  # the minimum
    >>> duality_gap(model, x, y, "mse")
    0.0

    References:
        - Kim, Koh, Lustig, Boyd & Gorinevsky, An interior-point method for large-scale
          l1-regularized least squares (2007): the dual point and its scale.
        - Koh, Kim & Boyd, An interior-point method for large-scale l1-regularized logistic
          regression (2007): the dual of the logistic loss, and the bias that makes it feasible.
        - Massias, Gramfort & Salmon, Celer: a fast solver for the lasso with dual extrapolation
          (2018): why the residual, rescaled, is a dual point.
        - scikit-learn, `enet_coordinate_descent`, formulations A and B of the gap: the elastic net
          as a lasso with augmented rows, whose part of the dual is maximized exactly here.
    """
    dense = _only_dense_layer(model)
    convex = _convex_loss(loss, dense)
    l1, l2 = _coefficients(model, dense)
    design, target = _matrices(dense, x, y)
    target = convex.target(target)

    if not all(np.isfinite(values_of(variable)).all() for variable in dense.weights):
        raise ValueError(f"The weights of the model '{model.name}' are not finite")
    w = values_of(dense.kernel).astype(np.float64)
    z = best = design.astype(np.float64) @ w
    if dense.use_bias:
        z = z + values_of(dense.bias).astype(np.float64)
        best = best + convex.best_bias(best, target)
    _check_output(model, dense, design, z)
    weight = 1 / target.size
    data_loss = weight * convex.value(z, target).sum(axis=0)
    primal = data_loss + l1 * np.abs(w).sum(axis=0) + l2 * (w**2).sum(axis=0)

    slope = convex.slope(best, target)
    v = -weight * (design.T @ slope)
    norm = np.max(np.abs(v - 2 * l2 * w), axis=0, initial=0.0)
    scales = [np.where(norm > l1, l1 / np.where(norm > l1, norm, 1.0), 1.0)]
    if l2 > 0:
        scales.append(np.ones_like(norm))
    duals = [
        -weight * convex.conjugate(scale * slope, target).sum(axis=0)
        - _penalty_conjugate(scale * v, l1, l2)
        for scale in scales
    ]
    return max(float(np.sum(primal - np.max(duals, axis=0))), 0.0)


_Floats: TypeAlias = NDArray[np.float64]


class _ConvexLoss(NamedTuple):
    """A loss of one target y and one linear output z, and its conjugate in z."""

    target: Callable[[_Floats], _Floats]
    value: Callable[[_Floats, _Floats], _Floats]
    slope: Callable[[_Floats, _Floats], _Floats]
    conjugate: Callable[[_Floats, _Floats], _Floats]
    best_bias: Callable[[_Floats, _Floats], _Floats]


_SQUARED_ERROR = _ConvexLoss(
    target=lambda y: y,
    value=lambda z, y: (z - y) ** 2,
    slope=lambda z, y: 2 * (z - y),
    conjugate=lambda t, y: t * y + t**2 / 4,
    best_bias=lambda z, y: np.mean(y - z, axis=0),
)


def _binary_crossentropy(label_smoothing: float) -> _ConvexLoss:
    from scipy.special import expit, logit, xlogy

    def target(y: _Floats) -> _Floats:
        if y.min() < 0 or y.max() > 1:
            raise invalid_argument("y", "values from 0 to 1", f"values from {y.min()} to {y.max()}")
        return y * (1 - label_smoothing) + label_smoothing / 2

    def conjugate(t: _Floats, y: _Floats) -> _Floats:
        q = np.clip(t + y, 0.0, 1.0)  # of rounding errors
        value: _Floats = xlogy(q, q) + xlogy(1 - q, 1 - q)
        return value

    def best_bias(z: _Floats, y: _Floats) -> _Floats:
        """Where the mean probability is the mean target, by bisection."""
        mean = y.mean(axis=0)
        centre = logit(mean)  # infinite for targets that are all 0 or all 1, as their best bias is
        # At these ends all probabilities are at most, and at least, the mean target.
        low: _Floats
        high: _Floats
        low, high = centre - z.max(axis=0), centre - z.min(axis=0)
        for _ in range(64):
            middle = (low + high) / 2
            too_high = expit(z + middle).mean(axis=0) > mean
            low, high = np.where(too_high, low, middle), np.where(too_high, middle, high)
        return (low + high) / 2

    return _ConvexLoss(
        target=target,
        value=lambda z, y: np.logaddexp(0.0, z) - y * z,
        slope=lambda z, y: expit(z) - y,
        conjugate=conjugate,
        best_bias=best_bias,
    )


def _penalty_conjugate(v: np.ndarray, l1: float, l2: float) -> np.ndarray:
    """Convex conjugate of l1·‖w‖₁ + l2·‖w‖², for each column of a v that is feasible."""
    excess = np.maximum(np.abs(v) - l1, 0.0)
    with np.errstate(over="ignore"):  # a tiny l2; the other scale has a better bound
        return (excess**2 / (4 * l2)).sum(axis=0) if l2 > 0 else np.zeros(v.shape[1])


def _only_dense_layer(model: keras.Model) -> Any:
    trained = [variable for _, variable in named_variables(checked_model(model))]
    layers = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if not isinstance(layer, keras.layers.InputLayer | keras.Model)
    ]
    if [type(layer) for layer in layers] != [keras.layers.Dense]:
        raise ValueError(
            "duality_gap needs a model of exactly one Dense layer, where the objective is convex. "
            f"Received: the layers {[type(layer).__name__ for layer in layers]}"
        )
    (dense,) = layers
    if {id(variable) for variable in trained} != {id(variable) for variable in dense.weights}:
        raise ValueError(
            "duality_gap needs all weights of the Dense layer, and only they, trainable"
        )
    if dense.use_bias and dense.bias.regularizer is not None:
        raise ValueError("duality_gap needs a bias without a regularizer")
    return dense


def _convex_loss(loss: Any, dense: Any) -> _ConvexLoss:
    found = resolved_loss(loss)
    kind = found.function if isinstance(found, FunctionLoss) else type(found)
    settings = {} if isinstance(found, FunctionLoss) or found is None else found.get_config()
    activation = keras.activations.linear
    convex = None
    if settings.get("reduction", "mean") not in ("sum", "none", None):
        if kind in (keras.losses.mean_squared_error, keras.losses.MeanSquaredError):
            convex = _SQUARED_ERROR
        elif kind in (keras.losses.binary_crossentropy, keras.losses.BinaryCrossentropy):
            convex = _binary_crossentropy(settings.get("label_smoothing", 0.0))
            if not settings.get("from_logits", False):
                activation = keras.activations.sigmoid
    if found is None or convex is None:
        raise invalid_argument(
            "loss", "mean squared error or binary cross-entropy, a mean over the samples", loss
        )
    if dense.activation is not activation:
        raise ValueError(
            f"duality_gap needs activation={activation.__name__!r} for the loss {found.name}. "
            f"Received: activation={getattr(dense.activation, '__name__', dense.activation)!r}"
        )
    return convex


def _coefficients(model: keras.Model, dense: Any) -> tuple[float, float]:
    """(l1, l2) of the kernel's penalty l1·‖w‖₁ + l2·‖w‖²."""
    name = next(name for name, variable in named_variables(model) if variable is dense.kernel)
    penalty = penalty_of(name, dense.kernel)
    of = getattr(penalty, "_coefficients", None)
    l1, l2 = map(float, of(penalty.strength)) if penalty and of else (0.0, 0.0)
    if not l1 + l2 > 0:
        raise ValueError(
            "duality_gap needs a kernel regularizer l1·‖w‖₁ + l2·‖w‖² of a strength > 0. "
            f"Received: kernel_regularizer={penalty!r}"
        )
    return l1, l2


def _matrices(dense: Any, x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (samples, input_dim) and targets (samples, units)."""
    design, target, _ = checked_samples(x, y)
    input_dim, units = dense.kernel.shape
    shapes = [getattr(part, "shape", None) for part in (design, target)]
    n_samples = shapes[0][:1] if shapes[0] else ()
    targets = [(*n_samples, units), *[n_samples] * (units == 1)]
    if shapes[0] != (*n_samples, input_dim) or shapes[1] not in targets:
        raise ValueError(
            f"Arrays that do not fit the Dense layer: expected x of shape (samples, {input_dim}) "
            f"and y of shape (samples, {units}). Received: x.shape={shapes[0]}, y.shape={shapes[1]}"
        )
    return design, target.reshape(-1, units).astype(np.float64)


def _check_output(model: keras.Model, dense: Any, x: np.ndarray, z: np.ndarray) -> None:
    """Raises if the model does something with its inputs besides the Dense layer."""
    x, z = as_tensor(x[:32]), as_tensor(z[:32])
    with keras.StatelessScope(collect_losses=True) as scope:
        output = keras.ops.convert_to_numpy(model(x, training=False))
    expected = keras.ops.convert_to_numpy(dense.activation(z))
    # Half precision has three digits; what a model does besides changes the first.
    error = np.max(np.abs(output - expected))
    if scope.losses or not error <= 1e-2 * np.max(np.abs(expected)):
        raise ValueError(
            f"duality_gap needs a model that is its Dense layer alone. The model '{model.name}' "
            "computes something else with its inputs, or penalizes its outputs"
        )
