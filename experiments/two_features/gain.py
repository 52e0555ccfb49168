"""Test errors of `two_features` with a cross-validated penalty and without one."""

from itertools import combinations

import numpy as np
import pandas as pd

from experiments.two_features.data import draw, moments, patients
from experiments.two_features.solutions import SOLVE, ridge
from kerasreg import datasets


def tuned(x, y, penalty, settings):
    """Weights and bias at the strength of least error in cross-validation, for each data set.

    The strengths reach from a ten-thousandth of L1's strength_max to it, for L2 a hundred times
    further; the folds are the same for all of them.
    """
    a, b, x_mean, y_mean = moments(x, y)
    top = 2 * np.abs(b).max(axis=-1, keepdims=True)
    strengths = top * np.geomspace(1e-4, 1 if penalty == "l1" else 100, settings.cv_strengths)
    fold = np.arange(x.shape[-2]) % settings.folds
    error = np.zeros(strengths.shape)
    for held_out in range(settings.folds):
        rows = fold != held_out
        own_a, own_b, mean_x, mean_y = moments(x[..., rows, :], y[..., rows])
        w = SOLVE[penalty](own_a[:, None], own_b[:, None], strengths)
        inputs = x[..., ~rows, :] - mean_x[..., None, :]
        rest = y[..., None, ~rows] - mean_y[..., None, None] - w @ np.swapaxes(inputs, -1, -2)
        error += (rest**2).sum(axis=-1)
    best = np.take_along_axis(strengths, error.argmin(axis=-1)[..., None], -1)[..., 0]
    w = SOLVE[penalty](a, b, best)
    return best, w, y_mean - (w * x_mean).sum(axis=-1)


def fitted(x, y, settings):
    """By penalty: the strength, the weights and the bias, for each data set."""
    a, b, x_mean, y_mean = moments(x, y)
    w = ridge(a, b, np.zeros(len(a)))
    free = np.zeros(len(a)), w, y_mean - (w * x_mean).sum(axis=-1)
    return {"none": free} | {penalty: tuned(x, y, penalty, settings) for penalty in SOLVE}


def gains(settings, track):
    """Test errors by problem, draw and penalty: exact where the data are drawn, held-out else."""
    draws, rows = np.arange(settings.draws), []
    for noise in settings.noises:
        x, y = draw(draws, settings, noise=noise)
        signal = np.array([[1, 0.5], [0.5, 1]])  # covariance of the features
        r2 = 1 / (1 + noise**2 / (settings.weights @ signal @ settings.weights))
        for penalty, (strength, w, bias) in fitted(x, y, settings).items():
            off = w - settings.weights
            error = noise**2 + ((off @ signal) * off).sum(axis=1) + (bias - settings.bias) ** 2
            table = pd.DataFrame({"problem": f"noise {noise:g}", "draw": draws})
            table["penalty"], table["strength"] = penalty, strength
            rows.append(table.assign(test_error=error, signal_share=np.round(r2, 3)))
    names = datasets.diabetes().feature_names
    pairs = list(combinations(names, 2))[: settings.pairs]
    for pair in track(pairs, "pairs of diabetes"):
        x, y, x_test, y_test = patients(settings.seeds, settings, pair)
        for penalty, (strength, w, bias) in fitted(x, y, settings).items():
            rest = y_test - bias[:, None] - np.einsum("snd,sd->sn", x_test, w)
            table = pd.DataFrame({"problem": " ".join(pair), "draw": settings.seeds})
            table["penalty"], table["strength"] = penalty, strength
            rows.append(table.assign(test_error=(rest**2).mean(axis=1)))
    wide = pd.concat(rows, ignore_index=True)
    keys = ["problem", "draw"]
    free = wide[wide["penalty"] == "none"].set_index(keys)
    shared = free[["test_error", "signal_share"]].rename(columns={"test_error": "error_without"})
    for penalty in SOLVE:
        own = wide[wide["penalty"] == penalty].set_index(keys)
        shared[f"ratio_{penalty}"] = own["test_error"] / shared["error_without"]
        shared[f"strength_{penalty}"] = own["strength"].round(4)
    return shared.round({"error_without": 4}).reset_index()
