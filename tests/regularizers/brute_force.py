"""Oracles of the penalty tests, in float64 NumPy. Nothing is imported from kerasreg.

For penalties of one coordinate brute force: they are known only as an elementwise function
`penalty(u)` that is smallest at zero. For groups, minimization of the objective over all weights of
small groups; and for arrays of any size one equation a group, which the tests of groups compare
with that minimization. For mean activities, likewise one equation a unit.
"""

from collections.abc import Callable

import numpy as np

Elementwise = Callable[[np.ndarray], np.ndarray]

GOLDEN = (np.sqrt(5) - 1) / 2
GOLDEN_STEPS = 50  # a cell of the grid is at most 15 % of its place: 0.15 * 0.618**50 = 5e-12
# In units of w: dense around w, and 16 points a decade down to a minimum of 1e-12 * w.
GRID = np.unique(np.concatenate([[0.0], np.geomspace(1e-12, 1, 193), np.linspace(0, 2, 201)]))


def prox(penalty: Elementwise, w: np.ndarray, step_size: np.ndarray | float) -> np.ndarray:
    """Global argmin over u of (u - w)**2 / (2 * step_size) + penalty(u), for each coordinate.

    A grid finds the lowest cell, golden section the minimum within it; zero stays the answer
    unless something is lower. As zero has the smallest penalty, the argmin is no further from w
    than zero is: the grid from 0 to 2 * w contains it.

    The argmin of a function that is known to 1e-16 is known to about its square root: the error is
    below `1e-7 * sqrt(abs(w * u))`.
    """
    w = np.asarray(w, "float64")
    column = w.reshape(-1, 1)
    steps = np.broadcast_to(np.asarray(step_size, "float64"), w.shape).reshape(-1, 1)

    def objective(u):
        # Less the objective at zero: the constant w**2 / (2 * step_size) would drown differences.
        return u * (u / 2 - column) / steps + penalty(u) - penalty(np.zeros_like(u))

    grid = column * GRID
    best = objective(grid).argmin(axis=1)[:, None]
    low = np.take_along_axis(grid, np.maximum(best - 1, 0), axis=1)
    high = np.take_along_axis(grid, np.minimum(best + 1, GRID.size - 1), axis=1)
    for _ in range(GOLDEN_STEPS):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        lower_left = objective(left) < objective(right)
        low, high = np.where(lower_left, low, left), np.where(lower_left, right, high)
    u = (low + high) / 2
    return np.where(objective(u) < 0, u, 0.0).reshape(w.shape)


def subdifferential(penalty: Elementwise, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the interval of subgradients at w, by finite differences; kinks only at zero."""
    w = np.asarray(w, "float64")
    # Central differences away from zero: exact for quadratics, rounding error 1e-16 / 1e-5.
    h = np.where(w == 0, 1e-30, 1e-5 * np.abs(w))
    right = (penalty(w + h) - penalty(w)) / h
    left = (penalty(w) - penalty(w - h)) / h
    central = (penalty(w + h) - penalty(w - h)) / ((w + h) - (w - h))
    return np.where(w == 0, left, central), np.where(w == 0, right, central)


def least_subgradient(penalty: Elementwise, w: np.ndarray) -> np.ndarray:
    """The subgradient of least modulus: the derivative, and 0 at a kink whose interval holds 0."""
    lower, upper = subdifferential(penalty, w)
    return np.clip(0.0, lower, upper)


def subdiff_distance(penalty: Elementwise, w: np.ndarray, grad: np.ndarray) -> np.ndarray:
    """Distance of -grad from the interval of subgradients at w, for each coordinate."""
    lower, upper = subdifferential(penalty, w)
    return np.maximum(0.0, np.maximum(lower + grad, -grad - upper))


class Separable:
    """What is known of a penalty from its elementwise function(u, s)."""

    def __init__(self, function, **others):
        self.function = lambda u, s: function(u, s, **others)

    def __call__(self, w, s):
        return self.function(w, s)

    def prox(self, w, step_size, s):
        return prox(lambda u: self(u, s), w, step_size)

    def subdifferential(self, w, s):
        return subdifferential(lambda u: self(u, s), w)

    def least_subgradient(self, w, s):
        return least_subgradient(lambda u: self(u, s), w)

    def subdiff_distance(self, w, grad, s):
        return subdiff_distance(lambda u: self(u, s), w, grad)


def minimize_over_groups(w, step_size, of_weights, of_norm, steps=4000):
    """argmin over u of sum((u - w)**2 / (2 * step_size)) + of_weights * |u|_1 + of_norm * |u|_2.

    One group a row. Majorization: |x| <= x**2 / (2 * c) + c / 2 with equality at c = |x|, for each
    weight and for the norm, makes every step a quadratic that lies above the objective and touches
    it at the last point, so that no step ascends. Zero is compared at the end.
    """
    u = w / (1 + 1e-3)
    for _ in range(steps):
        norm = np.sqrt((u**2).sum(1, keepdims=True)) + 1e-60
        u = w / (1 + step_size * (of_weights / (np.abs(u) + 1e-60) + of_norm / norm))
    return np.where(group_objective(u, w, step_size, of_weights, of_norm) < 0, u, 0)


def group_objective(u, w, step_size, of_weights, of_norm):
    """The objective of each row, less its value at zero."""
    total = (u * (u / 2 - w) / step_size + of_weights * np.abs(u)).sum(1, keepdims=True)
    return total + of_norm * np.sqrt((u**2).sum(1, keepdims=True))


class Grouped:
    """The sparse group lasso, groups="outputs" or "inputs", as written in its docstring."""

    def __init__(self, function=None, *, groups, l1_ratio=0.0):
        self.groups, self.l1_ratio = groups, l1_ratio

    def rows(self, w):
        """The weights with one group a row."""
        w = np.asarray(w, "float64")
        w = w if w.ndim >= 2 else w.reshape(1, -1)
        moved = np.moveaxis(w, -1 if self.groups == "outputs" else -2, 0)
        return moved.reshape(len(moved), -1) if moved.size else moved.reshape(len(moved), 0)

    def unrows(self, rows, like):
        """The inverse of `rows`."""
        shape = like.shape if like.ndim >= 2 else (1, like.size)
        axis = -1 if self.groups == "outputs" else -2
        moved = np.moveaxis(np.empty(shape), axis, 0).shape
        return np.moveaxis(rows.reshape(moved), 0, axis).reshape(like.shape)

    def factors(self, rows, s):
        return s * self.l1_ratio, s * (1 - self.l1_ratio) * np.sqrt(rows.shape[1])

    def __call__(self, w, s):
        rows = self.rows(w)
        of_weights, of_norm = self.factors(rows, s)
        return of_weights * np.abs(rows).sum(1) + of_norm * np.linalg.norm(rows, axis=1)

    def prox(self, w, step_size, s):
        w = np.asarray(w, "float64")
        rows, steps = self.rows(w), self.rows(np.broadcast_to(step_size, w.shape))
        of_weights, of_norm = self.factors(rows, s)
        rows = np.sign(rows) * np.maximum(np.abs(rows) - steps * of_weights, 0)
        if not rows.size:
            return w
        # u = rows / (1 + steps * of_norm / r), whose norm is r: the root between 0 and the norm.
        low, high = np.zeros((len(rows), 1)), np.linalg.norm(rows, axis=1, keepdims=True)
        tiny = 1e-100  # its reciprocal has a square
        for _ in range(200):
            middle = np.where(low > 0, np.sqrt(low * high), high * 1e-9)
            norm = np.linalg.norm(rows / (middle + steps * of_norm + tiny), axis=1, keepdims=True)
            low, high = np.where(norm > 1, middle, low), np.where(norm > 1, high, middle)
        alive = np.linalg.norm(rows / (steps * of_norm + tiny), axis=1, keepdims=True) > 1
        u = np.where(alive, rows * (high / (high + steps * of_norm + tiny)), 0)
        return self.unrows(u, w)

    def least_subgradient(self, w, s):
        rows = self.rows(w)
        of_weights, of_norm = self.factors(rows, s)
        norm = np.linalg.norm(rows, axis=1, keepdims=True)
        slope = of_weights * np.sign(rows) + of_norm * rows / np.where(norm > 0, norm, 1)
        return self.unrows(slope, np.asarray(w))

    def subdiff_distance(self, w, grad, s):
        """By the nearest subgradient: a clipped gradient, and a ball in a group of zeros."""
        rows, grads = self.rows(w), self.rows(grad)
        of_weights, of_norm = self.factors(rows, s)
        norm = np.linalg.norm(rows, axis=1, keepdims=True)
        smooth = of_norm * rows / np.where(norm > 0, norm, 1)
        box = np.where(rows == 0, np.clip(-grads, -of_weights, of_weights), 0)
        away = grads + box + of_weights * np.sign(rows) + smooth
        size = np.linalg.norm(away, axis=1, keepdims=True)
        in_ball = away * (1 - np.minimum(1, of_norm / np.where(size > 0, size, 1)))
        return self.unrows(np.abs(np.where(norm > 0, away, in_ball)), np.asarray(w))


class MeanActivity:
    """batch_size * s * sum over units of KL(target, mean activity), with its tangents."""

    def __init__(self, function=None, *, target):
        self.target = target

    def columns(self, w):
        w = np.asarray(w, "float64")
        return w.reshape(-1, w.shape[-1]) if w.ndim >= 2 else w.reshape(1, -1)

    def divergence(self, m):
        p = self.target
        inside = np.clip(m, p / 100, 1 - (1 - p) / 100)
        divergence = p * np.log(p / inside) + (1 - p) * np.log((1 - p) / (1 - inside))
        return divergence + self.slope(m) * (m - inside)

    def slope(self, m):
        p = self.target
        inside = np.clip(m, p / 100, 1 - (1 - p) / 100)
        return (1 - p) / (1 - inside) - p / inside

    def factor(self, w, s):
        """Of the slope of one activity: s * batch_size / number of activities in a mean."""
        w = np.asarray(w)
        return s * (len(w) if w.ndim >= 2 else 1) / max(len(self.columns(w)), 1)

    def __call__(self, w, s):
        columns = self.columns(w)
        if not columns.size:
            return np.zeros(1)
        return self.factor(w, s) * len(columns) * self.divergence(columns.mean(0))

    def least_subgradient(self, w, s):
        columns = self.columns(w)
        slope = self.slope(columns.mean(0)) if columns.size else np.zeros(columns.shape[1])
        return np.broadcast_to(self.factor(w, s) * slope, columns.shape).reshape(np.shape(w))

    def subdiff_distance(self, w, grad, s):
        return np.abs(grad + self.least_subgradient(w, s))

    def prox(self, w, step_size, s):
        """Bisection for the mean; between the tangents the mean is m, else a linear equation."""
        w = np.asarray(w, "float64")
        columns, steps = self.columns(w), self.columns(np.broadcast_to(step_size, w.shape))
        if not columns.size:
            return w
        mean, step = columns.mean(0), steps.mean(0) * self.factor(w, s)
        low, high = mean - 1e3 * step - 1, mean + 1e3 * step + 1  # the slopes are below 1e3 here
        for _ in range(200):
            middle = (low + high) / 2
            if ((middle == low) | (middle == high)).all():
                break  # no number lies between them
            is_below = middle + step * self.slope(middle) < mean
            low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
        return (columns - steps * (mean - high) / steps.mean(0)).reshape(w.shape)
