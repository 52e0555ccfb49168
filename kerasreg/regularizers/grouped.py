"""Penalties that zero whole groups of weights: units, filters, features, rows of an embedding."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from kerasreg.arguments import finite_float, invalid_argument
from kerasreg.regularizers.penalty import Penalty
from kerasreg.regularizers.separable import soft_threshold, with_slope
from kerasreg.regularizers.validation import check_threshold, maximum, real_tensor
from kerasreg.typing import Tensor

# Newton steps for the norm of a group in a diagonal metric, at most. In 1,900,000 random groups of
# 2 to 4096 weights, step sizes over 8 decades within a group, weights too or in proportion to
# them, the largest error relative to the group's largest weight was 4e-2 after 6 steps, 5e-3
# after 8, 2e-4 after 10 and 2e-7 after 12 in float32 (1e-12 in float64).
_NEWTON_STEPS = 12
# Normal weights with step sizes over 3 decades, as Adam has them, need 3 or 4. Near the root the
# error after a step is about the square of its length, so that the step after one this long,
# relative to the root, changes nothing but the last digit.
_LAST_STEP = {"float32": 1e-4, "float64": 1e-8}
# Newton steps for the largest strength: 4e-16 in float64 after 6, over 8 decades of gradients.
_NEWTON_STEPS_OF_STRENGTH = 8
# Instead of zero in a denominator: close to the smallest number that has all its digits.
_TINY = {"float32": 1e-37, "float64": 1e-307}


def block_soft_threshold(
    w: Tensor, threshold: Tensor, axis: int | tuple[int, ...] | None = None
) -> Tensor:
    """Shrinks whole groups of weights towards zero: the prox of Σ_g ‖w_g‖₂.

    For a scalar threshold, w_g·max(1 − threshold/‖w_g‖₂, 0) for each group g. For one threshold
    hᵢ = step_sizeᵢ·strength a coordinate (a diagonal metric), the u that minimizes
    Σᵢ (uᵢ − wᵢ)²/(2·hᵢ) + Σ_g ‖u_g‖₂: zero where ‖w_g/h_g‖₂ <= 1, elsewhere

        uᵢ = wᵢ·r / (r + hᵢ)   with r = ‖u_g‖₂, the root of ‖w_g/(r + h_g)‖₂ = 1.

    The reciprocal norm 1/‖w_g/(r + h_g)‖₂ is concave and increasing in r, so that Newton's method
    on it climbs to the root from any point below without ever passing it.

    Args:
        w: Array of any shape.
        threshold: >= 0, a scalar, or one per coordinate with the shape of `w`.
        axis: The axes over which a group extends. By default the whole array is one group.

    Returns:
        A tensor of the shape of `w`.

    Raises:
        ValueError: If `w` is not real, or the threshold negative or not a number.

    Example:

    >>> np.asarray(block_soft_threshold(np.array([[3.0, 0.3], [4.0, 0.4]]), 1.0, axis=0))
    array([[2.4, 0. ],
           [3.2, 0. ]])

    References:
        - Yuan & Lin, Model selection and estimation in regression with grouped variables, JRSS B 68
          (2006), eq. 2.4, for the scalar threshold.
        - Deleu & Bengio, Structured sparsity inducing adaptive optimizers for deep learning (2021),
          section 4, for a diagonal metric, with another iteration.
    """
    w = real_tensor("w", w)
    check_threshold(threshold)
    threshold = ops.convert_to_tensor(threshold, dtype=w.dtype)
    axes = tuple(range(len(w.shape))) if axis is None else axis
    dtype = keras.backend.standardize_dtype(w.dtype)
    tiny = _TINY.get(dtype, _TINY["float32"])
    norm = _norm(w, axes)
    if len(threshold.shape) == 0:
        r = ops.relu(norm - threshold)
    else:
        # Two lower bounds of the root: all thresholds as large as the largest, and every weight
        # by itself. From the second on |wᵢ| <= r + hᵢ, so that no square of a ratio overflows.
        alone = _max(ops.abs(w) - threshold, axes, -math.inf)
        r = ops.relu(maximum(norm - _max(threshold, axes), alone))
        last = _LAST_STEP[dtype]

        def newton_step(r: Any, _: Any) -> tuple[Any, Any]:
            inverse = 1 / maximum(r + threshold, tiny)
            squares = ops.square(w * inverse)
            square = _sum(squares, axes)
            bend = maximum(_sum(squares * inverse, axes), tiny)
            longer = ops.relu(r + (ops.sqrt(square) - 1) * (square / bend))
            return longer, ops.any(ops.abs(longer - r) > last * longer)

        r, _ = ops.while_loop(
            lambda _, goes_on: goes_on,
            newton_step,
            (r, ops.convert_to_tensor(True)),
            maximum_iterations=_NEWTON_STEPS,
        )
    return w * (r / maximum(r + threshold, tiny))


def _sum(x: Any, axes: Any) -> Any:
    # PyTorch takes no axes for all axes.
    return x if axes == () else ops.sum(x, axis=axes, keepdims=True)


def _max(x: Any, axes: Any, initial: float = 0.0) -> Any:
    return x if axes == () else ops.max(x, axis=axes, keepdims=True, initial=initial)


def _or_one(x: Any) -> Any:
    """What to divide by, where a zero means that there is nothing to divide."""
    return ops.where(x > 0, x, 1.0)


def _norm(x: Any, axes: Any) -> Any:
    """Euclidean norm of each group; the weights of a dying group have squares below 1e-38."""
    scale = _or_one(_max(ops.abs(x), axes))
    return scale * ops.sqrt(_sum(ops.square(x / scale), axes))


class GroupedPenalty(Penalty):
    """strength·(l1_ratio·‖w‖₁ + (1 − l1_ratio)·Σ_g √d_g·‖w_g‖₂), d_g the size of group g.

    What GroupLasso (`l1_ratio` 0) and SparseGroupLasso share. The gradient of a group that is
    zero is taken as zero, the subgradient of least norm.
    """

    l1_ratio: float = 0.0
    groups: str

    def _axes(self, w: Tensor) -> tuple[int, ...]:
        """The axes over which a group extends: all but the one that counts the groups."""
        counting = len(w.shape) - (1 if self.groups == "outputs" else 2)
        return tuple(axis for axis in range(len(w.shape)) if axis != counting)

    def _root_size(self, w: Tensor) -> Tensor:
        """√d_g, from the shape."""
        shape = ops.shape(w)
        size = math.prod(shape[axis] for axis in self._axes(w))
        if isinstance(size, int):
            return math.sqrt(max(size, 1))  # groups of no weights have no norm either
        return ops.sqrt(ops.cast(size, w.dtype))  # a batch size known when the program runs

    def _factors(self, w: Tensor, strength: Tensor) -> tuple[Tensor, Tensor]:
        """The factor of ‖w‖₁, and that of each ‖w_g‖₂."""
        of_norms = strength * (1 - self.l1_ratio) * self._root_size(w)
        return strength * self.l1_ratio, of_norms

    def _value(self, w: Tensor, strength: Tensor) -> Tensor:
        def value(w: Tensor) -> Tensor:
            of_weights, of_norms = self._factors(w, strength)
            axes = self._axes(w)
            total = of_norms * ops.sum(_norm(w, axes))
            if self.l1_ratio:
                total = total + of_weights * ops.sum(_sum(ops.abs(w), axes))
            return total

        return with_slope(value, lambda w: self._slope(w, strength), w)

    def _slope(self, w: Tensor, strength: Tensor) -> Tensor:
        of_weights, of_norms = self._factors(w, strength)
        return of_weights * ops.sign(w) + of_norms * (w / _or_one(_norm(w, self._axes(w))))

    def _prox(self, w: Tensor, step_size: Tensor, strength: Tensor) -> Tensor:
        of_weights, of_norms = self._factors(w, strength)
        if self.l1_ratio:
            w = soft_threshold(w, step_size * of_weights)
        return block_soft_threshold(w, step_size * of_norms, self._axes(w))

    def _subdiff_distance(self, w: Tensor, grad: Tensor, strength: Tensor) -> Tensor:
        of_weights, of_norms = self._factors(w, strength)
        axes = self._axes(w)
        beyond = ops.relu(ops.abs(grad) - of_weights)
        norm = _norm(beyond, axes)
        in_zero_group = beyond * (ops.relu(norm - of_norms) / _or_one(norm))
        at_zero = ops.where(_max(ops.abs(w), axes) == 0, in_zero_group, beyond)
        return ops.where(w == 0, at_zero, ops.abs(grad + self._slope(w, strength)))

    def _strength_max(self, grad: Tensor) -> Tensor:
        of_weights, of_norms = self._factors(grad, 1.0)
        axes = self._axes(grad)
        modulus = ops.abs(grad)
        # Two lower bounds, the first exact where there is only L1, the second without L1.
        strengths = maximum(
            _max(modulus, axes) / (of_weights + of_norms),
            _norm(modulus, axes) / self._root_size(grad),
        )
        # ‖soft_threshold(grad_g, λ·l1_ratio)‖ − λ·(1 − l1_ratio)·√d_g is convex and falling in λ:
        # Newton's method climbs to its root from below.
        for _ in range(_NEWTON_STEPS_OF_STRENGTH if 0 < of_weights < 1 else 0):
            beyond = ops.relu(modulus - strengths * of_weights)
            norm = _norm(beyond, axes)
            fall = of_weights * (_sum(beyond, axes) / _or_one(norm)) + of_norms
            strengths = strengths + (norm - strengths * of_norms) / fall
        return ops.max(strengths, initial=0.0)


_GROUPS = ("outputs", "inputs")


def _checked_groups(groups: Any) -> str:
    if groups not in _GROUPS:
        raise invalid_argument("groups", "'outputs' or 'inputs'", groups)
    return str(groups)


@keras.saving.register_keras_serializable(package="kerasreg")
class GroupLasso(GroupedPenalty):
    """Group lasso: units, filters or features become zero as a whole.

        P(w) = λ·Σ_g √d_g·‖w_g‖₂

    with λ = `strength` and d_g the number of weights in group g. A group becomes zero as a whole or
    not at all. With `groups="outputs"` a group is what one index of the last axis selects: all
    weights into a unit of a Dense layer, a filter of a convolution. With `groups="inputs"` it is
    one index of the second to last axis: all weights that leave a feature, an input channel of a
    convolution, a row of an embedding.

    An array with one axis is seen as of shape (1, n): a bias has n groups of one weight for
    "outputs", where the penalty is L1, and for "inputs" is one group, the weights of the constant
    input. For its prox see `block_soft_threshold`, with threshold step_size·strength·√d_g.

    Args:
        strength: λ, a finite float >= 0. Defaults to 0.01.
        groups: "outputs" or "inputs". Defaults to "outputs".

    Raises:
        ValueError: If an argument is not in its range.

    Example:

    >>> float(GroupLasso(strength=0.5)([[3.0, 0.0], [4.0, 0.0], [0.0, 0.0], [0.0, 0.0]]))  # ½·√4·5
    5.0
    >>> layer = keras.layers.Dense(10, kernel_regularizer=GroupLasso(0.01, groups="inputs"))

    References:
        - Yuan & Lin, Model selection and estimation in regression with grouped variables, JRSS B 68
          (2006), eq. 2.1 with K_g = d_g·I.
    """

    def __init__(self, strength: float = 0.01, groups: str = "outputs"):
        self.strength = finite_float("strength", strength, minimum=0)
        self.groups = _checked_groups(groups)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, as Keras saves them."""
        return {"strength": self.strength, "groups": self.groups}


@keras.saving.register_keras_serializable(package="kerasreg")
class SparseGroupLasso(GroupedPenalty):
    """Sparse group lasso: groups become zero as a whole, and single weights in the others.

        P(w) = λ·(ρ·‖w‖₁ + (1 − ρ)·Σ_g √d_g·‖w_g‖₂)

    with λ = `strength`, ρ = `l1_ratio` and d_g the number of weights in group g. `l1_ratio=1` is
    the lasso, `l1_ratio=0` is `GroupLasso`, where the groups are explained. Its prox, in a diagonal
    metric too, is `soft_threshold` with threshold step_size·strength·l1_ratio and after it
    `block_soft_threshold` with step_size·strength·(1 − l1_ratio)·√d_g.

    Args:
        strength: λ, a finite float >= 0. Defaults to 0.01.
        l1_ratio: The share of L1, between 0 and 1. Defaults to 0.5.
        groups: "outputs" or "inputs". Defaults to "outputs".

    Raises:
        ValueError: If an argument is not in its range.

    Example:

    >>> penalty = SparseGroupLasso(2.0, l1_ratio=0.5)
    >>> np.asarray(penalty.prox([[3.0, 1.0], [0.5, 1.0]], step_size=1.0))
    array([[0.58578646, 0.        ],
           [0.        , 0.        ]], dtype=float32)

    References:
        - Simon, Friedman, Hastie & Tibshirani, A sparse-group lasso, JCGS 22 (2013), eq. 3, and
          eq. 12 for the prox.
    """

    def __init__(self, strength: float = 0.01, l1_ratio: float = 0.5, groups: str = "outputs"):
        self.strength = finite_float("strength", strength, minimum=0)
        self.l1_ratio = finite_float("l1_ratio", l1_ratio, minimum=0, maximum=1)
        self.groups = _checked_groups(groups)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor, as Keras saves them."""
        return {"strength": self.strength, "l1_ratio": self.l1_ratio, "groups": self.groups}
