"""What all descents share: steps of constant length, and the checks of what they are given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kerasreg.arguments import float_between, invalid_argument, whole_number
from kerasreg.checks import sample_array


@dataclass(frozen=True)
class Descent:
    """The weights of a descent, step by step.

    Args:
        path: Weights of shape `(steps + 1, n_weights)`; the first row is the initial weights.

    Example:

    >>> note = kerasreg.datasets.note_line()
    >>> descent = kerasreg.descent.lasso_descent(note.x, note.y, 0.1, note.initial_weights, steps=5)
    >>> descent.path.shape
    (6, 2)
    >>> bool((descent.weights == descent.path[-1]).all())
    True
    """

    path: NDArray[np.float64]

    @property
    def weights(self) -> NDArray[np.float64]:
        """The weights after the last step, shape `(n_weights,)`."""
        last: NDArray[np.float64] = self.path[-1]
        return last


def descend(
    gradient: Any, n_weights: int, initial_weights: ArrayLike, learning_rate: float, steps: int
) -> NDArray[np.float64]:
    """Steps of constant length along a gradient, as the path of shape `(steps + 1, n_weights)`."""
    check_rate_and_steps(learning_rate, steps)
    w = initial_values(initial_weights, n_weights)
    path = np.empty((steps + 1, n_weights))
    path[0] = w
    with np.errstate(over="ignore", invalid="ignore"):  # said below, in one line
        for step in range(1, steps + 1):
            w = w - learning_rate * gradient(w)
            path[step] = w
    finite = np.isfinite(path).all(axis=1)
    if not finite.all():
        raise FloatingPointError(
            f"The descent diverged: a weight is NaN or infinite at step {int(finite.argmin())}. "
            f"Try a smaller learning rate. Received: learning_rate={learning_rate!r}"
        )
    return path


def check_rate_and_steps(learning_rate: Any, steps: Any) -> None:
    float_between("learning_rate", learning_rate, 0)
    whole_number("steps", steps, minimum=1)


def initial_values(weights: ArrayLike, n_weights: int) -> NDArray[np.float64]:
    array = _finite_floats(weights)
    if array.shape != (n_weights,):
        expected = f"{n_weights} finite numbers, shape ({n_weights},)"
        raise invalid_argument("initial_weights", expected, weights)
    return array


def _finite_floats(weights: ArrayLike) -> NDArray[np.float64]:
    """Weights as doubles; an array without shape for what is no array of finite numbers."""
    try:
        array = np.asarray(weights)
    except ValueError:  # lists of different lengths
        return np.empty(())
    is_fit = array.dtype.kind in "fiub" and np.isfinite(array).all()
    return array.astype(np.float64) if is_fit else np.empty(())


def matching_samples(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Inputs `(n_samples, n_features)` and targets `(n_samples,)` as finite float64 arrays."""
    x, y = (sample_array(name, each).astype(np.float64) for name, each in (("x", x), ("y", y)))
    if x.ndim != 2 or x.size == 0:
        raise ValueError(
            "Invalid shape for argument `x`: expected (n_samples, n_features), at least one of "
            f"each. Received: x.shape={x.shape}"
        )
    if y.shape != (len(x),):
        raise ValueError(
            f"Invalid shape for argument `y`: expected one target a sample, ({len(x)},). "
            f"Received: y.shape={y.shape}"
        )
    return x, y
