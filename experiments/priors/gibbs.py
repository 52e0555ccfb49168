"""Samplers for `priors`: Gibbs chains under a Laplace prior, direct draws under Gaussian ones."""

from collections.abc import Callable

import numpy as np
from scipy.integrate import quad

from experiments.priors.objectives import Sample


def gibbs(samples, scales, settings, random):
    """Draws, `(samples, chains, draws, weights)`, of all samples and chains at once.

    The Laplace prior is a normal one whose variance τ² is exponential (Park & Casella, The
    Bayesian lasso, 2008, equations 4 and 6, here with σ known and a prior that does not depend on
    it): w given τ² is normal, and 1/τ² given w is inverse Gaussian.
    """
    shape = (len(samples), settings.chains)
    grams = np.array([s.x.T @ s.x / s.noise**2 for s in samples])[:, None]
    targets = np.array([s.x.T @ s.y / s.noise**2 for s in samples])[:, None, :, None]
    rate = 1 / np.array(scales)[:, None, None]  # of the exponential in |w|
    d = targets.shape[2]
    w = random.normal(scale=1.0, size=(*shape, d))  # far apart: weights are below 0.4
    draws = np.empty((*shape, settings.draws, d))
    eye = np.eye(d)
    for i in range(-settings.burn_in, settings.draws):
        # The cap is for |w| below 1e-5·b, where NumPy's formula would lose digits.
        mean = np.minimum(rate / np.maximum(np.abs(w), 1e-300), 1e5 * rate**2)
        precision = random.wald(mean, np.broadcast_to(rate**2, mean.shape))
        root = np.linalg.cholesky(grams + precision[..., None] * eye)
        half = np.linalg.solve(root, np.broadcast_to(targets, (*shape, d, 1)))
        half += random.normal(size=half.shape)
        w = np.linalg.solve(np.swapaxes(root, -1, -2), half)[..., 0]
        if i >= 0:
            draws[:, :, i] = w
    return draws


def direct(sample, variance, settings, random):
    """Independent draws of the normal posterior, as if of chains."""
    precision = sample.x.T @ sample.x / sample.noise**2 + np.eye(sample.x.shape[1]) / variance
    covariance = np.linalg.inv(precision)
    mean = covariance @ sample.x.T @ sample.y / sample.noise**2
    size = settings.chains, settings.draws
    return random.multivariate_normal(mean, covariance, size=size, method="cholesky")


def split_r_hat(draws):
    """Gelman and Rubin's ratio by weight, of the halves of the chains: 1 where all agree."""
    chains, n, d = draws.shape
    halves = draws[:, : n // 2 * 2].reshape(2 * chains, n // 2, d)
    within = halves.var(axis=1, ddof=1).mean(axis=0)
    return np.sqrt((n // 2 - 1) / (n // 2) + halves.mean(axis=1).var(axis=0, ddof=1) / within)


def check(sample, settings):
    """The sampler against integrals, where one column alone is in the model."""
    j = int(np.argmin(np.abs(sample.x.T @ sample.y)))  # the least influential alone
    one = Sample(sample.x[:, [j]], sample.y, sample.x_out, sample.y_out, (), sample.noise)
    scale = 2 * one.noise**2 / (settings.strength * len(one.y))
    n = len(settings.seeds)  # as many chains as elsewhere
    draws = gibbs([one] * n, [scale] * n, settings, np.random.default_rng(1))
    draws = draws.reshape(-1, settings.draws)
    precision = np.sum(one.x**2) / one.noise**2
    middle = np.sum(one.x[:, 0] * one.y) / one.noise**2 / precision

    def density(w):
        return np.exp(-precision * (w - middle) ** 2 / 2 - np.abs(w) / scale)

    def integral(function):
        parts = [quad(lambda w: function(w) * density(w), *ends)[0] for ends in ((-1, 0), (0, 1))]
        return np.sum(parts)

    whole = integral(lambda w: 1.0)
    quantities: dict[str, Callable] = {
        "mean": lambda w: w,
        "mean modulus": np.abs,
        "probability of a positive weight": lambda w: 1.0 * (w > 0),
    }
    for name, function in quantities.items():
        by_chain = function(draws).mean(axis=1)
        yield {
            "feature": sample.names[j],
            "quantity": name,
            "exact": integral(function) / whole,
            "sampled": by_chain.mean(),
            "standard_error": by_chain.std(ddof=1) / np.sqrt(len(by_chain)),
        }
