"""Bounds on how far the weights of `solve_cost` are from the minimum."""

import numpy as np


def bound_of(penalty, w, x, y, strengths):
    """The largest error of the strengths, at least 1e-12: below that it is rounding."""
    n = len(y)
    slope, target = x.T @ (x @ w - y[:, None]) / n, x.T @ y / n
    return max(error(penalty, w, slope, target, y @ y / n, strengths).max(), 1e-12)


def error(penalty, w, slope, target, size, strengths):
    """A bound on (objective − minimum) / (objective at w = 0), for each column of w.

    `slope` is Xᵀ(Xw − y)/n, `target` Xᵀy/n, `size` ‖y‖²/n. L1: the duality gap at the best multiple
    of the residual. L2: the objective is 2λ-strongly convex, so ‖gradient‖²/(4λ).
    """
    if penalty == "l2":
        return np.sum((2 * slope + 2 * strengths * w) ** 2, axis=0) / (4 * strengths) / size
    loss = size + np.sum(w * (slope - target[:, None]), axis=0)
    fitted = size - target @ w  # yᵀ(y − Xw)/n
    multiple = np.minimum(fitted / loss, strengths / (2 * np.abs(slope).max(axis=0)))
    least = 2 * multiple * fitted - multiple**2 * loss
    return (loss + strengths * np.abs(w).sum(axis=0) - least) / size
