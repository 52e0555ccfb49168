"""Tables of paths, and what is drawn of them."""

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.linear_model import lasso_path


def curves_of(seeds):
    return pd.DataFrame(
        [
            (seed, epoch, split, "loss", 10.0 / epoch + seed + (split == "validation"))
            for seed in seeds
            for epoch in (1, 2, 3)
            for split in ("train", "validation")
        ],
        columns=["seed", "epoch", "split", "quantity", "value"],
    )


def histograms():
    return pd.DataFrame(
        [
            (epoch, "dense/kernel", left, left + 1.0, count)
            for epoch, counts in ((1, (2, 0, 2)), (5, (1, 2, 1)))
            for left, count in zip((-1.5, -0.5, 0.5), counts, strict=True)
        ],
        columns=["epoch", "variable", "bin_left", "bin_right", "count"],
    )


def path_of(values_by_seed, strengths, variable="dense/kernel"):
    """A table from arrays of shape (strengths, weights)."""
    return pd.DataFrame(
        [
            (strength, seed, variable, index, value)
            for seed, values in enumerate(values_by_seed)
            for strength, row in zip(strengths, values, strict=True)
            for index, value in enumerate(row)
        ],
        columns=["strength", "seed", "variable", "index", "value"],
    )


def diabetes_path():
    x, y = load_diabetes(return_X_y=True)
    alphas, coefficients, _ = lasso_path(x, y - y.mean(), eps=1e-3)
    return path_of([coefficients.T], 2 * alphas)


def line_named(ax, label):
    return next(line for line in ax.lines if line.get_label() == label)


def surface(n=41):
    """A data loss with its minimum at (2, 0.5), and an L1 penalty."""
    w_1, w_2 = (side.ravel() for side in np.meshgrid(*2 * [np.linspace(-1, 3, n)]))
    table = pd.DataFrame({"w_1": w_1, "w_2": w_2, "value": (w_1 - 2) ** 2 + 3 * (w_2 - 0.5) ** 2})
    table["penalty_value"] = 2 * (np.abs(w_1) + np.abs(w_2))
    return table.sample(frac=1.0, random_state=0)  # in any order
