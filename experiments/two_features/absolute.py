"""The absolute error of `two_features` by three programs, on data with outliers in y."""

import keras
import numpy as np
import pandas as pd
from sklearn.linear_model import QuantileRegressor

from experiments.two_features.data import draw
from experiments.two_features.outliers import KINDS, absolute_minima, contaminated
from kerasreg import optimizers, training

STRENGTH = 0.2
BATCHES = 100  # full batches an epoch


def solvers(settings):
    """Minima of mean |y − Xw − b| + λ·‖w‖₁ or λ·‖w‖², and their objective, a row a program."""
    x, y = draw(settings.seeds, settings)
    share = settings.outlier_shares[-1]
    x, y = contaminated(x, y, KINDS[1], share, settings.seeds, (0, settings.outlier_size))
    strengths, rows = np.full((len(x), 1), STRENGTH), []
    for penalty in ("none", "l1", "l2"):
        l1, l2 = strengths * (penalty == "l1"), strengths * (penalty == "l2")
        minima = absolute_minima(x, y, l1, l2, settings.iterations)[:, 0]
        found = [("reweighting", seed, w) for seed, w in zip(settings.seeds, minima, strict=True)]
        if penalty != "l2":
            # scikit-learn has half the absolute error, so alpha = λ/2.
            for seed, inputs, targets in zip(settings.seeds, x, y, strict=True):
                model = QuantileRegressor(alpha=l1[0, 0] / 2).fit(inputs, targets)
                found.append(("scikit-learn", seed, np.append(model.coef_, model.intercept_)))
        found.append(("Keras", settings.seeds[0], in_keras(x[0], y[0], penalty, settings)))
        for program, seed, w in found:
            at = settings.seeds.index(seed)
            error = np.abs(y[at] - x[at] @ w[:2] - w[2]).mean()
            tax = l1[0, 0] * np.abs(w[:2]).sum() + l2[0, 0] * (w[:2] ** 2).sum()
            rows.append((penalty, seed, program, l1[0, 0] + l2[0, 0], *w, error + tax))
    columns = ["penalty", "seed", "program", "strength", "w_1", "w_2", "bias", "objective"]
    return pd.DataFrame(rows, columns=columns)


def in_keras(x, y, penalty, settings):
    """A Dense unit under mean absolute error, by proximal steps of a falling length."""
    kinds = {"l1": keras.regularizers.L1, "l2": keras.regularizers.L2}
    regularizer = kinds[penalty](STRENGTH) if penalty != "none" else None
    line = keras.layers.Dense(1, kernel_regularizer=regularizer)
    model = keras.Sequential([keras.Input((2,)), line])
    line.set_weights([np.zeros((2, 1)), np.zeros(1)])
    steps = BATCHES * settings.absolute_epochs
    falling = keras.optimizers.schedules.CosineDecay(0.1, steps)
    training.train(
        model,
        np.tile(x, (BATCHES, 1)),
        np.tile(y, BATCHES)[:, None],
        optimizer=optimizers.ProximalSGD(falling),
        loss="mae",
        epochs=settings.absolute_epochs,
        batch_size=len(x),
        shuffle=False,
        jit_compile=False,
    )
    return np.concatenate([np.ravel(w) for w in line.get_weights()]).astype(float)
