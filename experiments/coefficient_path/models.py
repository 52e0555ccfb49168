"""The linear models of `coefficient_path`: all strengths and all resamples in one program each."""

import keras
import numpy as np
import pandas as pd

from kerasreg.grid import train_grid
from kerasreg.optimizers import ProximalSGD
from kerasreg.path import regularization_path
from kerasreg.regularizers import MCP, ElasticNet

#: scikit-learn's columns age, sex, bmi, bp, s1 to s6, by the names of the paper.
FEATURES = ("age", "sex", "bmi", "map", "tc", "ldl", "hdl", "tch", "ltg", "glu")
L1_RATIO, GAMMA = 0.5, 3.0
#: All with a strength of 1, so that a path's strength is λ itself.
PENALTIES = {
    "l1": keras.regularizers.L1(1.0),
    "l2": keras.regularizers.L2(1.0),
    "elastic_net": ElasticNet(1.0, l1_ratio=L1_RATIO),
    "mcp": MCP(1.0, gamma=GAMMA),
}
#: L2 has no strength from which on all is zero: from no visible penalty to where w ∝ 1/λ.
L2_STRENGTHS = (1e-4, 1e3)


def strength_max(x, y):
    """The largest |∂ mean squared error / ∂w| at w = 0 and the best bias."""
    return float(np.abs(2 * np.mean(x * (y - y.mean())[:, None], axis=0)).max())


def bootstrap(n_samples, n_resamples):
    """Row numbers, drawn with replacement, `n_samples` in each."""
    random = np.random.default_rng(0)
    return [random.integers(n_samples, size=n_samples) for _ in range(n_resamples)]


def path(penalty, x, y, settings, log_dir=None):
    """A path for all samples; without L2's strengths three decades, down from strength_max."""
    strengths = np.geomspace(*L2_STRENGTHS, settings.n_strengths) if penalty == "l2" else None
    options = {"strengths": strengths, "n_strengths": settings.n_strengths, "log_dir": log_dir}
    everyone = np.arange(len(x))
    return regularization_path(**_training(penalty, x, y, [everyone], settings), **options).grid


def resampled_paths(penalty, x, y, rows, settings, log_dir=None):
    """A path for each of the `rows`, at the same strengths, up to the largest strength_max."""
    copies = _copies(settings)
    held_out = [np.setdiff1d(np.arange(len(x)), some) for some in rows]
    folds = [(np.tile(some, copies), rest) for some, rest in zip(rows, held_out, strict=True)]
    strengths = np.geomspace(*L2_STRENGTHS, settings.l2_strengths)
    if penalty != "l2":
        largest = max(strength_max(x[some], y[some]) for some in rows)
        # A hair more, for at strength_max itself rounding decides.
        strengths = 1.001 * largest * np.geomspace(1e-3, 1.0, settings.n_strengths)
    return train_grid(
        **_training(penalty, x, y, rows, settings) | {"x": x, "y": y},
        strengths=strengths.tolist(),
        folds=folds,
        log_dir=log_dir,
    )


def _copies(settings):
    return min(50, settings.steps)


def _training(penalty, x, y, rows, settings):
    """Mean squared error + penalty, the bias free, at a rate of 1 / (largest curvature)."""
    n, design = len(x), np.column_stack([x, np.ones(len(x))])
    curvature = max(np.linalg.eigvalsh(2 / n * design[some].T @ design[some])[-1] for some in rows)
    dense = keras.layers.Dense(
        1,
        kernel_initializer="zeros",
        kernel_regularizer=PENALTIES[penalty],
        dtype="float64",
        name="linear",
    )
    copies = _copies(settings)  # an epoch of many steps costs less than many epochs
    return {
        "model": keras.Sequential([keras.Input((x.shape[1],), dtype="float64"), dense]),
        "x": np.tile(x, (copies, 1)),
        "y": np.tile(y, copies),
        "optimizer": ProximalSGD(1 / curvature, momentum=0.9, nesterov=True),
        "loss": "mean_squared_error",
        "epochs": -(-settings.steps // copies),
        "batch_size": n,
        "shuffle": False,
        "jit_compile": settings.jit_compile,
        "verbose": 0,
        "log_members": 8,
    }


def kernels(grid):
    """Weights by (resample, strength) and column."""
    table = grid.coefficients.query("variable == 'linear/kernel'")
    if "fold" not in table:
        table = table.assign(fold=0)
    return table.pivot(index=["fold", "strength"], columns="index", values="value")


def course(grid, settings):
    """By step, the largest excess of the objective over that at the end, of all strengths."""
    losses = grid.curves.query("split == 'train' and quantity == 'loss'")
    losses = losses.pivot(index="epoch", columns="strength", values="value")
    excess = (losses - losses.iloc[-1]).max(axis=1)
    return pd.DataFrame({"step": excess.index * _copies(settings), "largest_excess": excess})
