"""The minima of two-weight regressions by formulas, and by programs that know no formula.

Objectives are f(w) = mean squared error + l1·‖w‖₁ + l2·‖w‖², the bias free. With centred columns
mean squared error is wᵀAw − 2·bᵀw + variance of y, A = XᵀX/n and b = Xᵀy/n.
"""

from itertools import combinations, product

import numpy as np
from scipy.optimize import minimize


def ridge(a, b, l2):
    """(A + λ)w = b, the normal equations."""
    eye = np.eye(a.shape[-1])
    return np.linalg.solve(a + np.asarray(l2)[..., None, None] * eye, b[..., None])[..., 0]


def lasso(a, b, l1):
    """The best of all 3^D sign patterns, in each of which the minimum solves a linear system.

    With the signs s of the weights that are not zero, 2·A·w − 2·b + λ·s = 0 there. A solution that
    has other signs is left out; of the others the one of least objective is the minimum.
    """
    l1 = np.asarray(l1, float)
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-1], l1.shape)
    a, b = np.broadcast_to(a, shape + a.shape[-2:]), np.broadcast_to(b, shape + b.shape[-1:])
    best, least = np.zeros(b.shape), np.zeros(shape)  # all weights zero
    for n_active in range(1, b.shape[-1] + 1):
        signs = np.array(list(product((-1.0, 1.0), repeat=n_active))).T
        for active in map(list, combinations(range(b.shape[-1]), n_active)):
            right = b[..., active, None]
            pulled = right - np.broadcast_to(l1, shape)[..., None, None] / 2 * signs
            w = np.linalg.solve(a[..., active, :][..., active], pulled)
            # There wᵀAw = bᵀw − λ·‖w‖₁/2.
            value = (np.abs(w) * np.broadcast_to(l1, shape)[..., None, None] / 2).sum(axis=-2)
            value = value - (right * w).sum(axis=-2)
            value = np.where((w * signs > 0).all(axis=-2), value, np.inf)
            at = value.argmin(axis=-1)[..., None]
            lower = np.take_along_axis(value, at, -1)[..., 0] < least
            w = np.take_along_axis(w, at[..., None, :], -1)[..., 0]
            found = np.zeros(b.shape)
            found[..., active] = w
            best = np.where(lower[..., None], found, best)
            least = np.where(lower, np.take_along_axis(value, at, -1)[..., 0], least)
    return best


SOLVE = {"l1": lasso, "l2": ridge}


def penalty_of(penalty, w):
    """The penalty at strength 1."""
    return (np.abs(w) if penalty == "l1" else w**2).sum(axis=-1)


def loss_of(a, b, w):
    """The mean squared error, less the variance of y."""
    return ((w[..., None, :] @ a)[..., 0, :] * w - 2 * b * w).sum(axis=-1)


def within_budget(a, b, penalty, budget):
    """The least mean squared error among weights with ‖w‖₁ or ‖w‖² of at most `budget` (SLSQP)."""
    parts = np.array([[1, 0, -1, 0], [0, 1, 0, -1.0]]) if penalty == "l1" else np.eye(2)
    if penalty == "l1":  # w = u − v with u, v >= 0 makes the modulus smooth
        limit = {"type": "ineq", "fun": lambda v: budget - v.sum(), "jac": lambda v: -np.ones(4)}
    else:
        limit = {"type": "ineq", "fun": lambda v: budget - v @ v, "jac": lambda v: -2 * v}
    found = minimize(
        lambda v: loss_of(a, b, parts @ v),
        np.full(parts.shape[1], 0.1),
        jac=lambda v: parts.T @ (2 * (a @ parts @ v - b)),
        bounds=[(0, None)] * 4 if penalty == "l1" else None,
        constraints=[limit],
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 300},
    )
    return parts @ found.x


def descended(a, b, penalty, strength, starts, steps):
    """Where proximal gradient steps end from each of `starts` `(starts, 2)`: `(…, starts, 2)`."""
    step_size = 0.5 / np.linalg.eigvalsh(a)[..., -1, None, None]
    w = np.broadcast_to(starts, (*a.shape[:-2], *starts.shape))
    for _ in range(steps):
        w = w - step_size * 2 * (w @ a - b[..., None, :])
        if penalty == "l1":
            w = np.sign(w) * np.maximum(np.abs(w) - step_size * strength, 0)
        else:
            w = w / (1 + 2 * step_size * strength)
    return w
