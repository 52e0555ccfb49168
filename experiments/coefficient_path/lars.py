"""In which order the weights of `coefficient_path` enter, and what LARS says of it."""

import numpy as np
import pandas as pd
from sklearn.linear_model import lars_path

from experiments.coefficient_path.models import FEATURES, kernels, strength_max


def entries(grid, rows, x, y):
    """The largest strength at which a feature has a weight, and its place in that order."""
    weights = kernels(grid).rename_axis(index=["resample", "strength"])
    weights.columns = FEATURES
    long = weights.rename_axis(columns="feature").stack().reset_index(name="value")
    entered = long[long["value"] != 0].groupby(["resample", "feature"])["strength"].max()
    table = entered.reset_index()
    table["rank"] = table.groupby("resample")["strength"].rank(ascending=False, method="min")
    table["strength_max"] = table["resample"].map(lambda k: strength_max(x[rows[k]], y[rows[k]]))
    return table


def lasso_corners(x, y):
    """scikit-learn's LARS for the lasso: all weights at each corner of their path."""
    alphas, _, weights = lars_path(x, y, method="lasso")
    table = pd.DataFrame(weights.T, columns=FEATURES).assign(strength=2 * alphas)
    return table.melt("strength", var_name="feature", value_name="value")


def knots(coefficients, x, y):
    """Where a weight enters or leaves: by LARS, and the two strengths of our path around it."""
    chosen = coefficients[coefficients["penalty"] == "l1"]
    path = chosen.pivot(index="strength", columns="feature", values="value").iloc[::-1]
    alphas, _, weights = lars_path(x, y, method="lasso")
    least_angle = [FEATURES[i] for i in lars_path(x, y, method="lar")[1]]
    rows = []
    for at, feature in enumerate(FEATURES):
        theirs, ours = (
            np.flatnonzero(np.diff((w != 0).astype(int))) for w in (weights[at], path[feature])
        )
        for number, corner in enumerate(theirs):
            # In turn it enters, at the last corner without it, and leaves, at the first without.
            row = [feature, least_angle.index(feature) + 1, "leaves" if number % 2 else "enters"]
            row.append(2 * alphas[corner + number % 2])
            seen = number < len(ours)
            row += list(path.index[ours[number] :][1::-1]) if seen else [np.nan, np.nan]
            rows.append(row)
    columns = ["feature", "least_angle_rank", "event", "lars_strength", "path_low", "path_high"]
    table = pd.DataFrame(rows, columns=columns).sort_values("lars_strength", ascending=False)
    return table.reset_index(drop=True)
