"""The data of `elastic_net`: three groups of near copies, drawn; and halves of the patients."""

from typing import NamedTuple

import numpy as np

from kerasreg import datasets

GROUPS, SIZE, NOISE_COLUMNS = 3, 5, 25
NOISE = 15.0  # of y
FUZZ = 0.1  # standard deviation of a column about its group's: correlation 0.99
TRUTH = np.repeat([3.0, 0.0], [GROUPS * SIZE, NOISE_COLUMNS])


class Sample(NamedTuple):
    """Centred training rows, and what a fit is chosen and judged by."""

    x: np.ndarray
    y: np.ndarray
    folds: list  # pairs of training and validation rows of `choose_x` and `choose_y`
    choose_x: np.ndarray
    choose_y: np.ndarray
    x_mean: np.ndarray
    y_mean: float
    test_x: np.ndarray
    test_y: np.ndarray


def _sample(x, y, test_x, test_y, folds, rows):
    """`folds` are of all rows of `x`; the last fit is on `rows` of them."""
    means = x[rows].mean(axis=0), y[rows].mean()
    return Sample(x[rows] - means[0], y[rows] - means[1], folds, x, y, *means, test_x, test_y)


def grouped(seed, settings):
    """Zou & Hastie's fourth example (2005): 50 rows to train, 50 to choose λ, others to test."""
    random = np.random.default_rng(seed)
    n = settings.train_rows, settings.train_rows, settings.test_rows
    hidden = np.repeat(random.normal(size=(sum(n), GROUPS)), SIZE, axis=1)
    noise = random.normal(size=(sum(n), NOISE_COLUMNS))
    x = np.hstack([hidden + FUZZ * random.normal(size=hidden.shape), noise])
    y = x @ TRUTH + NOISE * random.normal(size=sum(n))
    train, choose = np.arange(n[0]), np.arange(n[0], n[0] + n[1])
    both = n[0] + n[1]
    return _sample(x[:both], y[:both], x[both:], y[both:], [(train, choose)], train)


def patients():
    """Diabetes: ten standardized measurements of 442 patients, y standardized, and their names."""
    data = datasets.diabetes(seed=0)
    parts = ("train", "validation", "test")
    x = np.concatenate([getattr(data, f"x_{part}") for part in parts]).astype(float)
    y = np.concatenate([getattr(data, f"y_{part}") for part in parts]).astype(float)
    return x, y, data.feature_names


def half(seed, settings):
    """Half of the patients, five folds of them; the other half to test."""
    x, y, _ = patients()
    rows = np.random.default_rng(seed).permutation(len(x))
    train, test = rows[: len(x) // 2], rows[len(x) // 2 :]
    parts = np.array_split(np.arange(len(train)), settings.folds)
    folds = [(np.setdiff1d(np.arange(len(train)), part), part) for part in parts]
    return _sample(x[train], y[train], x[test], y[test], folds, np.arange(len(train)))
