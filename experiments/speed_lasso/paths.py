"""The two programs of `speed_lasso`, as calls that return coefficients."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pandas as pd

from kerasreg.optimizers import ProximalSGD
from kerasreg.path import regularization_path

SKLEARN, OURS = "scikit-learn's lasso_path", "regularization_path"


def their_path(x: np.ndarray, y: np.ndarray, alphas: np.ndarray) -> Callable[[], np.ndarray]:
    """A call of `lasso_path`, whose default tolerance is 1e-4."""
    from sklearn.linear_model import lasso_path

    x = np.asfortranarray(x)  # the order in which it reads them

    def call() -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a strength that ran into its limit of sweeps
            return np.asarray(lasso_path(x, y, alphas=alphas)[1])

    return call


def our_path(
    x: np.ndarray, y: np.ndarray, alphas: np.ndarray, momentum: float
) -> Callable[[int], np.ndarray]:
    """A call of `regularization_path` with so many epochs, from zero and compiled once.

    Keras's mean squared error has no ½, so that the strengths are 2·alpha, and the step is
    1 / (largest eigenvalue of 2XᵀX/n).
    """
    rate = float(1 / np.linalg.norm(2 * x.T @ x / len(x), 2))
    penalty = keras.regularizers.L1(1.0)
    settings = {"use_bias": False, "kernel_initializer": "zeros", "kernel_regularizer": penalty}
    model = keras.Sequential([keras.Input(x.shape[1:]), keras.layers.Dense(1, **settings)])
    optimizer = ProximalSGD(rate, momentum=momentum, nesterov=True)
    call = {"optimizer": optimizer, "loss": "mse", "batch_size": len(x), "shuffle": False}
    single, target = x.astype(np.float32), y.astype(np.float32)
    strengths = [float(2 * alpha) for alpha in alphas]

    def path(epochs: int) -> np.ndarray:
        settings: dict[str, Any] = {**call, "strengths": strengths, "epochs": epochs}
        grid = regularization_path(model, single, target, **settings).grid
        return np.stack([grid.values(strength)[0][:, 0] for strength in strengths], axis=1)

    return path


def epochs_to(gap: float, gap_after: Callable[[int], pd.DataFrame], start: int, most: int) -> int:
    """The number of epochs after which no gap is larger, from `start` upwards in steps of a tenth.

    `most` where it is not reached by then.
    """
    epochs = start
    while epochs < most and gap_after(epochs)["gap"].max() > gap:
        epochs = min(most, -(-epochs * 11 // 10))
    return epochs
