"""Least squares, ridge and lasso for `noise_columns`; data are centred, so the bias is the mean."""

import numpy as np
from sklearn.linear_model import Lasso, lasso_path
from sklearn.model_selection import KFold

from experiments.noise_columns.data import INFLUENTIAL

L2_STRENGTHS = np.geomspace(1e-3, 1e3, 37)
L1_SHARES = np.geomspace(1, 0.02, 12)  # of the strength at which the last weight is zero
FOLDS = 5


def r_squared(y, predicted, mean=0.0):
    """1 − the squared error as a share of that of always saying `mean`, that of the training."""
    return 1 - np.sum((y - predicted) ** 2) / np.sum((y - mean) ** 2)


def sweep(data, settings):
    """Rows by number of columns and method: the strength, the scores, and what the fit kept."""
    for d in settings.columns:
        x, x_held_out = data.x[:, :d], data.x_held_out[:, :d]
        found = {"none": (0.0, least_squares(x, data.y)), "l2": tuned_l2(x, data.y)}
        if d in settings.lasso_columns:
            fixed = settings.fixed_l1
            found["l1"] = tuned_l1(x, data.y)
            found["l1 fixed"] = fixed, lasso(x, data.y, fixed)
        for method, (strength, w) in found.items():
            row = {"n_columns": d, "method": method, "strength": strength}
            row["train_r2"] = r_squared(data.y, x @ w)
            row["held_out_r2"] = r_squared(data.y_held_out, x_held_out @ w)
            row["n_nonzero"] = np.count_nonzero(w)
            largest = np.argsort(-np.abs(w))[:INFLUENTIAL]
            row["influential_on_top"] = np.sum((largest < INFLUENTIAL) & (w[largest] != 0))
            yield row


def same_inputs(data, settings):
    """Least squares, scored on endless new targets at the very inputs of the training rows."""
    for d in settings.columns:
        x = data.x[:, :d]
        predicted = x @ least_squares(x, data.y)
        error = np.mean((data.mean - predicted) ** 2) + data.noise**2
        variance = np.mean(data.mean**2) + data.noise**2
        row = {"n_columns": d, "train_r2": r_squared(data.y, predicted)}
        yield row | {"same_inputs_r2": 1 - error / variance}


def spectrum(x):
    """Eigenvalues and vectors of x·xᵀ, without those that are zero but for rounding."""
    values, vectors = np.linalg.eigh(x @ x.T)
    kept = values > 1e-10 * values[-1]
    return values[kept], vectors[:, kept]


def least_squares(x, y):
    """Of all least squares solutions the one of the least norm."""
    if 2 * x.shape[1] < len(x):
        return np.linalg.lstsq(x, y, rcond=None)[0]
    values, vectors = spectrum(x)
    return x.T @ (vectors @ (vectors.T @ y / values))


def tuned_l2(x, y):
    """Strength and weights of the ridge with the least squared error of left out rows."""
    values, vectors = spectrum(x)
    n = len(x)
    shrink = values[:, None] / (values[:, None] + n * L2_STRENGTHS)
    residuals = y[:, None] - vectors @ (shrink * (vectors.T @ y)[:, None])
    # A row that is left out has its residual divided by 1 − its leverage, the bias's 1/n included.
    leverage = 1 / n + vectors**2 @ shrink
    best = np.argmin(np.sum((residuals / (1 - leverage)) ** 2, axis=0))
    strength = L2_STRENGTHS[best]
    return strength, x.T @ (vectors @ (vectors.T @ y / (values + n * strength)))


def ridge(x, y, strength):
    return np.linalg.solve(x.T @ x + len(x) * strength * np.eye(x.shape[1]), x.T @ y)


def lasso(x, y, strength, tol=1e-4):
    return Lasso(strength / 2, fit_intercept=False, tol=tol, max_iter=100_000).fit(x, y).coef_


def tuned_l1(x, y):
    """Strength and weights of the lasso with the least squared error in cross-validation."""
    alphas = L1_SHARES * np.abs(x.T @ y).max() / len(x)
    look = {"alphas": alphas, "tol": 1e-3, "max_iter": 100_000}
    error = 0.0
    for fit, out in KFold(FOLDS).split(x):  # rows are in random order
        column, middle = x[fit].mean(axis=0), y[fit].mean()
        weights = lasso_path(x[fit] - column, y[fit] - middle, **look)[1]
        error += np.sum((y[out, None] - middle - (x[out] - column) @ weights) ** 2, axis=0)
    strength = 2 * alphas[np.argmin(error)]
    return strength, lasso(x, y, strength)
