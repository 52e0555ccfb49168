"""What scikit-learn's `lasso_path` needs for a path, and what ours needs for the same one."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pandas as pd

from experiments.outcome import no_progress
from experiments.timing import interleaved
from kerasreg import datasets
from kerasreg.optimizers import ProximalSGD
from kerasreg.path import RegularizationPath, regularization_path

LASSO = "lasso on diabetes, all strengths"
SKLEARN, OURS = "scikit-learn's lasso_path", "regularization_path"


def lasso_times(
    n_strengths: int, epochs: int, tolerance: float, repetitions: int, track: Any = no_progress
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Times of a lasso path by two programs, and the largest error of a coefficient by each.

    The objective is 1/n·‖y − Xw‖² + s·‖w‖₁ with s = 2·alpha, on standardized diabetes data. Ours
    steps along the whole gradient with a rate of 1 / (largest eigenvalue of 2XᵀX/n).
    """
    from sklearn.linear_model import lasso_path

    data = datasets.diabetes()
    x, y = data.x_train, data.y_train
    x64, y64 = x.astype(float), y.astype(float)
    largest = np.abs(x64.T @ y64).max() / len(x)
    alphas = largest * np.geomspace(1, 1e-3, n_strengths)
    rate = 1 / np.linalg.eigvalsh(2 * x64.T @ x64 / len(x))[-1]
    penalty = keras.regularizers.L1(1.0)
    output = keras.layers.Dense(1, use_bias=False, kernel_regularizer=penalty, name="output")
    model = keras.Sequential([keras.Input((x.shape[1],)), output])
    found: dict[str, Any] = {}

    def ours():
        optimizer = ProximalSGD(float(rate), momentum=0.9, nesterov=True)
        settings: dict[str, Any] = {"optimizer": optimizer, "loss": "mse", "epochs": epochs}
        settings |= {"batch_size": len(x)}
        found[OURS] = regularization_path(model, x, y, strengths=list(2 * alphas), **settings)

    def sklearn():
        settings: dict[str, Any] = {"tol": tolerance, "max_iter": 10**5}
        found[SKLEARN] = lasso_path(x64, y64, alphas=alphas, **settings)[1].T

    times = interleaved(LASSO, {OURS: ours, SKLEARN: sklearn}, repetitions, track=track)
    found[OURS] = _coefficients(found[OURS])
    exact = lasso_path(x64, y64, alphas=alphas, tol=1e-14, max_iter=10**6)[1].T
    errors = {name: float(np.abs(values - exact).max()) for name, values in found.items()}
    return times, errors


def _coefficients(path: RegularizationPath) -> np.ndarray:
    """One row a strength, the largest first."""
    table = path.coefficients.pivot(index="strength", columns="index", values="value")
    return table.sort_index(ascending=False).to_numpy()
