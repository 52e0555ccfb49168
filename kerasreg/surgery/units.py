"""Units of a model and what is known of them while its channels are followed.

A unit is what a layer makes of its own: of a dense layer one output, of a convolutional one a
filter. A channel of any tensor has the number of the unit that it comes from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

# The functions of `keras.activations` that treat every number alone.
_ACTIVATIONS = {
    *("linear", "relu", "relu6", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "mish"),
    *("sigmoid", "sparse_sigmoid", "hard_sigmoid", "hard_silu", "log_sigmoid"),
    *("tanh", "hard_tanh", "tanh_shrink", "softplus", "softsign", "squareplus", "sparse_plus"),
    *("exponential", "soft_shrink", "hard_shrink", "threshold"),
}
ELEMENTWISE_LAYERS = (layers.ReLU, layers.LeakyReLU, layers.ELU, layers.Identity)


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


class Units:
    """Units by number: which go together, which have to stay and why, and the layers that change.

    Attributes:
        sites: The layers that change with the channels, by `id(layer)`.
        reasons: Units that have to stay, and the reason.
    """

    def __init__(self) -> None:
        self.sites: dict[int, Site] = {}
        self.reasons: list[tuple[NDArray[np.intp], str]] = []
        self._parent: list[int] = []

    def fresh(self, n: int) -> np.ndarray:
        """The numbers of units that a layer makes."""
        start = len(self._parent)
        self._parent.extend(range(start, start + n))
        return np.arange(start, start + n)

    def unite(self, first: np.ndarray, second: np.ndarray) -> None:
        """Lets pairs of units stay or go together."""
        for a, b in {*zip(first.tolist(), second.tolist(), strict=True)}:
            self._parent[self._root(a)] = self._root(b)

    def protect(self, ids: np.ndarray, reason: str) -> None:
        """Lets units stay."""
        self.reasons.append((ids, reason))

    def unknown(self, shape: tuple[int | None, ...], reason: str) -> Channels:
        """A tensor of which nothing may go and nothing is constant."""
        n = shape[-1] if len(shape) > 1 else None
        ids = self.fresh(n or 0)
        self.protect(ids, reason)
        axis = len(shape) - 1 if n is not None else None
        return Channels(axis, ids, np.full(len(ids), np.nan), tuple(shape))

    def along(self, channels: Channels, axis: int, n: int, reason: str) -> Channels:
        """The channels along another axis: themselves, or unknown if theirs is elsewhere."""
        if channels.axis == axis and len(channels.ids) == n:
            return channels
        self.protect(channels.ids, reason)
        ids = self.fresh(n)
        self.protect(ids, reason)
        return Channels(axis, ids, np.full(n, np.nan), channels.shape)

    def roots(self) -> NDArray[np.intp]:
        """For each unit the one that stands for all that stay or go with it."""
        return np.array([self._root(i) for i in range(len(self._parent))], dtype=int)

    def _root(self, i: int) -> int:
        while self._parent[i] != i:
            self._parent[i] = i = self._parent[self._parent[i]]
        return i


def at_format(known: Units, layer: Any, source: Channels, n: int) -> Channels:
    axis = 1 if layer.data_format == "channels_first" else len(source.shape) - 1
    reason = f"the layer '{layer.name}' reads another axis than theirs"
    return known.along(source, axis, n, reason)


def is_elementwise(activation: Any) -> bool:
    if isinstance(activation, layers.Layer):
        return type(activation) in ELEMENTWISE_LAYERS
    name = getattr(activation, "__name__", "")
    return name in _ACTIVATIONS and getattr(keras.activations, name, None) is activation


def evaluated(call: Callable[..., Any], *constants: np.ndarray) -> np.ndarray:
    """A function of constants, NaN where one of them is not known."""
    known = np.isfinite(constants).all(axis=0)
    tensors = [
        keras.ops.convert_to_tensor(np.where(known, c, 0.0)[None], "float32") for c in constants
    ]
    value = keras.ops.convert_to_numpy(call(*tensors))[0].astype(float)
    return np.where(known & np.isfinite(value), value, np.nan)
