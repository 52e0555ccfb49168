"""What a check asks a penalty, and how it says that an answer is wrong."""

from __future__ import annotations

from typing import Any, NoReturn

import keras
import numpy as np
from keras import ops

from kerasreg.regularizers.penalty import Penalty
from kerasreg.regularizers.separable import SeparablePenalty

SHAPE = (6, 5)
# Where the minimum of a coordinate is looked for, in units of w.
_GRID = np.unique(np.concatenate([[0.0], np.geomspace(1e-6, 1, 200), np.linspace(0, 1, 801)]))


class AskedPenalty:
    """A penalty with random weights to ask it about; what it answers is in float64.

    Args:
        penalty: The penalty.
        seed: Seed of the weights.
    """

    def __init__(self, penalty: Penalty, seed: int):
        self.penalty = penalty
        self.rng = np.random.default_rng(seed)
        # JAX has no float64 unless it is told to.
        self.dtype = "float32" if keras.backend.backend() == "jax" else "float64"
        signs = self.rng.choice([-1.0, 1.0], SHAPE)
        self.w = (signs * 10 ** self.rng.uniform(-3, 2, SHAPE)).astype(self.dtype)
        self.zero = np.zeros_like(self.w)
        self.is_separable = isinstance(penalty, SeparablePenalty)

    def of_value(self, w: np.ndarray, strength: Any) -> float:
        return float(ops.convert_to_numpy(self.penalty(w.astype(self.dtype), strength=strength)))

    def of_prox(self, w: np.ndarray, step_size: Any, strength: Any) -> np.ndarray:
        return self._array(self.penalty.prox(w, step_size, strength=strength))

    def distance(self, w: np.ndarray, grad: np.ndarray, strength: float) -> np.ndarray:
        w, grad = w.astype(self.dtype), grad.astype(self.dtype)
        return self._array(self.penalty.subdiff_distance(w, grad, strength=strength))

    def elementwise(self, w: np.ndarray, strength: float) -> np.ndarray:
        tensor = ops.convert_to_tensor(w.astype(self.dtype))
        return self._array(self.penalty._elementwise(tensor, strength))

    def _array(self, tensor: Any) -> np.ndarray:
        return np.asarray(ops.convert_to_numpy(tensor), "float64")

    def lowest_on_grid(
        self, w: np.ndarray, steps: np.ndarray, strength: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """The lowest objective of each coordinate between zero and w, and where it is."""
        grid = (w[..., None] * _GRID).astype(self.dtype).astype("float64")
        objective = (grid - w[..., None]) ** 2 / (2 * steps[..., None])
        objective += self.elementwise(grid, strength)
        at = objective.argmin(axis=-1)[..., None]
        lowest, place = (np.take_along_axis(x, at, axis=-1)[..., 0] for x in (objective, grid))
        return lowest, place

    def equal(self, law: str, received: Any, expected: Any, tolerance: Any, **where: Any) -> None:
        received, expected = np.asarray(received, float), np.asarray(expected, float)
        if received.shape != expected.shape:
            self.broken(law, f"shape {expected.shape}", f"shape {received.shape}")
        bad = ~(np.abs(received - expected) <= tolerance)
        if bad.any():
            at = np.unravel_index(int(np.argmax(bad)), bad.shape)
            there = {
                name: x[at] if np.ndim(x) and np.shape(x) == bad.shape else x
                for name, x in where.items()
            }
            self.broken(law, expected[at], received[at], **there)

    def broken(self, law: str, expected: Any, received: Any, **where: Any) -> NoReturn:
        def brief(x: Any) -> str:
            return " ".join(x.split()) if isinstance(x, str) else f"{x:.6g}"

        place = ", ".join(f"{name}={brief(x)}" for name, x in where.items() if np.ndim(x) == 0)
        raise ValueError(
            f"{type(self.penalty).__name__} breaks the law '{law}'{place and ' at ' + place}: "
            f"expected {brief(expected)}. Received: {brief(received)}"
        )
