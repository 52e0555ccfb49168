"""What is known of a tensor and of a layer while the channels of a model are followed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray


class Channels(NamedTuple):
    """What is known of a tensor: its axis of channels, and of each channel unit and value.

    `axis` counts from the batch axis, 0. It is None, and the arrays are empty, if the tensor has
    no axis of known length. `constant` is NaN for a channel that depends on the inputs.
    """

    axis: int | None
    ids: NDArray[np.intp]
    constant: NDArray[np.float64]
    shape: tuple[int | None, ...]


@dataclass
class Reading:
    """How a dense or convolutional layer reads the channels of its input.

    `uses[i, j]` says whether unit j has a weight from channel i that is not zero. `folding[i, j]`
    is what a constant 1 in channel i adds to unit j at every position; None if that is not the
    same at every position, as at the borders of a padded image.
    """

    source: Channels
    units: NDArray[np.intp]
    uses: NDArray[np.bool_]
    folding: np.ndarray | None

    def absorbed(self) -> NDArray[np.bool_]:
        """Channels of the input that the bias can replace, whatever their weights are."""
        value = self.source.constant
        return np.isfinite(value) if self.folding is not None else value == 0


@dataclass
class Site:
    """A layer that changes with the channels: its sizes, its variables and what it reads."""

    layer: keras.layers.Layer
    sizes: dict[str, np.ndarray] = field(default_factory=dict)
    target_shape: tuple[int, np.ndarray] | None = None
    slices: dict[str, list[tuple[int, np.ndarray]]] = field(default_factory=dict)
    reading: Reading | None = None

    @property
    def units(self) -> np.ndarray | None:
        """Ids of the units that this layer itself makes."""
        return next(iter(self.sizes.values()), None)
