"""Penalties as priors: the strength at which training finds the most probable weights."""

from __future__ import annotations

import math
from typing import Any

from kerasreg.arguments import float_between, whole_number
from kerasreg.regularizers.separable import ElasticNet


def laplace_prior(scale: float, n_samples: int, noise_scale: float | None = None) -> ElasticNet:
    """The L1 penalty that is a Laplace prior on each weight, p(w) ∝ exp(−|w|/scale).

    With n = `n_samples` and b = `scale`, the negative logarithm of the posterior is, up to a
    constant,

        Σ_samples −log p(y|x, w) + Σᵢ|wᵢ|/b = n·(mean loss + strength·‖w‖₁),  strength = 1/(b·n),

    for a loss that is a mean negative log likelihood, such as a cross-entropy. Under Gaussian
    noise of standard deviation σ = `noise_scale` the negative log likelihood of a sample is its
    squared error / (2σ²), so that for the mean squared error of one output
    strength = 2σ²/(b·n). With k outputs, over which Keras's mean squared error is a mean too,
    give `n_samples` = k·n.

    Args:
        scale: b, the mean modulus of a weight, a finite float > 0.
        n_samples: n, the number of training samples, an int >= 1.
        noise_scale: σ for a mean squared error; `None` for a negative log likelihood. Defaults
            to `None`.

    Returns:
        `ElasticNet(strength, l1_ratio=1.0)`.

    Raises:
        ValueError: If an argument is not a number in its range.

    Example:

    >>> laplace_prior(scale=0.5, n_samples=1000)
    ElasticNet(strength=0.002, l1_ratio=1.0)

    References:
        - Tibshirani, Regression shrinkage and selection via the lasso, JRSS B 58 (1996), section 5.
    """
    return ElasticNet(_strength(scale, 1, n_samples, noise_scale), l1_ratio=1.0)


def gaussian_prior(scale: float, n_samples: int, noise_scale: float | None = None) -> ElasticNet:
    """The L2 penalty that is a Gaussian prior N(0, scale²) on each weight.

    As `laplace_prior`, with Σᵢ wᵢ²/(2·scale²) for the prior: the penalty is strength/2·‖w‖² with
    strength = 1/(scale²·n_samples), and 2·noise_scale² times that for a mean squared error. Mind
    the ½, which `keras.regularizers.L2` does not have.

    Args:
        scale: The standard deviation of a weight, a finite float > 0.
        n_samples: The number of training samples, an int >= 1.
        noise_scale: The standard deviation of the noise for a mean squared error; `None` for a
            negative log likelihood. Defaults to `None`.

    Returns:
        `ElasticNet(strength, l1_ratio=0.0)`.

    Raises:
        ValueError: If an argument is not a number in its range.

    Example:

    >>> gaussian_prior(scale=0.5, n_samples=1000, noise_scale=0.25)
    ElasticNet(strength=0.0005, l1_ratio=0.0)

    References:
        - Bishop, Pattern Recognition and Machine Learning (2006), eqs. 1.66 and 1.67.
    """
    return ElasticNet(_strength(scale, 2, n_samples, noise_scale), l1_ratio=0.0)


def _strength(scale: Any, power: int, n_samples: Any, noise_scale: Any) -> float:
    """1/(scale^power·n_samples), or 2·noise_scale² times that."""
    scale = float_between("scale", scale, 0)
    n_samples = whole_number("n_samples", n_samples, minimum=1)
    factor = 1.0
    if noise_scale is not None:
        noise_scale = float_between("noise_scale", noise_scale, 0)
        factor = 2 * noise_scale * noise_scale  # inf where `**` would raise an error
    try:
        strength: float = factor / (math.prod([scale] * power) * n_samples)
    except (ZeroDivisionError, OverflowError):
        strength = math.inf
    if not math.isfinite(strength):
        raise ValueError(
            f"Invalid prior: expected a strength that is a finite float. Received: "
            f"{scale=}, {n_samples=}, {noise_scale=}. Scale the data, so that weights and noise "
            "are nearer to 1"
        )
    return strength
