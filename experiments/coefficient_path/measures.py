"""What `coefficient_path` measures on linear paths, and what it compares them with."""

import numpy as np
import pandas as pd
from keras import ops
from sklearn.linear_model import Ridge, enet_path, lasso_path

from experiments.coefficient_path.models import (
    FEATURES,
    GAMMA,
    L1_RATIO,
    PENALTIES,
    kernels,
)
from kerasreg.regularizers import as_penalty

SAME = 1e-4  # minima of MCP that are not the same are 1e-2 apart


def reference(penalty, x, y, strengths):
    """Rows of weights, of the same objective by another program.

    scikit-learn's lasso and elastic net have half the squared error, so alpha = strength / 2; its
    ridge has the sum, so alpha = n·strength.
    """
    if penalty == "l2":
        ridge = Ridge(fit_intercept=False, solver="svd")
        return np.array([ridge.set_params(alpha=len(x) * s).fit(x, y).coef_ for s in strengths])
    if penalty == "mcp":
        return mcp_descent(x, y, strengths)
    options = {"alphas": strengths / 2, "tol": 1e-12, "max_iter": 10**6}
    if penalty == "elastic_net":
        return enet_path(x, y, l1_ratio=L1_RATIO, **options)[1].T[::-1]
    return lasso_path(x, y, **options)[1].T[::-1]


def mcp_descent(x, y, strengths, start=0.0, tolerance=1e-13):
    """MCP by coordinate descent at each strength; Breheny & Huang (2011), (2.6), with our loss."""
    gram, right = 2 / len(x) * x.T @ x, 2 / len(x) * x.T @ y
    w, change = np.zeros((len(strengths), len(right))) + start, 1.0
    while change > tolerance:
        before = w.copy()
        for j, curvature in enumerate(np.diag(gram)):
            pull = right[j] - w @ gram[j] + curvature * w[:, j]
            soft = np.sign(pull) * np.maximum(np.abs(pull) - strengths, 0.0)
            # Up to γ·λ the penalty is concave, from there on constant.
            near = np.abs(pull / curvature) <= GAMMA * strengths
            w[:, j] = np.where(near, soft / (curvature - 1 / GAMMA), pull / curvature)
        change = np.abs(w - before).max()
    return w


def compared(penalty, grid, x, y):
    """Weights beside the reference, and how far each strength is from stationary."""
    found = kernels(grid).loc[0]
    strengths, weights = found.index.to_numpy(), found.to_numpy()
    other, own = reference(penalty, x, y, strengths), as_penalty(PENALTIES[penalty])
    rows = []
    for strength, w, v in zip(strengths, weights, other, strict=True):
        gradient = 2 / len(x) * x.T @ (x @ w - y)
        distance = own.subdiff_distance(
            ops.convert_to_tensor(w), ops.convert_to_tensor(gradient), strength
        )
        objective = [
            np.mean((y - x @ u) ** 2) + float(own(ops.convert_to_tensor(u), strength))
            for u in (w, v)
        ]
        shared = (strength, float(ops.max(distance)), objective[0] - objective[1])
        rows += [(*shared, i, name, w[i], v[i]) for i, name in enumerate(FEATURES)]
    columns = ["strength", "stationarity", "above_reference", "index", "feature", "value"]
    return pd.DataFrame(rows, columns=[*columns, "reference"])


def differences(coefficients, x, y):
    """How far the paths are from the other program's, where both are in the same minimum."""
    rows = []
    for penalty, path in coefficients.groupby("penalty", sort=False):
        apart = (path["value"] - path["reference"]).abs().groupby(path["strength"]).max()
        above = path.groupby("strength")["above_reference"].first()
        same = apart < SAME if penalty == "mcp" else apart >= 0  # the others have one minimum
        row = {"penalty": penalty, "program": "scikit-learn", "n_strengths": len(apart)}
        row |= {"n_same": same.sum(), "largest_difference": apart[same].max()}
        row |= {"above_there": above[~same].max(), "above_least": above.min()}
        row["stationarity"] = path["stationarity"].max()
        if penalty == "mcp":
            wide = path.pivot(index="strength", columns="index", values="value")
            onward = mcp_descent(x, y, wide.index.to_numpy(), start=wide.to_numpy())
            row |= {"program": "coordinate descent"}
            row["descent_from_ours_moves"] = np.abs(onward - wide.to_numpy()).max()
        rows.append(row)
    return pd.DataFrame(rows)


def shrinkage(grid):
    """By resample and strength: zeros, norms, and the most that a modulus grew since the last."""
    sizes = kernels(grid).abs()
    growth = sizes.groupby("fold").diff().max(axis=1)
    numbers = {"n_nonzero": (sizes > 0).sum(axis=1), "l1_norm": sizes.sum(axis=1)}
    numbers |= {"l2_norm": np.sqrt((sizes**2).sum(axis=1)), "largest_growth": growth}
    return pd.DataFrame(numbers).reset_index().rename(columns={"fold": "resample"})
