"""Gradient descent and L2 on a linear regression, both in closed form.

Goodfellow, Bengio & Courville, Deep learning (2016), section 7.8; Ali, Kolter & Tibshirani, A
continuous-time view of early stopping for least squares regression (2019).
"""

from itertools import combinations_with_replacement

import numpy as np
import pandas as pd

from kerasreg import datasets


class Regression:
    """Diabetes with squares and products of its features; few rows, standardized by them."""

    def __init__(self, seed, settings):
        data, n = datasets.diabetes(seed=seed), settings.n_rows
        x, y = {}, {}
        x["train"], y["train"] = second_order(data.x_train[:n]), data.y_train[:n]
        x["validation"], y["validation"] = second_order(data.x_validation), data.y_validation
        rest = np.concatenate([data.x_test, data.x_train[n:]])
        x["test"], y["test"] = second_order(rest), np.concatenate([data.y_test, data.y_train[n:]])
        mean, deviation = x["train"].mean(axis=0), x["train"].std(axis=0)
        self.x = {part: (values - mean) / deviation for part, values in x.items()}
        self.y = {part: values - y["train"].mean() for part, values in y.items()}
        self.variances, basis = np.linalg.eigh(self.x["train"].T @ self.x["train"] / n)
        self.basis, self.n = basis, n
        self.slopes = basis.T @ (self.x["train"].T @ self.y["train"]) / n
        self.learning_rate = 0.5 / self.variances.max()  # half of what just does not diverge
        steps = np.logspace(0, settings.decades, settings.times)
        self.steps = np.unique(steps.round().astype(int))

    def shrinkage(self, steps):
        """What is left of a direction's least squares value: by stopping, and by L2."""
        contraction = 1 - 2 * self.learning_rate * self.variances
        strength = 1 / (2 * self.learning_rate * steps)
        return 1 - contraction**steps, self.variances / (self.variances + strength)

    def weights(self, shrinkage):
        """Weights whose directions are that share of the least squares solution."""
        return self.basis @ (shrinkage * self.slopes / self.variances)

    def paths(self):
        rows, truth = [], self._truth()
        for steps in self.steps:
            row = {"steps": steps, "time": 2 * self.learning_rate * steps}
            row["strength"] = 1 / row["time"]
            stopped, ridge = self.shrinkage(steps)
            for name, shrinkage in (("stopped", stopped), ("l2", ridge)):
                w = self.weights(shrinkage)
                row[f"norm_{name}"] = np.linalg.norm(w)
                for part, x in self.x.items():
                    row[f"{part}_loss_{name}"] = np.square(x @ w - self.y[part]).mean()
            gap = self.weights(stopped) - self.weights(ridge)
            row["gap"] = np.linalg.norm(gap) / row["norm_l2"]
            flow = 1 - np.exp(-row["time"] * self.variances)
            row["risk_ratio"] = self._risk(flow, *truth) / self._risk(ridge, *truth)
            rows.append(row)
        return pd.DataFrame(rows)

    def directions(self):
        """Shrinkage of each direction at some times."""
        rows = [
            pd.DataFrame(
                {
                    "steps": steps,
                    "strength": 1 / (2 * self.learning_rate * steps),
                    "variance": self.variances,
                    "left_stopped": self.shrinkage(steps)[0],
                    "left_l2": self.shrinkage(steps)[1],
                }
            )
            for steps in 10 ** np.arange(1, int(np.log10(self.steps.max())), 1)
        ]
        return pd.concat(rows, ignore_index=True)

    def _truth(self):
        """As if the fit to all rows were true: coefficients by direction, variance of noise."""
        x, y = (np.concatenate(list(part.values())) for part in (self.x, self.y))
        w = np.linalg.lstsq(x, y)[0]
        return self.basis.T @ w, np.square(y - x @ w).sum() / (len(y) - len(w))

    def _risk(self, shrinkage, coefficients, noise):
        """Expected squared error of the weights: bias² + variance, over draws of the noise."""
        bias = (1 - shrinkage) * coefficients
        return np.sum(bias**2 + noise / self.n * shrinkage**2 / self.variances)


def second_order(x):
    """Features, squares and products; of the sex, which has two values, no square."""
    pairs = combinations_with_replacement(range(x.shape[1]), 2)
    products = [x[:, i] * x[:, j] for i, j in pairs if (i, j) != (1, 1)]
    return np.concatenate([x, np.stack(products, axis=1)], axis=1).astype(np.float64)
