"""The objectives and the data of `priors`."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import norm
from sklearn.datasets import load_breast_cancer, load_diabetes

SHARE = 0.8  # of the rows


@dataclass(frozen=True)
class Objective:
    """loss + λ·penalty: the loss is `factor`(n) times the sum of crossentropies or squared errors.

    Args:
        name: The formula.
        data: "breast cancer" with the sum of crossentropies, "diabetes" with squared errors.
        penalty: "l2" for `share`·‖w‖², "l1" for ‖w‖₁.
        strength: λ.
        per_row: Whether the loss is a mean, not a sum.
        share: 1 or ½.
        halved: Whether the loss is halved.
    """

    name: str
    data: str
    penalty: str
    strength: float
    per_row: bool = False
    share: float = 1.0
    halved: bool = False

    def sum_strength(self, n):
        """The strength of the same minimum where the loss is the plain sum."""
        return self.strength * (n if self.per_row else 1) * (2 if self.halved else 1)


CANCER, DIABETES = "breast cancer", "diabetes"
OBJECTIVES = (
    Objective("lecture's step: sum + λ/2·‖w‖²", CANCER, "l2", 1.0, share=0.5),
    Objective("lecture's formula: sum + λ·‖w‖²", CANCER, "l2", 1.0),
    Objective("Keras: mean + λ·‖w‖²", CANCER, "l2", 0.01, per_row=True),
    Objective("scikit-learn's Ridge: sum + λ·‖w‖²", DIABETES, "l2", 1.0),
    Objective("half the sum + λ/2·‖w‖²", DIABETES, "l2", 1.0, share=0.5, halved=True),
    Objective("Keras, note: mean + λ·‖w‖²", DIABETES, "l2", 0.1, per_row=True),
    Objective("lecture's step: sum + λ·‖w‖₁", CANCER, "l1", 2.0),
    Objective("Keras: mean + λ·‖w‖₁", CANCER, "l1", 0.01, per_row=True),
    Objective("scikit-learn's Lasso: half the mean + λ·‖w‖₁", DIABETES, "l1", 0.05, True, 1, True),
    Objective("Keras, note: mean + λ·‖w‖₁", DIABETES, "l1", 0.1, per_row=True),
)


@dataclass(frozen=True)
class Sample:
    """A random 80 % of the rows and the rest; `noise` is σ of a squared error, else 0."""

    x: np.ndarray
    y: np.ndarray
    x_out: np.ndarray
    y_out: np.ndarray
    names: tuple[str, ...]
    noise: float

    @classmethod
    def drawn(cls, data, seed):
        loaded = load_diabetes() if data == DIABETES else load_breast_cancer()
        order = np.random.default_rng(seed).permutation(len(loaded.data))
        fit, out = np.split(order, [round(SHARE * len(order))])
        x = loaded.data[:, :10]  # of breast cancer the means, not their errors and extremes
        x = (x - x[fit].mean(axis=0)) / x[fit].std(axis=0)
        y, names = loaded.target, tuple(loaded.feature_names[:10])
        if data == CANCER:  # with the lecture's column of ones, which is penalized too
            x, noise = np.column_stack([np.ones(len(x)), x]), 0.0
        else:
            y = (y - y[fit].mean()) / y[fit].std()
            residuals = y[fit] - x[fit] @ np.linalg.lstsq(x[fit], y[fit], rcond=None)[0]
            noise = np.sqrt(np.sum(residuals**2) / (len(fit) - x.shape[1] - 1))
        return cls(x[fit], y[fit], x[out], y[out], names, noise)

    def log_likelihood(self, w):
        z = self.x @ w
        if self.noise:
            return np.sum(norm.logpdf(self.y, z, self.noise))
        return np.sum(self.y * z - np.logaddexp(0, z))

    def slope(self, w):
        """The gradient of the log likelihood."""
        if self.noise:
            return self.x.T @ (self.y - self.x @ w) / self.noise**2
        return self.x.T @ (self.y - expit(self.x @ w))
