"""What the posteriors of `priors` believe, beside their modes."""

import numpy as np

from experiments.priors.gibbs import direct, gibbs, split_r_hat
from experiments.priors.scales import mode

NEAR = 0.01  # target deviations per deviation of a column: as good as zero
LEVELS = (0.025, 0.5, 0.975)
BINS = np.linspace(-0.2, 0.2, 81)


def posteriors(samples, settings):
    """By sample and prior what modes and samples say; by weight the same; draws of the first."""
    random = np.random.default_rng(0)
    # Keras's mean squared error + λ·‖w‖₁ is a Laplace prior with b = 2σ²/(λ·n).
    scales = [2 * s.noise**2 / (settings.strength * len(s.y)) for s in samples]
    chains = gibbs(samples, scales, settings, random)
    summary, weights, first = [], [], {}
    for seed, sample, scale, laplace_draws in zip(
        settings.seeds, samples, scales, chains, strict=True
    ):
        variance = 2 * scale**2  # that of the Laplace distribution
        priors = {
            "flat": (np.linalg.lstsq(sample.x, sample.y, rcond=None)[0], np.inf),
            "Gaussian": (mode("l2", sample, variance), variance),
            "Laplace": (mode("l1", sample, scale), None),
        }
        for prior, (top, width) in priors.items():
            draws = laplace_draws if width is None else direct(sample, width, settings, random)
            ratio = split_r_hat(draws)
            flat = draws.reshape(-1, draws.shape[-1])
            mean, zero = flat.mean(axis=0), top == 0
            quantiles = np.quantile(flat, LEVELS, axis=0)
            positive, near = np.mean(flat > 0, axis=0), np.abs(flat[:, zero]) < NEAR
            row = {"seed": seed, "prior": prior, "scale": scale, "zeros_in_mode": zero.sum()}
            row |= {
                "share_of_draws_zero": np.mean(flat == 0),
                "zeros_in_mean": np.sum(mean == 0),
                "zeros_in_median": np.sum(quantiles[1] == 0),
                "mean_from_mode": np.abs(mean - top).max(),
                "share_near_zero": near.mean() if zero.any() else None,
                "share_all_near_zero": near.all(axis=1).mean() if zero.any() else None,
                "r_hat": ratio.max(),
                "test_error_of_mode": np.mean((sample.y_out - sample.x_out @ top) ** 2),
                "test_error_of_mean": np.mean((sample.y_out - sample.x_out @ mean) ** 2),
            }
            summary.append(row)
            if seed == settings.seeds[0]:
                first[prior] = flat
                rows = zip(sample.names, top, mean, *quantiles, positive, ratio, strict=True)
                keys = ("feature", "mode", "mean", "low", "median", "high", "p_positive", "r_hat")
                weights += [{"prior": prior} | dict(zip(keys, each, strict=True)) for each in rows]
    return summary, weights, first


def histograms(draws, names):
    """Densities of each weight under each prior, for the figure."""
    for prior, some in draws.items():
        for j, name in enumerate(names):
            density, _ = np.histogram(some[:, j], BINS)
            for left, value in zip(BINS, density / len(some) / np.diff(BINS), strict=False):
                yield {"prior": prior, "feature": name, "bin_left": left, "density": value}
