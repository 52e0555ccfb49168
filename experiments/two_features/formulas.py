"""The formulas of `two_features` beside scikit-learn's iterations; the answers are tables."""

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Lasso, Ridge

from experiments.two_features.data import draw, moments
from experiments.two_features.solutions import SOLVE, lasso, ridge

DIGITS = 12  # further ones are those of rounding, other ones on each machine


def closed_forms(settings):
    """How far formulas are from scikit-learn's iterations, a row a seed and formula."""
    x, y = draw(settings.seeds, settings)
    turned = np.linalg.qr(x - x.mean(axis=1, keepdims=True))[0] * np.sqrt(settings.n_samples)
    rows = []
    for features, columns in (("correlated", x), ("orthogonal", turned)):
        a, b, _, _ = moments(columns, y)
        largest = 2 * np.abs(b).max(axis=-1, keepdims=True)
        strengths = largest * np.geomspace(0.01, 0.9, settings.strengths)
        each = a[:, None], b[:, None]
        soft = np.sign(each[1]) * np.maximum(np.abs(each[1]) - strengths[..., None] / 2, 0)
        found = {
            ("l1", "sign patterns"): lasso(*each, strengths),
            ("l1", "soft threshold"): soft,
            ("l2", "normal equations"): ridge(*each, strengths),
        }
        for i, seed in enumerate(settings.seeds):
            # Its lasso has half the mean squared error, its ridge the sum of squares.
            pairs = [
                (Lasso(s / 2, tol=1e-14), Ridge(settings.n_samples * s, solver="lsqr", tol=1e-14))
                for s in strengths[i]
            ]
            fits = [[model.fit(columns[i], y[i]).coef_ for model in pair] for pair in pairs]
            by_name = dict(zip(SOLVE, np.swapaxes(fits, 0, 1), strict=True))
            for (penalty, formula), w in found.items():
                row = {"seed": seed, "features": features, "penalty": penalty, "formula": formula}
                row["difference"] = np.abs(w[i] - by_name[penalty]).max().round(DIGITS)
                row["sign_patterns_of_the_minima"] = len(np.unique(np.sign(w[i]), axis=0))
                rows.append(row)
    return pd.DataFrame(rows)


def patterns(settings):
    """Lasso by all sign patterns of the first features of diabetes, at a tenth of strength_max."""
    x, y = load_diabetes(return_X_y=True)
    x, y = (x - x.mean(axis=0)) / x.std(axis=0), (y - y.mean()) / y.std()
    rows = []
    for d in range(1, settings.most_features + 1):
        a, b, _, _ = moments(x[:, :d], y)
        strength = 0.2 * np.abs(b).max()
        exact = Lasso(strength / 2, tol=1e-15, max_iter=10**6).fit(x[:, :d], y).coef_
        row = {"n_features": d, "n_patterns": 3**d, "strength": strength}
        row["n_nonzero"] = np.count_nonzero(exact)
        rows.append(row | {"difference": np.abs(lasso(a, b, strength) - exact).max().round(DIGITS)})
    return pd.DataFrame(rows)
