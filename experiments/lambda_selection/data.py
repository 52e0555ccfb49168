"""The problems of `lambda_selection`, and their data."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from kerasreg import datasets

N_SAMPLES = {"diabetes": 442, "breast_cancer": 569}


@dataclass(frozen=True)
class Problem:
    dataset: str
    rows: int  # of the training part; the rest is the test part
    steps: int  # of full batches
    momentum: float
    products: bool = False  # of every two columns, as further columns
    few: bool = False  # rows, so that there is noise to fit

    @property
    def is_logistic(self):
        return self.dataset == "breast_cancer"


def split(problem, seed):
    """Inputs of the training and of the test part, and their targets."""
    # `datasets` wants a validation part; a small one joins the test.
    few, n = 0.01, N_SAMPLES[problem.dataset]
    test = (n - problem.rows - round(few * n)) / n
    data = getattr(datasets, problem.dataset)(validation=few, test=test, seed=seed)
    x, y = data.x_train, data.y_train
    x_test = np.concatenate([data.x_validation, data.x_test])
    y_test = np.concatenate([data.y_validation, data.y_test])
    if problem.products:
        x, x_test = (np.column_stack([z, *_products(z)]) for z in (x, x_test))
        mean, deviation = x.mean(axis=0), x.std(axis=0)
        x, x_test = (x - mean) / deviation, (x_test - mean) / deviation
    return x, x_test, y.astype("float32"), y_test.astype("float32")


def largest_curvature(x):
    """Largest eigenvalue of the mean of x·xᵀ, with a column of ones for the bias."""
    design = np.column_stack([x, np.ones(len(x))]).astype("float64")
    return np.linalg.eigvalsh(design.T @ design / len(x))[-1]


def _products(x):
    return (x[:, i] * x[:, j] for i, j in combinations(range(x.shape[1]), 2))
