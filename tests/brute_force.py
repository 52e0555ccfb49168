"""Brute force for penalties of one coordinate: the oracle of the penalty tests.

Everything here is float64 NumPy and knows a penalty only as an elementwise function `penalty(u)`
that is smallest at zero. Nothing is imported from kerasreg, so that no mistake is shared with it.
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
