"""Keras in `noise_columns`: its regularizers and proximal steps find the same weights."""

import keras
import numpy as np

from experiments.noise_columns.fits import lasso, ridge
from kerasreg.optimizers import ProximalSGD
from kerasreg.training import train


def in_keras(data, settings, log_dir):
    """Rows by penalty: how far the weights are from those of scikit-learn or the closed form."""
    x, y = data.x[:, : settings.keras_columns], data.y
    rate = float(0.9 / (2 * np.linalg.eigvalsh(x @ x.T / len(x))[-1]))  # of the steepest curvature
    copies = 100  # of the rows in an epoch: few long epochs are faster
    for penalty, strength, reference in (
        ("l1", settings.fixed_l1, lasso(x, y, settings.fixed_l1, 1e-10)),
        ("l2", settings.fixed_l2, ridge(x, y, settings.fixed_l2)),
    ):
        regularizer = getattr(keras.regularizers, penalty)(strength)
        layer = keras.layers.Dense(1, kernel_regularizer=regularizer, kernel_initializer="zeros")
        train(
            keras.Sequential([keras.Input((x.shape[1],)), layer]),
            np.tile(x, (copies, 1)).astype("float32"),
            np.tile(y, copies)[:, None].astype("float32"),
            optimizer=ProximalSGD(rate, momentum=0.9, nesterov=True),
            loss="mse",
            epochs=settings.keras_steps // copies,
            batch_size=len(x),
            shuffle=False,
            jit_compile=False,
            log_dir=log_dir and f"{log_dir}/{penalty}",
        )
        kernel = np.asarray(layer.kernel)[:, 0]
        row = {"penalty": penalty, "strength": strength, "n_columns": x.shape[1]}
        row |= {"largest_weight": np.abs(reference).max()}
        row |= {"largest_difference": np.abs(kernel - reference).max()}
        yield row | {"zeros_in_keras": np.sum(kernel == 0), "zeros": np.sum(reference == 0)}
