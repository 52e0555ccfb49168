"""Penalties on the activities of a layer, for `activity_regularizer=`."""

from __future__ import annotations

import math

import keras
from keras import ops

from kerasreg.arguments import finite_float, float_between
from kerasreg.regularizers.penalty import Penalty
from kerasreg.regularizers.separable import with_slope
from kerasreg.regularizers.validation import maximum, minimum
from kerasreg.typing import Tensor

# As many as the numbers have bits: the root is found to the last one.
_HALVINGS = {"float32": 25, "float64": 54}


@keras.saving.register_keras_serializable(package="kerasreg")
class KLSparsity(Penalty):
    """Makes each unit active in a share ρ of the cases: the penalty of the sparse autoencoder.

        P(w) = batch_size·λ·Σ_j KL(ρ‖m_j),
        KL(ρ‖m) = ρ·log(ρ/m) + (1 − ρ)·log((1 − ρ)/(1 − m)),

    with λ = `strength`, ρ = `target` and m_j the mean of the activities of unit j over all axes
    but the last, the first of which counts the batch (an array with one axis is a batch of one).
    Keras divides the penalty of an `activity_regularizer` by the batch size, so that the loss
    gets λ·Σ_j KL(ρ‖m_j) for every batch size. The means are those of the batch, not of the data.

    Activities are expected between 0 and 1, as from a sigmoid. KL grows without bound at 0
    and 1; below m = ρ/100 and above m = 1 − (1 − ρ)/100 the curve therefore goes on along its
    tangent. So P is convex, defined for all activities, and its slope is at most about 100·λ (a
    unit that is never active would else have an infinite gradient).

    Unlike the penalties on weights, it is smallest at the target, not at zero, and smooth
    everywhere. At zero its slope is about −99·λ for every activity: unless all the gradients of
    the data loss happened to be the same 99·λ, zero is stationary at no strength, and
    `strength_max` is inf.

    Its prox moves all activities of unit j along their step sizes t by one multiple:
    uᵢ = wᵢ − tᵢ·κ·KL'(ρ‖m_j), with κ = λ·batch_size/n for means of n activities, where the new
    mean m_j is the root of m + mean(t)·κ·KL'(ρ‖m) = mean(w).

    Args:
        strength: λ, a finite float >= 0. Defaults to 0.01.
        target: ρ, the wanted mean activity, a float between 0 and 1, both excluded. Defaults to
            0.05.

    Raises:
        ValueError: If an argument is not a finite float in its range.

    Example:

    >>> penalty = KLSparsity(strength=1.0, target=0.5)
    >>> round(float(penalty([[0.2, 0.4], [0.2, 0.6]])), 6)  # 2·KL(0.5‖0.2): unit 2 is on target
    0.446287
    >>> layer = keras.layers.Dense(64, activation="sigmoid", activity_regularizer=KLSparsity(0.1))

    References:
        - Ng, CS294A lecture notes: Sparse autoencoder (2011), section 3, where β is λ. The tangents
          are not in there.
    """

    def __init__(self, strength: float = 0.01, target: float = 0.05):
        self.strength = finite_float("strength", strength, minimum=0)
        self.target = float_between("target", target, 0, 1)

    def _value(self, w: Tensor, strength: Tensor) -> Tensor:
        def value(w: Tensor) -> Tensor:
            means = self._means(w)
            inside = self._inside(means)
            # The two logarithms nearly cancel at the target, where log rounds by ρ units and log1p
            # by none. Not log1p twice: jaxlib 0.10.2 sums that wrongly on CPUs, from 4096 terms on.
            excess = (inside - self.target) / (1 - self.target)
            divergence = -self.target * ops.log(inside / self.target)
            divergence -= (1 - self.target) * ops.log1p(-excess)
            tangent = self._derivative(inside) * (means - inside)
            factor = self._per_activity(w, strength) * self._sizes(w)[1]
            return factor * ops.sum(ops.relu(divergence) + tangent)

        return with_slope(value, lambda w: self._slope(w, strength), w)

    def _slope(self, w: Tensor, strength: Tensor) -> Tensor:
        slopes = self._per_activity(w, strength) * self._derivative(self._inside(self._means(w)))
        return ops.broadcast_to(slopes, ops.shape(w))

    def _prox(self, w: Tensor, step_size: Tensor, strength: Tensor) -> Tensor:
        means = self._means(w)
        factor = self._per_activity(w, strength)
        mean_step = step_size if len(step_size.shape) == 0 else self._means(step_size)
        # Sought is the multiple of the steps. It lies between 0 and the slope at the old mean, and
        # does not carry the mean past the target: then rounding costs w one unit, for any step.
        excess = means - self.target
        slope = factor * ops.abs(self._derivative(self._inside(means)))
        far = ops.sign(excess) * minimum(slope, ops.abs(excess) / mean_step)
        near = ops.zeros_like(far)
        for _ in range(_HALVINGS[keras.backend.standardize_dtype(w.dtype)]):
            middle = (near + far) / 2
            slope = factor * ops.abs(self._derivative(self._inside(means - mean_step * middle)))
            goes_on = ops.abs(middle) < slope
            near, far = ops.where(goes_on, middle, near), ops.where(goes_on, far, middle)
        return w - step_size * far

    def _subdiff_distance(self, w: Tensor, grad: Tensor, strength: Tensor) -> Tensor:
        return ops.abs(grad + self._slope(w, strength))

    def _strength_max(self, grad: Tensor) -> Tensor:
        steepest = ops.max(ops.abs(grad), initial=0.0)
        return ops.where(steepest > 0, math.inf, steepest)

    def _sizes(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """The batch size, unknown until the program runs or not, and the activities in a mean."""
        shape = ops.shape(w)[:-1]
        batch_size = shape[0] if shape else 1
        return ops.cast(batch_size, w.dtype), ops.cast(math.prod(shape), w.dtype)

    def _per_activity(self, w: Tensor, strength: Tensor) -> Tensor:
        batch_size, count = self._sizes(w)
        return strength * batch_size / maximum(count, 1)

    def _means(self, w: Tensor) -> Tensor:
        axes = tuple(range(len(w.shape) - 1))
        if not axes:
            return w
        # No activities have the mean 0, and a penalty of 0.
        return ops.sum(w, axis=axes, keepdims=True) / maximum(self._sizes(w)[1], 1)

    def _ends(self) -> tuple[float, float]:
        """The means between which KL is followed; outside, its tangents are."""
        return self.target / 100, 1 - (1 - self.target) / 100

    def _inside(self, means: Tensor) -> Tensor:
        low, high = self._ends()
        return minimum(maximum(means, low), high)

    def _derivative(self, means: Tensor) -> Tensor:
        return (means - self.target) / (means * (1 - means))

    def get_config(self) -> dict[str, float]:
        """The arguments of the constructor, as Keras saves them."""
        return {"strength": self.strength, "target": self.target}
