"""Whether the formulas of a penalty fit each other, by brute force."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from keras import ops

from kerasreg.arguments import whole_number
from kerasreg.regularizers.asked_penalty import SHAPE, AskedPenalty
from kerasreg.regularizers.keras_builtin import as_penalty
from kerasreg.typing import Regularizer

_STEPS = (1e-3, 0.1, 1.0, 30.0)
_STRENGTHS = (1e-3, 0.1, 2.0)
# A step of finite differences in units of w, and how exact they are for powers of w.
_STEP, _SLOPE = 1e-3, 1e-3
# Of an objective, and of a distance from a subdifferential, in float32: some hundred roundings.
_ROUNDING = 1e-5
# From where on the value is a straight line to zero, unless its slope is infinite there.
_NEAR = 1e-12


def check_penalty(penalty: Regularizer, *, seed: int = 0) -> None:
    """Raises if the formulas of a penalty do not fit each other; silent if they do.

    Everything is compared with the value, by brute force in NumPy, at random weights between 1e-3
    and 100, at step sizes from 1e-3 to 30, scalar and one a coordinate, at the penalty's own
    strength and at 1e-3, 0.1 and 2:

    - `get_config` and `from_config` give the same penalty, and a strength may be a tensor;
    - the value is finite, and 0 at strength 0; that of a `SeparablePenalty` is the sum of
      `_elementwise`;
    - `subdiff_distance` is the distance from the finite differences of the value;
    - `prox` is the global minimum: nothing on a grid of a thousand points a coordinate is lower,
      or nothing among random perturbations where the penalty is no `SeparablePenalty`. There
      `subdiff_distance` is 0. At strength 0 it is w itself, it keeps zeros, and that of a
      `SeparablePenalty` lies between zero and w;
    - `strength_max` is where zero becomes stationary.

    It takes a second or two, and belongs into a test of the penalty.

    Args:
        penalty: A penalty, or a regularizer of Keras that has one.
        seed: Seed of the random weights, an int >= 0.

    Raises:
        ValueError: With the law that does not hold, where, what was expected and what received.
        TypeError: If there is no prox for the regularizer.

    Example:

    >>> kerasreg.regularizers.check_penalty(kerasreg.regularizers.MCP(0.1, gamma=2.0))
    >>> class Half(kerasreg.regularizers.ElasticNet):
    ...     def _elementwise(self, w, strength):
    ...         return super()._elementwise(w, strength) / 2
    >>> try:
    ...     kerasreg.regularizers.check_penalty(Half(1.0, l1_ratio=1.0))
    ... except ValueError as error:
    ...     print(str(error).partition(" at ")[0])
    Half breaks the law 'subdiff_distance is |grad + slope of the value|'
    """
    _Laws(as_penalty(penalty), whole_number("seed", seed, minimum=0)).hold()


class _Laws(AskedPenalty):
    def hold(self) -> None:
        self.config()
        for strength in sorted({self.penalty.strength, *_STRENGTHS} - {0.0}):
            self.value(strength)
            self.slope(strength)
            for step_size in self.step_sizes():
                self.prox(step_size, strength)
        for step_size in self.step_sizes():
            self.equal("prox at strength 0 is w", self.of_prox(self.w, step_size, 0.0), self.w,
                       0.0, w=self.w, step_size=step_size, strength=0.0)  # fmt: skip
        self.strength_max()

    def step_sizes(self) -> Iterator[Any]:
        yield from _STEPS
        yield (10 ** self.rng.uniform(-3, 1.5, SHAPE)).astype(self.dtype)

    def config(self) -> None:
        law, config = "from_config(get_config()) is the same penalty", self.penalty.get_config()
        try:
            again = type(self.penalty).from_config(config)
        except Exception as error:
            self.broken(law, "a penalty", f"{type(error).__name__}: {error}")
        if again.get_config() != config:
            self.broken(law, str(config), str(again.get_config()))
        w = self.w
        for name in vars(self.penalty).keys() & vars(again).keys():
            one, other = (getattr(each, name) for each in (self.penalty, again))
            if isinstance(one, bool | int | float | str) and one != other:
                self.broken(f"{law}, with its `{name}`", str(one), str(other))
        values = [float(ops.convert_to_numpy(each(w))) for each in (again, self.penalty)]
        self.equal(law, values[0], values[1], _ROUNDING * abs(values[1]))
        strength = ops.convert_to_tensor(np.asarray(0.1, self.dtype))
        of_float, of_tensor = (self.of_prox(w, 1.0, s) for s in (0.1, strength))
        law = "a strength may be a tensor"
        self.equal(law, of_tensor, of_float, _ROUNDING * np.abs(w), w=w, strength=0.1)

    def value(self, strength: float) -> None:
        received = self.of_value(self.w, strength)
        if not np.isfinite(received):
            self.broken("the value is finite", "a number", received, strength=strength)
        none = self.of_value(self.w, 0.0)
        self.equal("the value at strength 0 is 0", none, 0.0, 0.0, strength=0.0)
        if self.is_separable:
            total = self.elementwise(self.w, strength).sum()
            law = "the value is the sum of _elementwise"
            self.equal(law, received, total, _ROUNDING * abs(total), strength=strength)

    def slope(self, strength: float) -> None:
        w, h = self.w.astype("float64"), _STEP * np.abs(self.w.astype("float64"))
        points = [(w + shift).astype(self.dtype).astype("float64") for shift in (-h, 0 * h, h)]
        if self.is_separable:
            values = [self.elementwise(point, strength) for point in points]
        else:
            values = [np.empty_like(w) for _ in points]
            for at in np.ndindex(w.shape):
                for value, point in zip(values, points, strict=True):
                    value[at] = self.of_value(np.where(w == w[at], point, w), strength)
        size = np.abs(values[1])
        left, right = ((values[i + 1] - values[i]) / (points[i + 1] - points[i]) for i in (0, 1))
        rounding = 1e-6 + 30 * float(np.finfo(self.dtype).eps) / _STEP
        slope = (values[2] - values[0]) / (points[2] - points[0])
        terms = _SLOPE * np.abs(slope) + rounding * size / np.abs(w) + 1e-30
        is_smooth = np.abs(left - right) <= 10 * terms  # a kink has no slope to compare with
        law = "subdiff_distance is |grad + slope of the value|"
        for grad in (self.zero.astype("float64"), -slope):
            received = np.where(is_smooth, self.distance(w, grad, strength), 0)
            expected = np.where(is_smooth, np.abs(grad + slope), 0)
            self.equal(law, received, expected, terms, w=w, grad=grad, strength=strength)
        if self.is_separable:
            near = np.full(SHAPE, _NEAR)
            height = self.elementwise(near, strength) - self.elementwise(0 * near, strength)
            height = np.maximum(height / _NEAR, 0)
            law = "subdiff_distance at 0 is what the gradient exceeds the slope right of 0 by"
            for grad in (0.5 * height, -0.5 * height):
                received = self.distance(self.zero, grad, strength)
                self.equal(law, received, self.zero, 1e-6 * strength, w=self.zero, grad=grad,
                           strength=strength)  # fmt: skip

    def prox(self, step_size: Any, strength: float) -> None:
        w, u = self.w.astype("float64"), self.of_prox(self.w, step_size, strength)
        steps = np.broadcast_to(np.asarray(step_size, "float64"), w.shape)
        where = {"w": w, "step_size": steps, "strength": strength}
        if self.is_separable:
            law = "prox lies between zero and w"
            self.equal(law, u, np.clip(u, np.minimum(w, 0), np.maximum(w, 0)), 0.0, **where)
            lowest, at_lowest = self.lowest_on_grid(w, steps, strength)
            objective = (u - w) ** 2 / (2 * steps) + self.elementwise(u, strength)
            is_higher = objective > lowest * (1 + _ROUNDING) + 1e-30
            law = "prox is the global minimum of (u - w)²/(2·step_size) + value(u)"
            self.equal(law, np.where(is_higher, u, at_lowest), at_lowest, 0.0, **where)
        else:
            self.nothing_near_is_lower(w, u, steps, strength, step_size)
        law = "subdiff_distance of (prox - w)/step_size is 0 at the prox"
        distance = self.distance(u, (u - w) / steps, strength)
        size = np.abs(w) if self.is_separable else np.abs(w).max()
        # What the rounding of u does to the slope is no more than to that of the square.
        tolerance = 10 * _ROUNDING * (size + np.abs(u)) / steps
        self.equal(law, distance, self.zero, tolerance, **where)
        if self.is_separable or self.of_value(self.zero, strength) == 0:
            of_zero = self.of_prox(self.zero, step_size, strength)
            self.equal("prox keeps zeros", of_zero, self.zero, 0.0, **(where | {"w": self.zero}))

    def nothing_near_is_lower(
        self, w: np.ndarray, u: np.ndarray, steps: np.ndarray, strength: float, step_size: Any
    ) -> None:
        def objective(u: np.ndarray) -> float:
            return float(((u - w) ** 2 / (2 * steps)).sum()) + self.of_value(u, strength)

        lowest = objective(u)
        others = [w, 0 * w, 0.9 * u, 1.1 * u]
        for scale in (1e-2, 0.1, 1.0):
            others += [u + scale * np.abs(w) * self.rng.normal(size=w.shape) for _ in range(3)]
            others += [
                u + scale * np.abs(w) * (w == some) for some in self.rng.choice(w.ravel(), 2)
            ]
        other = min(map(objective, others))
        if lowest > other + _ROUNDING * abs(other):
            size = float(step_size) if np.ndim(step_size) == 0 else "one a coordinate"
            self.broken(
                "prox is the global minimum of Σ (u - w)²/(2·step_size) + value(u)",
                f"an objective <= {other:.6g}, which another point has",
                lowest,
                step_size=size,
                strength=strength,
            )

    def strength_max(self) -> None:
        law, grad = "strength_max is where w = 0 becomes stationary", self.w.astype("float64")
        largest = float(ops.convert_to_numpy(self.penalty.strength_max(self.w)))
        if not largest >= 0:
            self.broken(law, "a number >= 0", largest)
        is_finite = np.isfinite(largest)
        above = max(largest * 1.001, 1e-6) if is_finite else 0.0
        below = largest * 0.999 if is_finite else 1.0
        if above and self.distance(self.zero, grad, above).max() > 0:
            self.broken(law, "distance 0 above it", "more", strength=above, strength_max=largest)
        if below and not self.distance(self.zero, grad, below).max() > 0:
            self.broken(law, "distance > 0 below it", "0", strength=below, strength_max=largest)
