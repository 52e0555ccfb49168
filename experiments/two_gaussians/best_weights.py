"""Where the clouds of `two_gaussians` have best weights without a penalty, and which."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from experiments.two_gaussians.data import BAYES, CENTRE, cloud_rows, widest
from experiments.two_gaussians.measures import mean_losses


def margins(data, seeds):
    """A row a sample: how wide its classes lie apart, and where weights without a bound point."""
    rows = []
    for name, samples in data.items():
        for seed, sample in zip(seeds, samples, strict=True):
            length = np.linalg.norm(widest(sample.z))
            bias_share = abs(widest(sample.z)[0]) / length
            rows.append((name, seed, len(sample.z), 1 / length, bias_share))
    # Empty where no plane parts the classes.
    return pd.DataFrame(rows, columns=["data", "seed", "rows", "margin", "bias_share"])


def is_separable(settings):
    """A row a sample of the clouds: does a line part the classes?"""
    rows = [
        (count, seed, float(np.isfinite(widest(cloud_rows(np.random.default_rng(seed), count))[0])))
        for count in settings.row_counts
        for seed in range(settings.samples)
    ]
    return pd.DataFrame(rows, columns=["rows", "seed", "separable"])


def fits_of_many(settings):
    """The best weights without a penalty on many rows, by Newton's method from Bayes's."""
    rows = []
    for seed in settings.seeds:
        random = np.random.default_rng(seed)
        z, w = cloud_rows(random, settings.many_rows), BAYES
        for _ in range(20):
            p = 1 / (1 + np.exp(-(z @ w)))  # of the row's own class; no score is below −700
            gradient = z.T @ (1 - p)
            w = w + np.linalg.solve((z * (p * (1 - p))[:, None]).T @ z, gradient)
        statistic = 2 * len(z) * (mean_losses(z, BAYES) - mean_losses(z, w))
        x = z[:, 1:] * z[:, :1]
        densities = [norm.logpdf(x, centre).sum(axis=1) for centre in (CENTRE, -CENTRE)]
        odds = np.abs(densities[0] - densities[1] - x @ BAYES[1:]).max().round(12)
        fresh = cloud_rows(random, settings.many_rows)
        errors = [100 * np.mean(fresh @ v < 0) for v in (w, BAYES)]
        cosine = w @ BAYES / np.linalg.norm(w) / np.linalg.norm(BAYES)
        # The loss is convex: where its gradient is zero, to rounding, is its minimum.
        found, length = float(np.abs(gradient).max() < 1e-6), np.linalg.norm(w)
        rows.append((len(z), seed, *w, length, found, cosine, statistic, odds, *errors))
    columns = ["rows", "seed", "bias", "w1", "w2", "norm", "finite", "cosine_with_bayes"]
    columns += ["likelihood_ratio_statistic", "log_odds_error", "error_percent"]
    return pd.DataFrame(rows, columns=[*columns, "bayes_error_percent"])
