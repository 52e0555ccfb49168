"""What layers that make units of their own do to channels: dense, convolutional, embedding.

A rule notes in the analysis how the layer reads its input and which of its variables change with
the units, and returns what is known of the output, or the reason why the layer is left whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import layers

from kerasreg.surgery.sites import Channels, Reading, Site
from kerasreg.variables import values_of

if TYPE_CHECKING:
    from kerasreg.surgery.channels import Analysis

# The functions of `keras.activations` that treat every number alone.
_ACTIVATIONS = {
    *("linear", "relu", "relu6", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "mish"),
    *("sigmoid", "sparse_sigmoid", "hard_sigmoid", "hard_silu", "log_sigmoid"),
    *("tanh", "hard_tanh", "tanh_shrink", "softplus", "softsign", "squareplus", "sparse_plus"),
    *("exponential", "soft_shrink", "hard_shrink", "threshold"),
}
ELEMENTWISE_LAYERS = (layers.ReLU, layers.LeakyReLU, layers.ELU, layers.Identity)


def dense(analysis: Analysis, node: Any, sources: list[Channels]) -> Channels | str:
    layer = node.operation
    kernel = values_of(layer.kernel)
    source = _last(analysis, layer, sources[0], kernel.shape[0])
    units = _read(analysis, layer, "units", source, kernel != 0, kernel)
    site = analysis.sites[id(layer)]
    site.slices = {"kernel": [(0, source.ids), (1, units)], "bias": [(0, units)]}
    return _made(analysis, node, units, len(node.outputs[0].shape) - 1)


def convolution(analysis: Analysis, node: Any, sources: list[Channels]) -> Channels | str:
    layer = node.operation
    if layer.groups != 1:
        return "its convolution is in groups"
    kernel = values_of(layer.kernel)
    spatial = tuple(range(kernel.ndim - 2))
    source = at_format(analysis, layer, sources[0], kernel.shape[-2])
    folding = kernel.sum(axis=spatial, dtype=float) if layer.padding == "valid" else None
    units = _read(analysis, layer, "filters", source, (kernel != 0).any(axis=spatial), folding)
    slices = {"kernel": [(-2, source.ids), (-1, units)], "bias": [(0, units)]}
    analysis.sites[id(layer)].slices = slices
    return _made(analysis, node, units, source.axis)


def transpose(analysis: Analysis, node: Any, sources: list[Channels]) -> Channels | str:
    layer = node.operation
    kernel = values_of(layer.kernel)
    spatial = tuple(range(kernel.ndim - 2))
    source = at_format(analysis, layer, sources[0], kernel.shape[-1])
    # With strides, how many weights meet at a position differs even far from the borders.
    units = _read(analysis, layer, "filters", source, (kernel != 0).any(axis=spatial).T, None)
    slices = {"kernel": [(-1, source.ids), (-2, units)], "bias": [(0, units)]}
    analysis.sites[id(layer)].slices = slices
    return _made(analysis, node, units, source.axis)


def separable(analysis: Analysis, node: Any, sources: list[Channels]) -> Channels | str:
    layer = node.operation
    depthwise, pointwise = values_of(layer.depthwise_kernel), values_of(layer.pointwise_kernel)
    spatial = tuple(range(depthwise.ndim - 2))
    source = at_format(analysis, layer, sources[0], depthwise.shape[-2])
    n, multiplier = depthwise.shape[-2:]
    points = pointwise.reshape(n, multiplier, -1)
    alive = (depthwise != 0).any(axis=spatial)[:, :, None]
    folding = None
    if layer.padding == "valid":
        folding = np.einsum("im,imj->ij", depthwise.sum(axis=spatial, dtype=float), points)
    units = _read(analysis, layer, "filters", source, (alive & (points != 0)).any(axis=1), folding)
    analysis.sites[id(layer)].slices = {
        "depthwise_kernel": [(-2, source.ids)],
        "pointwise_kernel": [(-2, np.repeat(source.ids, multiplier)), (-1, units)],
        "bias": [(0, units)],
    }
    return _made(analysis, node, units, source.axis)


def embedding(analysis: Analysis, node: Any, sources: list[Channels]) -> Channels | str:
    layer = node.operation
    analysis.protect(sources[0].ids, f"the layer '{layer.name}' looks them up")
    table = values_of(layer.embeddings)
    units = analysis.fresh(table.shape[1])
    analysis.sites[id(layer)] = Site(
        layer, sizes={"output_dim": units}, slices={"embeddings": [(1, units)]}
    )
    same = (table == table[0]).all(axis=0)
    constant = np.where(same, table[0].astype(float), np.nan)
    shape = tuple(node.outputs[0].shape)
    return Channels(len(shape) - 1, units, constant, shape)


def _read(
    analysis: Analysis,
    layer: Any,
    size: str,
    source: Channels,
    uses: np.ndarray,
    folding: np.ndarray | None,
) -> np.ndarray:
    """Notes how a layer reads its input and gives its units, protected if they depend on others."""
    units = analysis.fresh(uses.shape[1])
    reading = Reading(source, units, uses, folding)
    analysis.sites[id(layer)] = Site(layer, sizes={size: units}, reading=reading)
    if not is_elementwise(layer.activation):
        name = getattr(layer.activation, "__name__", type(layer.activation).__name__)
        analysis.protect(units, f"its activation '{name}' is not known to treat each unit alone")
    return units


def _made(analysis: Analysis, node: Any, units: np.ndarray, axis: int | None) -> Channels:
    """The output of a layer with its own units: constant where all that they read is constant."""
    layer = node.operation
    reading = analysis.sites[id(layer)].reading
    assert reading is not None
    absorbed = reading.absorbed()
    constant = np.zeros(len(units)) if layer.bias is None else values_of(layer.bias).astype(float)
    if reading.folding is not None:
        constant = constant + reading.source.constant[absorbed] @ reading.folding[absorbed]
    constant = np.where(reading.uses[~absorbed].any(axis=0), np.nan, constant)
    if is_elementwise(layer.activation):
        constant = evaluated(lambda value: layer.activation(value), constant)
    else:
        constant = np.full(len(units), np.nan)
    return Channels(axis, units, constant, tuple(node.outputs[0].shape))


def _last(analysis: Analysis, layer: Any, source: Channels, n: int) -> Channels:
    reason = f"the layer '{layer.name}' reads another axis than theirs"
    return analysis.along(source, len(source.shape) - 1, n, reason)


def at_format(analysis: Analysis, layer: Any, source: Channels, n: int) -> Channels:
    axis = 1 if layer.data_format == "channels_first" else len(source.shape) - 1
    reason = f"the layer '{layer.name}' reads another axis than theirs"
    return analysis.along(source, axis, n, reason)


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
