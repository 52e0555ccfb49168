"""The solvers of `solve_cost`.

All minimize 1/n·‖y − Xw‖² + λ‖w‖₁, or + λ‖w‖², and return weights, a column a strength, and the
number of sweeps or steps. X has Fortran's order, in which scikit-learn need not copy it.
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve, eigh
from sklearn.linear_model import lasso_path

from experiments.solve_cost.bounds import error

ACCURACY = 1e-5  # of every solution: (objective − minimum) / (objective at w = 0)
CHECKED_EVERY = 10  # steps
FEW = 50  # steps, whose time is compared


def closed_form(x, y, strengths):
    """L2: the Cholesky factors of XᵀX + nλ, or, with more columns than rows, of XXᵀ + nλ."""
    (n, d), (strength,) = x.shape, strengths
    gram = x.T @ x if d <= n else x @ x.T
    gram.flat[:: len(gram) + 1] += n * strength
    factors = cho_factor(gram, overwrite_a=True, check_finite=False)
    w = cho_solve(factors, x.T @ y) if d <= n else x.T @ cho_solve(factors, y)
    return w[:, None], 1


def eigendecomposition(x, y, strengths):
    """L2: eigenvalues and -vectors of XᵀX, or of XXᵀ, give the weights at all strengths."""
    n, d = x.shape
    if d <= n:
        values, vectors = eigh(x.T @ x, overwrite_a=True, check_finite=False)
        along = vectors.T @ (x.T @ y)
        return vectors @ (along[:, None] / (values[:, None] + n * strengths)), 1
    values, vectors = eigh(x @ x.T, overwrite_a=True, check_finite=False)
    along = (vectors.T @ y)[:, None] / (values[:, None] + n * strengths)
    return x.T @ (vectors @ along), 1


def coordinate_descent(x, y, strengths):
    """L1: scikit-learn's, which leaves out columns that cannot matter (gap safe screening).

    Its defaults: XᵀX beforehand for a path and more rows than columns, never for one strength.
    """
    _, w, _, sweeps = lasso_path(
        x,
        y,
        alphas=strengths / 2,
        precompute="auto" if len(strengths) > 1 else False,
        tol=ACCURACY / 2,  # of half of our objective, in sums: of its dual gap over ‖y‖²
        max_iter=10**6,
        return_n_iter=True,
        check_input=False,  # as the others do not look at it either
    )
    return w, sum(sweeps)


def steps(penalty, most=10**5):
    """Accelerated proximal gradient steps (FISTA, with restarts) from zero, plain NumPy.

    They end at `ACCURACY`, or after `most` of them, which are then not checked on the way.
    """

    def solve(x, y, strengths):
        (n, d), (strength,) = x.shape, strengths
        target = x.T @ y / n
        gram = x.T @ x / n if d < n else None

        def slope(w):
            return (x.T @ (x @ w) / n if gram is None else gram @ w) - target

        step = 1 / (2 * 1.05 * curvature(slope, target))
        w, ahead, pace = np.zeros(d), np.zeros(d), 1.0
        size = y @ y / n
        for number in range(1, most + 1):
            new = prox(penalty, ahead - step * 2 * slope(ahead), step * strength)
            if (ahead - new) @ (new - w) > 0:
                pace = 1.0
            before, pace = pace, (1 + np.sqrt(1 + 4 * pace**2)) / 2
            ahead = new + (before - 1) / pace * (new - w)
            w = new
            if most > FEW and number % CHECKED_EVERY == 0:
                found = slope(w)[:, None]
                if error(penalty, w[:, None], found, target, size, strengths)[0] <= ACCURACY:
                    break
        return w[:, None], number

    return solve


def curvature(slope, target):
    """The largest eigenvalue of XᵀX/n, by 20 power iterations: a little too small."""
    v = target
    for _ in range(20):
        v = slope(v / np.linalg.norm(v)) + target
    return np.linalg.norm(v)


def prox(penalty, w, threshold):
    """As that of `kerasreg.regularizers`, which runs on tensors and would pay for each call."""
    if penalty == "l2":
        return w / (1 + 2 * threshold)
    return w - np.minimum(np.maximum(w, -threshold), threshold)


def passes(solver, n, d, n_strengths, rounds):
    """Multiplications, in passes over X (n·d each); a sweep counts in full, and is mostly less."""
    small = min(n, d)
    gram = n * d * small / 2
    if solver is closed_form:
        count = gram + small**3 / 6 + 2 * n * d
    elif solver is eigendecomposition:
        count = gram + 4.5 * small**3 + n * d + (d if d <= n else n + d) * small * n_strengths
    else:
        has_gram = d < n and (solver is not coordinate_descent or n_strengths > 1)
        a_round = d * d if has_gram else 2 * n * d
        count = gram * has_gram + n * d + a_round * rounds
        if solver is not coordinate_descent:
            count += a_round * (20 + rounds / CHECKED_EVERY)
    return count / (n * d)
