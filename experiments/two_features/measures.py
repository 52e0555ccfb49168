"""What `two_features` measures of the minima themselves: how many, how even, what they spend."""

import numpy as np
import pandas as pd

from experiments.two_features.data import draw, moments, patients
from experiments.two_features.formulas import DIGITS
from experiments.two_features.solutions import (
    SOLVE,
    descended,
    loss_of,
    penalty_of,
    ridge,
    within_budget,
)


def uniqueness(settings):
    """Where proximal descents end from many starts, on the data and with x₂ a copy of x₁."""
    starts = np.random.default_rng(0).normal(scale=2, size=(settings.starts, 2))
    rows, splits = [], pd.DataFrame({"share_of_w_1": np.linspace(0, 1, 41)})
    for features, correlation in (("two features", 0.5), ("a feature and its copy", 1.0)):
        x, y = draw(settings.seeds, settings, correlation=correlation)
        a, b, _, _ = moments(x, y)
        for penalty, strength in settings.drawn_strengths.items():
            w = descended(a, b, penalty, strength, starts, settings.descent_steps)
            value = loss_of(a[:, None], b[:, None], w) + strength * penalty_of(penalty, w)
            table = pd.DataFrame({"seed": settings.seeds, "features": features})
            table["penalty"], table["distance"] = (
                penalty,
                np.ptp(w, axis=1).max(axis=1).round(DIGITS),
            )
            table["objective_range"] = np.ptp(value, axis=1).round(DIGITS)
            table["largest_inequality"] = np.abs(w[..., 0] - w[..., 1]).max(axis=1).round(DIGITS)
            rows.append(table)
            if correlation == 1:
                share = splits["share_of_w_1"].to_numpy()[:, None]
                split = np.concatenate([share, 1 - share], axis=1) * w[0, 0].sum()
                objective = loss_of(a[0], b[0], split) + strength * penalty_of(penalty, split)
                splits[penalty] = (objective - value[0].min()).round(DIGITS).clip(0)
    return pd.concat(rows, ignore_index=True), splits


def budgets(settings):
    """Penalized minima beside those within a budget of the norm that they have."""
    cases = {"drawn": draw(settings.seeds, settings)}
    cases["diabetes"] = patients(settings.seeds, settings, settings.pair)[:2]
    rows = []
    for problem, (x, y) in cases.items():
        a, b, _, _ = moments(x, y)
        for penalty, solve in SOLVE.items():
            largest = 0.9 if penalty == "l1" else 30.0  # of strength_max of L1
            scale = 2 * np.abs(b).max(axis=-1, keepdims=True)
            strengths = scale * np.geomspace(0.03, largest, settings.budgets)
            each = a[:, None], b[:, None]
            w, near = solve(*each, strengths), solve(*each, strengths * (1 + 1e-6))
            spent = penalty_of(penalty, w)
            price = (loss_of(*each, near) - loss_of(*each, w)) / (spent - penalty_of(penalty, near))
            for i, j in np.ndindex(strengths.shape):
                within = within_budget(a[i], b[i], penalty, spent[i, j])
                row = (problem, penalty, settings.seeds[i], strengths[i, j], spent[i, j])
                # SLSQP stops at about 1e-8.
                off = np.abs(within - w[i, j]).max().round(6)
                rows.append((*row, off, price[i, j] / strengths[i, j]))
    columns = ["problem", "penalty", "seed", "strength", "norm", "difference", "price_by_strength"]
    return pd.DataFrame(rows, columns=columns)


def spreads(settings):
    """Weights at the strength that costs each penalty the same rise of the mean squared error."""
    rows = []
    for correlation in settings.correlations:
        a, b, _, _ = moments(*draw(settings.seeds, settings, correlation=correlation))
        free = ridge(a, b, np.zeros(len(a)))
        target = (1 - settings.loss_share) * loss_of(a, b, free)  # without weights it is zero
        found = {"none": (np.zeros(len(a)), free)}
        for penalty, solve in SOLVE.items():
            low, high = np.full(len(a), 1e-6), np.full(len(a), 1e3)
            for _ in range(60):
                middle = np.sqrt(low * high)
                above = loss_of(a, b, solve(a, b, middle)) > target
                low, high = np.where(above, low, middle), np.where(above, middle, high)
            found[penalty] = high, solve(a, b, high)
        for penalty, (strengths, w) in found.items():
            table = pd.DataFrame({"correlation": correlation, "seed": settings.seeds})
            table["penalty"], table["strength"] = penalty, strengths
            table["w_1"], table["w_2"] = w.T
            table["effective_number"] = np.abs(w).sum(axis=1) ** 2 / (w**2).sum(axis=1)
            rows.append(table)
    return pd.concat(rows, ignore_index=True)
