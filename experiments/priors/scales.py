"""The minima of the objectives of `priors`, and the modes of the posteriors that they are."""

import numpy as np
from scipy.optimize import minimize
from scipy.stats import laplace, norm
from sklearn.linear_model import Lasso, LogisticRegression, Ridge


def scales(objective, sample):
    """The width of the prior, as measured and by formula, and how far minimum and mode differ.

    The width is a variance for a Gaussian prior, and b of exp(−|w|/b) for a Laplace prior.
    """
    n, l2 = len(sample.y), objective.penalty == "l2"
    total = objective.sum_strength(n)
    w = minimum(objective, sample, total)
    slope, kept = sample.slope(w), w != 0
    measured = np.sum(w**2) / np.sum(w * slope) if l2 else 1 / np.mean(np.abs(slope[kept]))
    squared = 2 * sample.noise**2 if sample.noise else 1.0  # times the negative log likelihood
    formula = squared / (2 * objective.share * total if l2 else total)
    found = mode(objective.penalty, sample, formula)
    far = mode("l2", sample, 1 / objective.strength) if l2 else None
    return {
        "data": objective.data,
        "objective": objective.name,
        "penalty": objective.penalty,
        "strength": objective.strength,
        "n_rows": n,
        "noise": sample.noise or np.nan,
        "n_zero": np.sum(~kept),
        "width": measured,
        "width_by_formula": formula,
        "width_times_strength": measured * objective.strength,
        "mode_differs_by": apart(found, w),
        "mode_of_claimed_differs_by": np.nan if far is None else apart(far, w),
    }


def apart(found, w):
    """The largest difference, as a share of the largest weight."""
    return np.abs(found - w).max() / np.abs(w).max()


def minimum(objective, sample, strength):
    """scikit-learn's minimum of the sum of losses + `strength` times the penalty."""
    l1, half = objective.penalty == "l1", objective.share
    if sample.noise and l1:
        fit = Lasso(strength / 2 / len(sample.y), fit_intercept=False, tol=1e-12, max_iter=100_000)
    elif sample.noise:
        fit = Ridge(strength * half, fit_intercept=False)
    elif l1:
        fit = LogisticRegression(C=1 / strength, l1_ratio=1.0, solver="liblinear", tol=1e-8)
    else:
        fit = LogisticRegression(C=1 / (2 * half * strength), solver="newton-cholesky", tol=1e-10)
    if not sample.noise:
        fit.set_params(fit_intercept=False, max_iter=100_000, random_state=0)
    return np.ravel(fit.fit(sample.x, sample.y).coef_)


def mode(penalty, sample, width):
    """The largest log posterior density under the prior, found by scipy."""
    d = sample.x.shape[1]
    if penalty == "l2":
        found = minimize(
            lambda w: -sample.log_likelihood(w) - np.sum(norm.logpdf(w, scale=np.sqrt(width))),
            np.zeros(d),
            jac=lambda w: w / width - sample.slope(w),
            method="BFGS",
            options={"gtol": 1e-6},
        )
        return found.x
    # |w| has no slope at zero: w = u − v with u, v >= 0 has, and one of them is zero at the mode.
    found = minimize(
        lambda z: -sample.log_likelihood(z[:d] - z[d:]) - np.sum(laplace.logpdf(z, scale=width)),
        np.zeros(2 * d),
        jac=lambda z: 1 / width - np.concatenate([s := sample.slope(z[:d] - z[d:]), -s]),
        method="L-BFGS-B",
        bounds=[(0, None)] * (2 * d),
        options={"ftol": 1e-15, "gtol": 1e-6, "maxiter": 10_000, "maxfun": 20_000},
    )
    return found.x[:d] - found.x[d:]
