"""The data of `noise_columns`: real or drawn columns first, then as many of noise as are wanted."""

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import load_diabetes

REAL = 10  # columns that are not noise
INFLUENTIAL = 4  # of them, the first
HELD_OUT = 2000  # rows, where they are drawn


@dataclass(frozen=True)
class Problem:
    """How data are made; `noise` is the standard deviation of the noise in the targets.

    The four strong columns have weights of 1. Nobody knows the noise of diabetes.
    """

    noise: float | None = None
    weak: float = 0.1  # weight of the six weak columns, or of all if none is noise
    has_noise_columns: bool = True


PROBLEMS = {
    "diabetes": Problem(),
    "strong signal": Problem(noise=1.0),
    "weak signal": Problem(noise=4.0),
    "every column matters": Problem(noise=1.0, has_noise_columns=False),
}


@dataclass(frozen=True)
class Data:
    """Columns and targets less their means over the training rows, targets of deviation 1 there.

    `mean` is the training targets without noise and `noise` its deviation, where they are known.
    """

    x: np.ndarray
    y: np.ndarray
    x_held_out: np.ndarray
    y_held_out: np.ndarray
    mean: np.ndarray | None = None
    noise: float | None = None


def drawn(problem, seed, settings):
    """`settings.rows` rows for training and the others held out, with all columns."""
    random, n_columns = np.random.default_rng(seed), max(settings.columns)
    if problem.noise is None:
        x, y, _ = all_patients()
        order = random.permutation(len(x))
        noise = random.normal(size=(len(x), n_columns - REAL))
        x, y = np.hstack([x, noise])[order], y[order]
        return scaled(
            x[: settings.rows], y[: settings.rows], x[settings.rows :], y[settings.rows :]
        )
    weights = true_weights(problem, n_columns)
    return synthetic(random, settings.rows, weights, problem.noise)


def true_weights(problem, n_columns, weak=None):
    weights = np.zeros(n_columns)
    weights[: REAL if problem.has_noise_columns else None] = problem.weak if weak is None else weak
    if problem.has_noise_columns:
        weights[:INFLUENTIAL] = 1.0
    return weights


def synthetic(random, rows, weights, noise):
    """Columns N(0, 1), and targets x·weights + N(0, noise²)."""
    x, x_held_out = (random.normal(size=(n, len(weights))) for n in (rows, HELD_OUT))
    y, y_held_out = (z @ weights + noise * random.normal(size=len(z)) for z in (x, x_held_out))
    return scaled(x, y, x_held_out, y_held_out, x @ weights, noise)


def scaled(x, y, x_held_out, y_held_out, mean=None, noise=None):
    column, middle, deviation = x.mean(axis=0), y.mean(), y.std()
    return Data(
        x - column,
        (y - middle) / deviation,
        x_held_out - column,
        (y_held_out - middle) / deviation,
        None if mean is None else (mean - middle) / deviation,
        None if noise is None else noise / deviation,
    )


def all_patients():
    """All 442, standardized, columns in the order of their t statistics, which come third.

    Least squares on all rows gives four columns more than 3: body mass index, blood pressure, s5
    and sex; they count as influential.
    """
    x, y = load_diabetes(return_X_y=True)
    x, y = (x - x.mean(axis=0)) / x.std(axis=0), (y - y.mean()) / y.std()
    inverse = np.linalg.inv(x.T @ x)
    weights = inverse @ x.T @ y
    variance = np.sum((y - x @ weights) ** 2) / (len(x) - REAL - 1)
    t = np.abs(weights) / np.sqrt(variance * np.diag(inverse))
    order = np.argsort(-t)
    return x[:, order], y, t[order]
