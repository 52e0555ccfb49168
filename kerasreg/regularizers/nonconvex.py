"""Penalties that leave large weights alone: not convex, separable, with the prox of every step."""

from __future__ import annotations

import keras
from keras import ops

from kerasreg.arguments import finite_float, float_between
from kerasreg.regularizers.separable import SeparablePenalty
from kerasreg.regularizers.validation import maximum, minimum
from kerasreg.typing import Tensor


def _signed(modulus: Tensor, w: Tensor) -> Tensor:
    """The modulus with the sign of w; 0, never −0, where it is zero."""
    return ops.where(modulus == 0, 0.0, ops.sign(w) * modulus)


@keras.saving.register_keras_serializable(package="kerasreg")
class MCP(SeparablePenalty):
    """Minimax concave penalty: L1 near zero, constant from γ·λ on.

        P(w) = Σᵢ λ·|wᵢ| − wᵢ²/(2γ)   where |wᵢ| <= γ·λ,
               Σᵢ γ·λ²/2              elsewhere,

    with λ = `strength`, γ = `gamma`. Weights above γ·λ are not shrunk at all. A `strength` given
    to a call replaces λ, and γ stays: the threshold γ·λ moves with it.

    Its prox with step size t is the global minimizer for every t. For t < γ the objective is
    convex, and it is the firm threshold

        sign(w)·min(max(|w| − t·λ, 0) / (1 − t/γ), |w|).

    For t >= γ the objective is concave up to γ·λ, so that its minimum is at zero or beyond: w
    where |w| > λ·√(t·γ), 0 elsewhere. The firm threshold is not the minimizer there.

    Args:
        strength: λ, a finite float >= 0. Defaults to 0.01.
        gamma: γ, a finite float > 0. Zhang's γ > 1 keeps the problem convex for one standardized
            feature (t = 1); as the prox here is right for every step, γ <= 1 is well defined
            too. γ → ∞ is L1, γ → 0 penalizes the number of weights. Defaults to 3.0.

    Raises:
        ValueError: If an argument is not a finite float in its range.

    Example:

    >>> np.asarray(MCP(strength=1.0, gamma=2.0).prox([0.5, 1.5, 3.0], step_size=1.0))
    array([0., 1., 3.], dtype=float32)

    References:
        - Zhang, Nearly unbiased variable selection under minimax concave penalty, Annals of
          Statistics 38 (2010), eq. 2.2.
        - Breheny & Huang, Coordinate descent algorithms for nonconvex penalized regression (2011),
          eq. 2.6, for t = 1; for t >= γ derived as above.
    """

    def __init__(self, strength: float = 0.01, gamma: float = 3.0):
        self.strength = finite_float("strength", strength, minimum=0)
        self.gamma = float_between("gamma", gamma, 0)

    def _elementwise(self, w: Tensor, strength: Tensor) -> Tensor:
        rising = minimum(ops.abs(w), self.gamma * strength)
        return rising * (strength - rising / (2 * self.gamma))

    def _slope(self, w: Tensor, strength: Tensor) -> Tensor:
        return ops.sign(w) * ops.relu(strength - ops.abs(w) / self.gamma)

    def _prox(self, w: Tensor, step_size: Tensor, strength: Tensor) -> Tensor:
        modulus = ops.abs(w)
        is_convex = step_size < self.gamma
        bend = ops.where(is_convex, 1 - step_size / self.gamma, 1.0)
        firm = minimum(ops.relu(modulus - step_size * strength) / bend, modulus)
        jump = strength * ops.sqrt(step_size * self.gamma)
        hard = ops.where(modulus <= jump, 0.0, modulus)
        return _signed(ops.where(is_convex, firm, hard), w)

    def get_config(self) -> dict[str, float]:
        """The arguments of the constructor, as Keras saves them."""
        return {"strength": self.strength, "gamma": self.gamma}


@keras.saving.register_keras_serializable(package="kerasreg")
class SCAD(SeparablePenalty):
    """Smoothly clipped absolute deviation: L1 up to λ, constant from a·λ on.

        P(w) = Σᵢ λ·|wᵢ|                                          where |wᵢ| <= λ,
               Σᵢ (2·a·λ·|wᵢ| − wᵢ² − λ²) / (2·(a − 1))           where λ < |wᵢ| <= a·λ,
               Σᵢ (a + 1)·λ²/2                                    elsewhere,

    with λ = `strength`. A `strength` given to a call replaces λ, and a stays.

    Its prox with step size t is the global minimizer for every t. For t < a − 1 the objective is
    convex: with s = max(|w| − t·λ, 0) and m = ((a − 1)·|w| − t·a·λ) / (a − 1 − t) it is

        sign(w)·min(max(s, m), |w|).

    For t >= a − 1 the middle piece is concave, and the better one of s and |w| is taken: |w| where
    it is above λ·(t + a + 1)/2 (while s > 0 there, for t < a + 1) or λ·√(t·(a + 1)) (t >= a + 1).

    Args:
        strength: λ, a finite float >= 0. Defaults to 0.01.
        a: Where the penalty becomes constant, in units of λ; a finite float > 2. Defaults to 3.7,
            the value that Fan and Li recommend.

    Raises:
        ValueError: If an argument is not a finite float in its range.

    Example:

    >>> np.asarray(SCAD(strength=1.0, a=3.0).prox([0.5, 1.5, 2.5, 4.0], step_size=1.0))
    array([0. , 0.5, 2. , 4. ], dtype=float32)

    References:
        - Fan & Li, Variable selection via nonconcave penalized likelihood and its oracle
          properties, JASA 96 (2001), eqs. 2.7 and 2.8 (the prox for t = 1).
    """

    def __init__(self, strength: float = 0.01, a: float = 3.7):
        self.strength = finite_float("strength", strength, minimum=0)
        self.a = float_between("a", a, 2)

    def _elementwise(self, w: Tensor, strength: Tensor) -> Tensor:
        modulus = ops.abs(w)
        # What the middle piece has lost against L1: the square of the way through it.
        bent = minimum(ops.relu(modulus - strength), (self.a - 1) * strength)
        rising = minimum(modulus, self.a * strength)
        return strength * rising - bent**2 / (2 * (self.a - 1))

    def _slope(self, w: Tensor, strength: Tensor) -> Tensor:
        falling = ops.relu(self.a * strength - ops.abs(w)) / (self.a - 1)
        return ops.sign(w) * minimum(falling, strength)

    def _prox(self, w: Tensor, step_size: Tensor, strength: Tensor) -> Tensor:
        modulus, width = ops.abs(w), self.a - 1
        soft = ops.relu(modulus - step_size * strength)
        is_convex = step_size < width
        bend = ops.where(is_convex, 1 - step_size / width, 1.0)
        middle = (modulus - step_size * (self.a * strength / width)) / bend
        smooth = minimum(maximum(soft, middle), modulus)
        jump = ops.where(
            step_size < self.a + 1,
            (step_size + self.a + 1) / 2,
            ops.sqrt(step_size * (self.a + 1)),
        )
        hard = ops.where(modulus <= jump * strength, soft, modulus)
        return _signed(ops.where(is_convex, smooth, hard), w)

    def get_config(self) -> dict[str, float]:
        """The arguments of the constructor, as Keras saves them."""
        return {"strength": self.strength, "a": self.a}


@keras.saving.register_keras_serializable(package="kerasreg")
class LogSum(SeparablePenalty):
    """Log-sum penalty: L1 near zero, and less and less steep from there.

        P(w) = λ·ε·Σᵢ log(1 + |wᵢ|/ε)

    with λ = `strength` and ε = `epsilon`. The slope just right of zero is `strength`, as for the
    other penalties of this family; at a weight w it has fallen to strength·ε/(ε + |w|). ε
    stays when a call replaces the strength. Other parametrizations:

    - Candès, Wakin & Boyd: Σ log(|wᵢ| + ε) is LogSum(1/ε, ε) plus a constant;
    - skglm: `LogSumPenalty(alpha=strength·ε, eps=ε)`;
    - pyproximal: `Log(sigma=strength·ε·log(1 + 1/ε), gamma=1/ε)`.

    Its prox with step size t is the global minimizer for every t: 0, or the larger root of
    u² + (ε − |w|)·u + ε·(t·λ − |w|) = 0,

        u = |w| − 2·t·λ·ε / (|w| + ε + √((|w| + ε)² − 4·t·λ·ε)),

    whichever has the smaller objective; for t·λ <= ε the objective is convex, and u > 0 exactly
    if |w| > t·λ.

    Args:
        strength: λ, a finite float >= 0. Defaults to 0.01.
        epsilon: ε, the size of a weight at which the slope has halved, a finite float > 0.
            ε → ∞ is L1. Defaults to 0.1.

    Raises:
        ValueError: If an argument is not a finite float in its range.

    Example:

    >>> np.asarray(LogSum(strength=1.0, epsilon=1.0).prox([0.5, 1.0, 3.0], step_size=1.0))
    array([0.      , 0.      , 2.732051], dtype=float32)

    References:
        - Candès, Wakin & Boyd, Enhancing sparsity by reweighted l1 minimization (2008), eq. 2.4.
        - Prater-Bennette, Shen & Tripp, The proximity operator of the log-sum penalty (2022),
          theorem 2, where the threshold has no closed form: here the two values are compared.
    """

    def __init__(self, strength: float = 0.01, epsilon: float = 0.1):
        self.strength = finite_float("strength", strength, minimum=0)
        self.epsilon = float_between("epsilon", epsilon, 0)

    def _elementwise(self, w: Tensor, strength: Tensor) -> Tensor:
        return strength * self.epsilon * ops.log1p(ops.abs(w) / self.epsilon)

    def _slope(self, w: Tensor, strength: Tensor) -> Tensor:
        return ops.sign(w) * (strength / (1 + ops.abs(w) / self.epsilon))

    def _prox(self, w: Tensor, step_size: Tensor, strength: Tensor) -> Tensor:
        modulus, threshold = ops.abs(w), step_size * strength
        product = threshold * self.epsilon
        total, twice = modulus + self.epsilon, 2 * ops.sqrt(product)
        # Two factors, as the square of a large weight would overflow; 0 where there is no root,
        # also if the product is infinite, when the second factor is.
        root = ops.sqrt(ops.relu(total - twice)) * ops.sqrt(total + twice)
        root = ops.where(total > twice, root, 0.0)
        larger = ops.relu(modulus - 2 * product / (total + root))
        objective = larger * (larger / 2 - modulus) + product * ops.log1p(larger / self.epsilon)
        # In the convex case the two values may differ by less than their rounding.
        is_zero = ops.where(threshold <= self.epsilon, modulus <= threshold, objective >= 0)
        return _signed(ops.where(is_zero, 0.0, larger), w)

    def get_config(self) -> dict[str, float]:
        """The arguments of the constructor, as Keras saves them."""
        return {"strength": self.strength, "epsilon": self.epsilon}
