"""Penalties as priors, against the logarithms of the densities in scipy."""

import numpy as np
import pytest
from scipy import stats
from sklearn.datasets import load_diabetes
from sklearn.linear_model import BayesianRidge

from kerasreg.regularizers import ElasticNet, gaussian_prior, laplace_prior
from tests.regularizers.cases import float64

PRIORS = {
    "laplace": (laplace_prior, stats.laplace, 1.0),
    "gaussian": (gaussian_prior, stats.norm, 0.0),
}
every_prior = pytest.mark.parametrize("name", PRIORS)


def posterior_difference(density, scale, log_likelihood, w, v):
    """log posterior at w less that at v: its unknown constant drops out."""
    prior = density(scale=scale).logpdf
    return log_likelihood(w) - log_likelihood(v) + prior(w).sum() - prior(v).sum()


@every_prior
def test_mean_cross_entropy_plus_penalty_is_the_posterior(name):
    make, density, l1_ratio = PRIORS[name]
    rng = np.random.default_rng(0)
    x, w, v = rng.normal(size=(50, 4)), rng.normal(size=4), rng.normal(size=4)
    y = rng.integers(0, 2, 50)
    log_likelihood = lambda w: stats.bernoulli(1 / (1 + np.exp(-x @ w))).logpmf(y).sum()  # noqa: E731
    penalty = make(scale=0.3, n_samples=50)
    assert type(penalty) is ElasticNet and penalty.l1_ratio == l1_ratio
    with float64():
        objective = [float(penalty(u)) - log_likelihood(u) / 50 for u in (w, v)]
    expected = -posterior_difference(density, 0.3, log_likelihood, w, v) / 50
    np.testing.assert_allclose(objective[0] - objective[1], expected, 1e-12)


@every_prior
def test_mean_squared_error_plus_penalty_is_the_posterior(name):
    """Up to the factor 2σ², which does not move the minimum."""
    make, density, l1_ratio = PRIORS[name]
    rng = np.random.default_rng(1)
    x, w, v = rng.normal(size=(50, 4)), rng.normal(size=4), rng.normal(size=4)
    y, noise = rng.normal(size=50), 0.7
    log_likelihood = lambda w: stats.norm(x @ w, noise).logpdf(y).sum()  # noqa: E731
    penalty = make(0.3, 50, noise)
    assert penalty.l1_ratio == l1_ratio
    with float64():
        objective = [np.mean((y - x @ u) ** 2) + float(penalty(u)) for u in (w, v)]
    expected = -posterior_difference(density, 0.3, log_likelihood, w, v) * 2 * noise**2 / 50
    np.testing.assert_allclose(objective[0] - objective[1], expected, 1e-12)


def test_gaussian_prior_is_the_bayesian_ridge_of_scikit_learn():
    """Its mean, for its own estimates of the noise and of the scale of the weights."""
    x, y = load_diabetes(return_X_y=True)
    x, y = x - x.mean(0), y - y.mean()
    bayes = BayesianRidge(fit_intercept=False).fit(x, y)
    penalty = gaussian_prior(bayes.lambda_**-0.5, len(x), bayes.alpha_**-0.5)
    # Where the gradient of mean squared error + strength/2·‖w‖² vanishes.
    w = np.linalg.solve(x.T @ x * 2 / len(x) + penalty.strength * np.eye(10), x.T @ y * 2 / len(x))
    # scikit-learn's last estimates come after its last weights, to its tolerance of 1e-3.
    np.testing.assert_allclose(w, bayes.coef_, 1e-2, 1e-2 * np.abs(w).max())


@every_prior
def test_bad_arguments(name):
    make = PRIORS[name][0]
    for argument, expected, bads in (
        ("scale", "a finite float > 0", (0, -1.0, float("nan"), None, "a")),
        ("n_samples", "an int >= 1", (0, -5, 1.5, True, None, "a")),
        ("noise_scale", "a finite float > 0", (0, -1.0, float("inf"), "a")),
    ):
        for bad in bads:
            arguments = {"scale": 1.0, "n_samples": 10, "noise_scale": 1.0} | {argument: bad}
            with pytest.raises(ValueError) as error:
                make(**arguments)
            assert str(error.value) == (
                f"Invalid value for argument `{argument}`: expected {expected}. "
                f"Received: {argument}={bad!r}"
            )


def test_examples_of_the_docstrings():
    assert repr(laplace_prior(scale=0.5, n_samples=1000)) == (
        "ElasticNet(strength=0.002, l1_ratio=1.0)"
    )
    assert repr(gaussian_prior(scale=0.5, n_samples=1000, noise_scale=0.25)) == (
        "ElasticNet(strength=0.0005, l1_ratio=0.0)"
    )
    assert laplace_prior(1.0, np.int64(4)).strength == 0.25
