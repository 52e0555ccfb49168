"""Single columns of noise, weak factors, and many rows a column, for `noise_columns`."""

import numpy as np
from sklearn.model_selection import KFold

from experiments.noise_columns.data import (
    INFLUENTIAL,
    REAL,
    all_patients,
    synthetic,
    true_weights,
)
from experiments.noise_columns.fits import lasso, least_squares, r_squared, ridge, tuned_l1

RAISE = {"none": 1e-13, "l2": 1e-13, "l1": 1e-10}  # what counts: rounding, the lasso's tolerance


def scores(data, w):
    """R² on the training and on the held-out rows; `w` is of the first columns."""
    pairs = (data.x, data.y), (data.x_held_out, data.y_held_out)
    return np.array([r_squared(y, x[:, : len(w)] @ w) for x, y in pairs])


def one_more(data, settings):
    """Rows by method: what one column of noise beside the ten real ones does to the scores."""
    methods = {
        "none": (0.0, least_squares),
        "l1": (settings.fixed_l1, lambda x, y: lasso(x, y, settings.fixed_l1, 1e-12)),
        "l2": (settings.fixed_l2, lambda x, y: ridge(x, y, settings.fixed_l2)),
    }
    for method, (strength, fit) in methods.items():
        before = scores(data, fit(data.x[:, :REAL], data.y))
        rows = []
        for j in range(REAL, REAL + settings.single_columns):
            chosen = [*range(REAL), j]
            w = np.zeros(j + 1)
            w[chosen] = fit(data.x[:, chosen], data.y)
            rows.append(scores(data, w) - before)
        gains = np.array(rows)
        yield {
            "method": method,
            "strength": strength,
            "share_raising_train": np.mean(gains[:, 0] > RAISE[method]),
            "share_raising_held_out": np.mean(gains[:, 1] > RAISE[method]),
            "train_gain": gains[:, 0].mean(),
            "held_out_gain": gains[:, 1].mean(),
        }


def weak_factors(problem, data, seed, settings):
    """Rows by size of the six weak weights: what they bring to least squares, what L1 keeps.

    The size is in standard errors σ/√N of a weight. On diabetes it is the root mean square of the
    t statistics on all patients, brought to these rows.
    """
    if problem.noise is None:
        t = all_patients()[2][INFLUENTIAL:]
        size = np.sqrt(np.mean(t**2) * settings.rows / 442)
        yield {"size": size} | _of_factors(data)
        return
    for size in settings.weak_sizes:
        weak = size * problem.noise / np.sqrt(settings.rows)
        weights = true_weights(problem, REAL, weak)
        random = np.random.default_rng(seed)  # the same columns and noise for all sizes
        yield {"size": size} | _of_factors(synthetic(random, settings.rows, weights, problem.noise))


def _of_factors(data):
    strong = least_squares(data.x[:, :INFLUENTIAL], data.y)
    every = least_squares(data.x[:, :REAL], data.y)
    gains = scores(data, every) - scores(data, strong)
    strength, kept = tuned_l1(data.x[:, :REAL], data.y)
    return {
        "train_gain": gains[0],
        "held_out_gain": gains[1],
        "strength": strength,
        "strong_kept": np.count_nonzero(kept[:INFLUENTIAL]),
        "weak_kept": np.count_nonzero(kept[INFLUENTIAL:]),
    }


def thin(problem, seed, settings):
    """Least squares on ten columns and many rows: R² on training and on held-out rows.

    Diabetes in ten folds, so that every patient is held out once.
    """
    if problem.noise is not None:
        weights = true_weights(problem, REAL)
        random = np.random.default_rng(seed)
        data = synthetic(random, settings.thin_rows, weights, problem.noise)
        train, held_out = scores(data, least_squares(data.x, data.y))
        rows = settings.thin_rows
    else:
        x, y, _ = all_patients()
        predicted, trains = np.zeros(len(y)), []
        for fit, out in KFold(10, shuffle=True, random_state=seed).split(x):
            column, middle = x[fit].mean(axis=0), y[fit].mean()
            w = least_squares(x[fit] - column, y[fit] - middle)
            predicted[out] = middle + (x[out] - column) @ w
            trains.append(r_squared(y[fit], middle + (x[fit] - column) @ w, middle))
        train, held_out, rows = np.mean(trains), r_squared(y, predicted), len(fit)
    yield {"n_rows": rows, "n_columns": REAL, "train_r2": train, "held_out_r2": held_out}
