"""The lasso problems of `speed_lasso`, and how far coefficients are from the minimum."""

from __future__ import annotations

import numpy as np
import pandas as pd

from kerasreg import datasets

COLUMNS = ["alpha", "gap", "n_nonzero"]


def design(name: str, n: int, seed: int, correlation: float) -> tuple[np.ndarray, np.ndarray]:
    """Standardized inputs and targets in float64: n samples, n features, one in 20 in use.

    "independent": normal features and noise of scikit-learn's `make_regression`. "correlated":
    neighbouring features have this correlation, and half of the signal's deviation is noise.
    "diabetes": the data, as they are.
    """
    if name == "diabetes":
        data = datasets.diabetes()
        return data.x_train.astype(float), data.y_train.astype(float)
    if name == "independent":
        from sklearn.datasets import make_regression

        x, y = make_regression(n, n, n_informative=max(1, n // 20), noise=50.0, random_state=seed)
    else:
        random = np.random.default_rng(seed)
        x = random.normal(size=(n, n))
        for column in range(1, n):
            own = np.sqrt(1 - correlation**2) * x[:, column]
            x[:, column] = correlation * x[:, column - 1] + own
        weights = np.where(np.arange(n) % 20 == 0, random.normal(size=n), 0.0)
        signal = x @ weights
        y = signal + random.normal(size=n) * signal.std() / 2
    return (x - x.mean(axis=0)) / x.std(axis=0), (y - y.mean()) / y.std()


def alphas_of(x: np.ndarray, y: np.ndarray, number: int, ratio: float = 1e-3) -> np.ndarray:
    """From the smallest alpha that makes all coefficients zero down to `ratio` times it."""
    return float(np.abs(x.T @ y).max() / len(x)) * np.geomspace(1, ratio, number)


def gaps(x: np.ndarray, y: np.ndarray, w: np.ndarray, alphas: np.ndarray) -> pd.DataFrame:
    """The relative duality gap of each model of a path, in float64.

    Of F(w) = ‖y − Xw‖²/(2n) + α‖w‖₁ with the residual r = y − Xw,

        gap = F(w) − (‖y‖² − ‖y − s·r‖²)/(2n) >= F(w) − min F,  as a share of F(0) = ‖y‖²/(2n),

    where s is the best scale for which |Xᵀ(s·r)| <= n·α.

    Args:
        x: Inputs of shape `(n, features)`.
        y: Targets of shape `(n,)`.
        w: Coefficients of shape `(features, models)`, in the order of `alphas`.
        alphas: The models' strengths.
    """
    w, n = np.asarray(w, np.float64), len(x)
    r = y[:, None] - x @ w
    squares, tiny = (r * r).sum(axis=0), np.finfo(float).tiny
    most = n * alphas / np.maximum(np.abs(x.T @ r).max(axis=0), tiny)
    s = np.clip(y @ r / np.maximum(squares, tiny), -most, most)
    objective = squares / (2 * n) + alphas * np.abs(w).sum(axis=0)
    dual = (y @ y - ((y[:, None] - s * r) ** 2).sum(axis=0)) / (2 * n)
    values = (alphas, (objective - dual) / (y @ y / (2 * n)), (w != 0).sum(axis=0))
    return pd.DataFrame(dict(zip(COLUMNS, values, strict=True)))
