"""Elastic net of `elastic_net` by Keras's `l1_l2`, beside scikit-learn's."""

import keras
import numpy as np
import pandas as pd

from experiments.elastic_net.data import half, patients
from experiments.elastic_net.fits import path
from kerasreg.grid import train_grid
from kerasreg.optimizers import ProximalSGD

COPIES = 50  # of the rows: an epoch of many full batches costs less than many epochs


def parity(settings, log_dir=None):
    """Largest difference of a weight, and the supports, by half of the patients and strength."""
    x, y, _ = patients()
    ratio, n = settings.keras_ratio, len(x) // 2
    halves = [
        np.random.default_rng(seed).permutation(len(x))[:n] for seed in range(settings.keras_halves)
    ]
    top = max(np.abs((x[r] - x[r].mean(0)).T @ y[r]).max() / n / ratio for r in halves)
    alphas = top * np.geomspace(1e-3, 0.9, settings.keras_strengths)
    layer = keras.layers.Dense(
        1,
        kernel_initializer="zeros",
        # The grid multiplies both by alpha.
        kernel_regularizer=keras.regularizers.L1L2(l1=2 * ratio, l2=1 - ratio),
        name="net",
        dtype="float64",
    )
    design = np.column_stack([x, np.ones(len(x))])
    curvature = max(np.linalg.eigvalsh(2 / n * design[r].T @ design[r])[-1] for r in halves)
    grid = train_grid(
        keras.Sequential([keras.Input((x.shape[1],), dtype="float64"), layer]),
        x,
        y,
        strengths=alphas.tolist(),
        folds=[(np.tile(rows, COPIES), np.setdiff1d(np.arange(len(x)), rows)) for rows in halves],
        optimizer=ProximalSGD(1 / curvature, momentum=0.9, nesterov=True),
        loss="mean_squared_error",
        epochs=-(-settings.keras_steps // COPIES),
        batch_size=n,
        shuffle=False,
        jit_compile=False,
        verbose=0,
        log_dir=log_dir,
    )
    rows = []
    for seed in range(settings.keras_halves):
        sample = half(seed, settings)
        exact = path(sample.x, sample.y, ratio, alphas[::-1])[::-1]
        for alpha, reference in zip(alphas, exact, strict=True):
            w = grid.values(float(alpha), fold=seed)[0][:, 0]
            row = {"seed": seed, "l1_ratio": ratio, "alpha": alpha, "l1": 2 * alpha * ratio}
            row |= {"l2": alpha * (1 - ratio), "difference": np.abs(w - reference).max().round(7)}
            row |= {"n_nonzero_keras": np.count_nonzero(w)}
            rows.append(row | {"n_nonzero_scikit_learn": np.count_nonzero(reference)})
    return pd.DataFrame(rows)
