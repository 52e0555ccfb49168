"""The contract of a penalty."""

from abc import abstractmethod

import keras
from keras import ops

from kerasreg.arguments import finite_float
from kerasreg.regularizers.validation import floating_tensor, scalar_like, step_size_like
from kerasreg.typing import Tensor


class Penalty(keras.Regularizer):
    """A Keras regularizer that can be minimized exactly, not only differentiated.

    A penalty P is a function of one array of weights w with a strength λ >= 0. It answers four
    questions, and nothing else in kerasreg knows a penalty's formula:

    - `P(w)`: its value, a scalar, as for every Keras regularizer;
    - `P.prox(w, step_size)`: argminᵤ Σᵢ (uᵢ − wᵢ)² / (2·step_sizeᵢ) + P(u);
    - `P.subdiff_distance(w, grad)`: how far −grad is from the subdifferential ∂P(w);
    - `P.strength_max(grad)`: the smallest λ at which w = 0 is stationary.

    To write one, give it an attribute `strength` (a plain float), `get_config`, and the four
    methods with a leading underscore below. Those receive tensors of float32 or float64 and a
    strength that is never `None`; checking and casting is done here. For a penalty that is a sum
    over coordinates, start from `SeparablePenalty`. `check_penalty` says whether its formulas fit
    each other.

    `strength` given to a call replaces λ for that call alone, and may be a tensor of the backend:
    a path over many strengths is one compiled program.

    Example:

    >>> penalty = kerasreg.regularizers.ElasticNet(strength=0.5, l1_ratio=1.0)
    >>> np.asarray(penalty.prox([2.0, -0.1, 0.0], step_size=1.0))
    array([1.5, 0. , 0. ], dtype=float32)
    """

    strength: float = 1.0
    # Whether `_prox` is a formula of one weight, in which the strength may be an array like `w`.
    is_elementwise: bool = False

    def __call__(self, w: Tensor, strength: Tensor | None = None) -> Tensor:
        """Value of the penalty.

        Args:
            w: Weights or activities, an array of any shape. Half precision is computed in
                float32.
            strength: Replaces the penalty's own λ for this call; a float >= 0 or a scalar
                tensor.

        Returns:
            A scalar tensor, float32 (float64 for float64 weights). Its automatic gradient is
            finite everywhere, zero included.

        Raises:
            ValueError: If `w` is not numeric, or `strength` is negative or not finite.
        """
        tensor = floating_tensor("w", w)
        return self._value(tensor, self._strength_or_own(strength, tensor))

    def prox(self, w: Tensor, step_size: Tensor, strength: Tensor | None = None) -> Tensor:
        """Proximal point of `w`: the *global* argminᵤ Σᵢ (uᵢ − wᵢ)² / (2·step_sizeᵢ) + P(u).

        Args:
            w: Array of any shape.
            step_size: > 0, a scalar, or one per coordinate with the shape of `w` (a diagonal
                metric, as Adam's).
            strength: Replaces the penalty's own λ for this call.

        Returns:
            A tensor of the shape and dtype of `w`; `w` itself at strength 0.

        Raises:
            ValueError: If `w` is not numeric, `step_size` is not positive or has another shape,
                or `strength` is negative or not finite.
        """
        tensor = floating_tensor("w", w)
        steps = step_size_like(step_size, tensor)
        point = self._prox(tensor, steps, self._strength_or_own(strength, tensor))
        dtype = keras.backend.standardize_dtype(w.dtype) if hasattr(w, "dtype") else point.dtype
        return ops.cast(point, dtype) if "float" in str(dtype) else point

    def subdiff_distance(self, w: Tensor, grad: Tensor, strength: Tensor | None = None) -> Tensor:
        """Residual of −grad after projection on the subdifferential ∂P(w).

        Zero everywhere exactly if `w` is a stationary point of (data loss + P). The distance of
        the whole array is the Euclidean norm of what is returned.

        Args:
            w: Array of any shape.
            grad: Gradient of the data loss at `w`, the penalty not included; the shape of `w`.
            strength: Replaces the penalty's own λ for this call.

        Returns:
            A tensor of the shape of `w` with values >= 0.

        Raises:
            ValueError: If the shapes differ, `w` or `grad` is not numeric, or `strength` is
                negative or not finite.
        """
        tensor, slope = floating_tensor("w", w), floating_tensor("grad", grad)
        if tuple(tensor.shape) != tuple(slope.shape):
            raise ValueError(
                "Invalid shape for argument `grad`: expected the shape of `w`, "
                f"{tuple(tensor.shape)}. Received: grad.shape={tuple(slope.shape)}"
            )
        slope = ops.cast(slope, tensor.dtype)
        return self._subdiff_distance(tensor, slope, self._strength_or_own(strength, tensor))

    def strength_max(self, grad: Tensor) -> Tensor:
        """Smallest strength at which w = 0 is stationary for this gradient of the data loss.

        Args:
            grad: Gradient of the data loss at w = 0, array of any shape.

        Returns:
            A scalar tensor; inf if no strength does it (a penalty that is smooth at zero), 0 if
            the gradient is zero everywhere. 0 also if every strength > 0 makes w = 0 stationary (a
            penalty whose slope is infinite at zero).
        """
        return self._strength_max(floating_tensor("grad", grad))

    def _strength_or_own(self, strength: Tensor | None, w: Tensor) -> Tensor:
        if strength is None:
            return self.strength
        if ops.is_tensor(strength) or isinstance(strength, keras.Variable):
            return scalar_like("strength", strength, w)
        return finite_float("strength", strength, minimum=0)

    @abstractmethod
    def _value(self, w: Tensor, strength: Tensor) -> Tensor: ...

    @abstractmethod
    def _prox(self, w: Tensor, step_size: Tensor, strength: Tensor) -> Tensor: ...

    @abstractmethod
    def _subdiff_distance(self, w: Tensor, grad: Tensor, strength: Tensor) -> Tensor: ...

    @abstractmethod
    def _strength_max(self, grad: Tensor) -> Tensor: ...

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({settings})"
