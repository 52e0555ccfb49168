"""What layers that make units of their own do to channels: dense, convolutional, embedding.

A rule notes down how the layer reads its input and which of its variables change with the units,
and returns what is known of the output, or the reason why the layer is left whole.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kerasreg.surgery.units import (
    Channels,
    Reading,
    Site,
    Units,
    at_format,
    evaluated,
    is_elementwise,
)
from kerasreg.variables import values_of


def dense(known: Units, node: Any, sources: list[Channels]) -> Channels | str:
    layer = node.operation
    kernel = values_of(layer.kernel)
    reason = f"the layer '{layer.name}' reads another axis than theirs"
    source = known.along(sources[0], len(sources[0].shape) - 1, kernel.shape[0], reason)
    units = _read(known, layer, "units", source, kernel != 0, kernel)
    site = known.sites[id(layer)]
    site.slices = {"kernel": [(0, source.ids), (1, units)], "bias": [(0, units)]}
    return _made(known, node, units, len(node.outputs[0].shape) - 1)


def convolution(known: Units, node: Any, sources: list[Channels]) -> Channels | str:
    layer = node.operation
    if layer.groups != 1:
        return "its convolution is in groups"
    kernel = values_of(layer.kernel)
    spatial = tuple(range(kernel.ndim - 2))
    source = at_format(known, layer, sources[0], kernel.shape[-2])
    folding = kernel.sum(axis=spatial, dtype=float) if layer.padding == "valid" else None
    units = _read(known, layer, "filters", source, (kernel != 0).any(axis=spatial), folding)
    slices = {"kernel": [(-2, source.ids), (-1, units)], "bias": [(0, units)]}
    known.sites[id(layer)].slices = slices
    return _made(known, node, units, source.axis)


def transpose(known: Units, node: Any, sources: list[Channels]) -> Channels | str:
    layer = node.operation
    kernel = values_of(layer.kernel)
    spatial = tuple(range(kernel.ndim - 2))
    source = at_format(known, layer, sources[0], kernel.shape[-1])
    # With strides, how many weights meet at a position differs even far from the borders.
    units = _read(known, layer, "filters", source, (kernel != 0).any(axis=spatial).T, None)
    slices = {"kernel": [(-1, source.ids), (-2, units)], "bias": [(0, units)]}
    known.sites[id(layer)].slices = slices
    return _made(known, node, units, source.axis)


def separable(known: Units, node: Any, sources: list[Channels]) -> Channels | str:
    layer = node.operation
    depthwise, pointwise = values_of(layer.depthwise_kernel), values_of(layer.pointwise_kernel)
    spatial = tuple(range(depthwise.ndim - 2))
    source = at_format(known, layer, sources[0], depthwise.shape[-2])
    n, multiplier = depthwise.shape[-2:]
    points = pointwise.reshape(n, multiplier, -1)
    alive = (depthwise != 0).any(axis=spatial)[:, :, None]
    folding = None
    if layer.padding == "valid":
        folding = np.einsum("im,imj->ij", depthwise.sum(axis=spatial, dtype=float), points)
    units = _read(known, layer, "filters", source, (alive & (points != 0)).any(axis=1), folding)
    known.sites[id(layer)].slices = {
        "depthwise_kernel": [(-2, source.ids)],
        "pointwise_kernel": [(-2, np.repeat(source.ids, multiplier)), (-1, units)],
        "bias": [(0, units)],
    }
    return _made(known, node, units, source.axis)


def embedding(known: Units, node: Any, sources: list[Channels]) -> Channels | str:
    layer = node.operation
    known.protect(sources[0].ids, f"the layer '{layer.name}' looks them up")
    table = values_of(layer.embeddings)
    units = known.fresh(table.shape[1])
    known.sites[id(layer)] = Site(
        layer, sizes={"output_dim": units}, slices={"embeddings": [(1, units)]}
    )
    same = (table == table[0]).all(axis=0)
    constant = np.where(same, table[0].astype(float), np.nan)
    shape = tuple(node.outputs[0].shape)
    return Channels(len(shape) - 1, units, constant, shape)


def _read(
    known: Units,
    layer: Any,
    size: str,
    source: Channels,
    uses: np.ndarray,
    folding: np.ndarray | None,
) -> np.ndarray:
    """Notes how a layer reads its input and gives its units, protected if they depend on others."""
    units = known.fresh(uses.shape[1])
    reading = Reading(source, units, uses, folding)
    known.sites[id(layer)] = Site(layer, sizes={size: units}, reading=reading)
    if not is_elementwise(layer.activation):
        name = getattr(layer.activation, "__name__", type(layer.activation).__name__)
        known.protect(units, f"its activation '{name}' is not known to treat each unit alone")
    return units


def _made(known: Units, node: Any, units: np.ndarray, axis: int | None) -> Channels:
    """The output of a layer with its own units: constant where all that they read is constant."""
    layer = node.operation
    reading = known.sites[id(layer)].reading
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
