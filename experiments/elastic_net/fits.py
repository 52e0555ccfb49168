"""The fits of `elastic_net`: a path for each share of L1, and the strength that does best.

Strengths are scikit-learn's alpha: 1/(2n)·‖y − Xw‖² + α·ρ·‖w‖₁ + α·(1 − ρ)/2·‖w‖². For Keras's mean
squared error that is l1 = 2·α·ρ and l2 = α·(1 − ρ). Both programs have what Zou & Hastie (2005)
call the naive elastic net; theirs multiplies its weights by 1 + l2, for columns of variance 1, so
that the two penalties do not shrink twice.
"""

import numpy as np
from sklearn.linear_model import enet_path


def grid(x, y, ratio, settings):
    """From the least alpha at which all weights are zero, or L2's largest eigenvalue, downwards."""
    if ratio > 0:
        top = np.abs(x.T @ y).max() / len(x) / ratio
    else:
        top = 10 * np.linalg.norm(x, 2) ** 2 / len(x)
    return top * np.geomspace(1, settings.least, settings.strengths)


def path(x, y, ratio, alphas):
    """Weights `(alphas, features)` on centred data; without alphas those of least squares."""
    if alphas is None:
        return np.linalg.lstsq(x, y, rcond=None)[0][None]
    if ratio > 0:
        options = {"tol": 1e-6, "max_iter": 100_000, "precompute": True}
        return enet_path(x, y, l1_ratio=ratio, alphas=alphas, **options)[1].T
    left, sizes, right = np.linalg.svd(x, full_matrices=False)
    shrunk = sizes / (sizes**2 + len(x) * np.asarray(alphas)[:, None])
    return (shrunk * (left.T @ y)) @ right


def chosen(sample, ratio, settings):
    """The alpha of least validation error, the weights there, that error: plain, and rescaled.

    Ratio None is without penalty.
    """
    if ratio is None:
        return [(0.0, path(sample.x, sample.y, 0.0, None)[0], np.nan)]
    alphas = grid(sample.x, sample.y, ratio, settings)
    factors = [np.ones_like(alphas)]
    if 0 < ratio < 1:
        factors.append(1 + alphas * (1 - ratio))
    errors = np.zeros((len(factors), len(alphas)))
    for train, held_out in sample.folds:
        x, y = sample.choose_x[train], sample.choose_y[train]
        w = path(x - x.mean(axis=0), y - y.mean(), ratio, alphas)
        outputs = (sample.choose_x[held_out] - x.mean(axis=0)) @ w.T
        targets = sample.choose_y[held_out][:, None] - y.mean()
        for own, factor in zip(errors, factors, strict=True):
            own += ((outputs * factor - targets) ** 2).sum(axis=0)
    w, best = path(sample.x, sample.y, ratio, alphas), errors.argmin(axis=1)
    n = sum(len(held_out) for _, held_out in sample.folds)
    return [
        (alphas[i], factor[i] * w[i], own[i] / n)
        for i, factor, own in zip(best, factors, errors, strict=True)
    ]


def test_error(sample, w):
    rest = sample.test_y - sample.y_mean - (sample.test_x - sample.x_mean) @ w
    return np.mean(rest**2)
