"""Outliers in `two_features`: two losses, three penalties, exact minima at many strengths."""

import numpy as np
import pandas as pd

from experiments.two_features.data import draw, moments, patients
from experiments.two_features.solutions import SOLVE, ridge

KINDS = ("y, one side", "y, both sides", "x")


def contaminated(x, y, kind, share, seeds, size):
    """The data with outliers in a share of the rows, `size` long: noise of y, deviations of x₁."""
    x, y, n = x.copy(), y.copy(), round(share * x.shape[1])
    for i, seed in enumerate(seeds):
        random = np.random.default_rng([seed, 1])
        rows, signs = random.permutation(x.shape[1])[:n], random.choice([-1.0, 1.0], n)
        if kind == "x":
            x[i, rows, 0] += size[0] * signs
        elif kind != "no outliers":
            y[i, rows] += size[1] * (signs if kind == "y, both sides" else 1.0)
    return x, y


def absolute_minima(x, y, l1, l2, iterations):
    """Minima of mean |y − Xw − b| + l1·‖w‖₁ + l2·‖w‖², `(data sets, strengths, (w₁, w₂, b))`.

    Each |r| is replaced by the parabola r²/(2c) + c/2 above it that touches it at c = |r| of the
    step before (Hunter & Lange, 2004): iteratively reweighted least squares.
    """
    z = np.concatenate([x, np.ones((*x.shape[:-1], 1))], axis=-1)
    squares = (z[..., :, None] * z[..., None, :]).reshape(*z.shape[:-1], 9)
    penalized = np.array([1.0, 1.0, 0.0])
    theta = np.ones((len(x), l1.shape[1], 3))
    curve = np.broadcast_to(2 * l2[..., None] * penalized, theta.shape)
    weights = np.ones((*l1.shape, x.shape[1]))  # the first step: squared error
    for _ in range(iterations):
        tax = curve + l1[..., None] * penalized / np.maximum(np.abs(theta), 1e-8)
        gram = (weights @ squares).reshape(*l1.shape, 3, 3) / x.shape[1] + tax[..., None] * np.eye(
            3
        )
        right = (weights * y[:, None]) @ z / x.shape[1]
        theta = np.linalg.solve(gram, right[..., None])[..., 0]
        rest = y[:, None] - theta @ np.swapaxes(z, -1, -2)
        weights = 1 / np.maximum(np.abs(rest), 1e-7)
    return theta


def squared_minima(x, y, l1, l2):
    """The same for the mean squared error; one of `l1` and `l2` is zero throughout."""
    a, b, x_mean, y_mean = moments(x, y)
    a, b = a[:, None], b[:, None]
    w = SOLVE["l1"](a, b, l1) if l1.any() else ridge(a, b, l2)
    return np.concatenate([w, (y_mean[:, None] - (w @ x_mean[..., None])[..., 0])[..., None]], -1)


def fits(x, y, settings):
    """By loss and penalty: strengths `(data sets, strengths)` and minima, of one data set each."""
    found = {}
    for loss in ("squared", "absolute"):
        top = {"squared": 2 * np.abs(moments(x, y)[1]).max(axis=-1)}
        centred = x - x.mean(axis=1, keepdims=True)
        signs = np.sign(y - np.median(y, axis=1, keepdims=True))
        top["absolute"] = np.abs(np.einsum("snd,sn->sd", centred, signs)).max(axis=-1) / x.shape[1]
        for penalty in ("none", "l1", "l2"):
            shares = np.geomspace(1e-3, 1 if penalty == "l1" else 10, settings.outlier_strengths)
            s = top[loss][:, None] * (shares if penalty != "none" else np.zeros(1))
            l1, l2 = s * (penalty == "l1"), s * (penalty == "l2")
            if loss == "squared":
                found[loss, penalty] = s, squared_minima(x, y, l1, l2)
            else:
                found[loss, penalty] = s, absolute_minima(x, y, l1, l2, settings.iterations)
    return found


def outliers(settings, track):
    """Errors on clean test data of each loss and penalty at the strength that is best there."""
    seeds, rows = settings.seeds, []
    drawn = draw(seeds, settings)
    real = patients(seeds, settings, settings.pair)
    noise = (real[1] - real[1].mean()).std() * np.sqrt(0.5)  # of y, about half is unexplained
    truth = np.append(settings.weights, settings.bias)
    covariance = np.array([[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]])
    cases = [("no outliers", 0.0)] + [(k, s) for k in KINDS for s in settings.outlier_shares]
    for kind, share in track(cases, "outliers"):
        for problem, (x, y) in {"drawn": drawn, "diabetes": real[:2]}.items():
            size = np.array([1.0, 1.0 if problem == "drawn" else noise]) * settings.outlier_size
            data = contaminated(x, y, kind, share, seeds, size)
            found, best = {}, {}
            for (loss, penalty), (strengths, minima) in fits(data[0], data[1], settings).items():
                if problem == "drawn":
                    off = minima - truth
                    error = 1 + ((off @ covariance) * off).sum(axis=-1)
                else:
                    ones = np.ones((*real[3].shape, 1))
                    output = minima @ np.swapaxes(np.concatenate([real[2], ones], -1), 1, 2)
                    error = ((real[3][:, None] - output) ** 2).mean(axis=-1)
                at = error.argmin(axis=1)[:, None]
                found[loss, penalty] = np.take_along_axis(error, at, 1)[:, 0].round(5)
                best[loss, penalty] = np.take_along_axis(strengths, at, 1)[:, 0].round(5)
            for loss in ("squared", "absolute"):
                table = pd.DataFrame({"seed": seeds}).assign(problem=problem, kind=kind)
                table = table.assign(share=share, loss=loss)
                for penalty in ("none", "l1", "l2"):
                    table[f"error_{penalty}"] = found[loss, penalty]
                for penalty in ("l1", "l2"):
                    table[f"strength_{penalty}"] = best[loss, penalty]
                rows.append(table)
    return pd.concat(rows, ignore_index=True)
