"""What the GPU computes beside the same in double precision, and beside scikit-learn."""

from __future__ import annotations

import keras
import numpy as np
import pandas as pd
from sklearn.linear_model import Lasso

from experiments.speed_gpu.calls import NET
from kerasreg.datasets import diabetes
from kerasreg.optimizers import ProximalAdam


def agreement(lasso_steps):
    """A table of differences: of a prox, of a value, and of a lasso after so many steps."""
    w = np.random.default_rng(0).normal(size=(512, 512)).astype("float32")
    exact = w.astype("float64")
    shrunk = np.sign(exact) * np.maximum(np.abs(exact) - 0.2 * 0.01, 0) / (1 + 0.2 * 2 * 0.01)
    value = 0.01 * np.abs(exact).sum() + 0.01 * np.square(exact).sum()
    off = np.abs(np.asarray(NET.prox(w, 0.2), "float64") - shrunk).max()
    rows = [
        ("prox of ElasticNet: largest difference from NumPy's", off),
        ("value of ElasticNet: relative difference from NumPy's", abs(float(NET(w)) / value - 1)),
    ]

    data = diabetes()
    x, y = data.x_train.astype("float64"), data.y_train.astype("float64")
    theirs = Lasso(alpha=0.05, tol=1e-12, max_iter=100_000).fit(x, y)
    dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(0.1))  # 2·alpha
    model = keras.Sequential([keras.Input(x.shape[1:]), dense])
    rate = keras.optimizers.schedules.CosineDecay(0.01, lasso_steps)
    model.compile(ProximalAdam(rate), "mse")
    # Many steps to an epoch, all on all the samples: what is between two epochs takes longer.
    epochs = 20
    repeated = lasso_steps // epochs
    x, y = np.tile(data.x_train, (repeated, 1)), np.tile(data.y_train, repeated)
    model.fit(x, y, batch_size=len(data.x_train), epochs=epochs, shuffle=False, verbose=0)
    ours = np.asarray(dense.kernel)[:, 0]
    zeros = (ours == 0) != (theirs.coef_ == 0)
    rows.append(("lasso: zeros other than scikit-learn's (of ten)", int(zeros.sum())))
    rows.append(("lasso: largest difference of a coefficient", np.abs(ours - theirs.coef_).max()))
    return pd.DataFrame(rows, columns=["quantity", "value"])
