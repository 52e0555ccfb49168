"""The data of `two_features`: the article's regression, drawn, and two features of diabetes."""

import numpy as np

from kerasreg import datasets


def draw(seeds, settings, noise=1.0, correlation=0.5, n=None):
    """The article's regression with noise, a data set a seed: x `(seeds, n, 2)`, y `(seeds, n)`."""
    n, c = n or settings.n_samples, correlation
    z = np.stack([np.random.default_rng(seed).normal(size=(n, 3)) for seed in seeds])
    x = np.stack([z[..., 0], c * z[..., 0] + np.sqrt(1 - c**2) * z[..., 1]], axis=-1)
    return x, x @ settings.weights + settings.bias + noise * z[..., 2]


def patients(seeds, settings, pair):
    """Diabetes, standardized, two of its features: `n_samples` rows to train, the others held out.

    Returns x `(seeds, n, 2)` and y of the training rows, then those of the others.
    """
    data = datasets.diabetes(seed=0)
    parts = ("train", "validation", "test")
    x = np.concatenate([getattr(data, f"x_{part}") for part in parts]).astype(float)
    y = np.concatenate([getattr(data, f"y_{part}") for part in parts]).astype(float)
    x, n = x[:, [data.feature_names.index(name) for name in pair]], settings.n_samples
    rows = np.stack([np.random.default_rng(seed).permutation(len(x)) for seed in seeds])
    return x[rows[:, :n]], y[rows[:, :n]], x[rows[:, n:]], y[rows[:, n:]]


def moments(x, y):
    """A `(…, 2, 2)` and b `(…, 2)` of the centred columns, and the means of x and y."""
    x_mean, y_mean = x.mean(axis=-2), y.mean(axis=-1)
    x, y = x - x_mean[..., None, :], (y - y_mean[..., None])[..., None]
    turned = np.swapaxes(x, -1, -2)
    return turned @ x / x.shape[-2], (turned @ y)[..., 0] / x.shape[-2], x_mean, y_mean
