"""What each layer of Keras does to channels: one rule for a kind of layer.

A rule takes what is known of the inputs, notes down how the layer changes with its channels, and
returns what is known of the output, or the reason why the layer is left whole. Only the classes
that are named here have a rule, not their subclasses, and only with the variables that they have
by themselves: quantized layers and those with LoRA adapters have others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers
from keras.src.ops import nn as nn_ops
from keras.src.ops import numpy as numpy_ops

from kerasreg.surgery import unit_rules
from kerasreg.surgery.layer_kinds import CONVOLUTIONS, DEPTHWISE, SEPARABLE, TRANSPOSES
from kerasreg.surgery.units import (
    ELEMENTWISE_LAYERS,
    Channels,
    Site,
    Units,
    at_format,
    evaluated,
    is_elementwise,
)
from kerasreg.variables import values_of

# At inference they pass everything on.
_NOISE_LAYERS = (
    *(layers.Dropout, layers.AlphaDropout, layers.GaussianDropout, layers.GaussianNoise),
    *(layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D),
    layers.ActivityRegularization,
)
_MERGES = (
    *(layers.Add, layers.Subtract, layers.Average, layers.Maximum, layers.Minimum),
    *(numpy_ops.Add, numpy_ops.Subtract, numpy_ops.Maximum, numpy_ops.Minimum),
)
_PRODUCTS = (layers.Multiply, numpy_ops.Multiply)
_QUOTIENTS = (numpy_ops.Divide, numpy_ops.TrueDivide)
_ELEMENTWISE_OPERATIONS = (
    *(nn_ops.Relu, nn_ops.Relu6, nn_ops.LeakyRelu, nn_ops.Elu, nn_ops.Celu, nn_ops.Selu),
    *(nn_ops.Gelu, nn_ops.Silu, nn_ops.Sigmoid, nn_ops.HardSigmoid, nn_ops.HardSilu),
    *(nn_ops.Softplus, nn_ops.Softsign, nn_ops.HardTanh),
    *(numpy_ops.Tanh, numpy_ops.Negative, numpy_ops.Abs, numpy_ops.Absolute, numpy_ops.Square),
)
_MAX_POOLING = (layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D)
_AVERAGE_POOLING = (layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D)
_GLOBAL_POOLING = (
    *(layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D, layers.GlobalMaxPooling3D),
    *(layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D),
    layers.GlobalAveragePooling3D,
)
_UP_SAMPLING = (layers.UpSampling1D, layers.UpSampling2D, layers.UpSampling3D)
_CROPPING = (layers.Cropping1D, layers.Cropping2D, layers.Cropping3D)
_PADDING = (layers.ZeroPadding1D, layers.ZeroPadding2D, layers.ZeroPadding3D)


def passed(known: Units, node: Any, sources: list[Channels], shared: bool) -> Channels | str:
    """What a call of a layer or operation makes of channels, or the reason to leave it whole.

    Args:
        known: Takes down which sizes and variables of the layer change.
        node: The call.
        sources: What is known of the inputs, in the order of `node.arguments.keras_tensors`.
        shared: Whether there are other calls of the layer. It has no variables then, or only the
            state of a seed generator.
    """
    operation = node.operation
    rule = _RULES.get(type(operation))
    if rule is None:
        return f"nothing is known of the class {type(operation).__name__}"
    if isinstance(operation, layers.Layer) and _foreign_variables(operation):
        return "it has variables that its class alone does not have"
    if shared and rule is _reshape:
        return "it is used more than once"
    return rule(known, node, sources)


def _foreign_variables(layer: layers.Layer) -> bool:
    own = _VARIABLES.get(type(layer), ())
    held = {id(getattr(layer, name, None)) for name in own}
    states = layer.non_trainable_variables if isinstance(layer, _NOISE_LAYERS) else ()
    known = held | {id(variable) for variable in states}
    return any(id(variable) not in known for variable in layer.variables)


# Layers that treat each channel alone.


def _depthwise(known: Units, node: Any, sources: list[Channels]) -> Channels | str:
    layer = node.operation
    if not is_elementwise(layer.activation):
        return "its activation is not known to treat each channel alone"
    kernel = values_of(layer.kernel)
    spatial = tuple(range(kernel.ndim - 2))
    n, multiplier = kernel.shape[-2:]
    source = at_format(known, layer, sources[0], n)
    ids = np.repeat(source.ids, multiplier)
    known.sites[id(layer)] = Site(layer, slices={"kernel": [(-2, source.ids)], "bias": [(0, ids)]})
    dead = ~(kernel != 0).any(axis=spatial)
    value = source.constant[:, None]
    # At the borders of a padded image fewer weights are met.
    folding = kernel.sum(axis=spatial, dtype=float) if layer.padding == "valid" else np.nan
    added = np.where(dead | (value == 0), 0.0, value * folding)
    bias = 0.0 if layer.bias is None else values_of(layer.bias).astype(float)
    constant = evaluated(lambda v: layer.activation(v), added.reshape(-1) + bias)
    return Channels(source.axis, ids, constant, tuple(node.outputs[0].shape))


def _batch_normalization(known: Units, node: Any, sources: list[Channels]) -> Channels | str:
    layer = node.operation
    source = sources[0]
    if source.axis is None or layer.axis % len(source.shape) != source.axis:
        return "it does not normalize the axis of the channels"
    names = _VARIABLES[layers.BatchNormalization]
    known.sites[id(layer)] = Site(layer, slices={name: [(0, source.ids)] for name in names})
    mean, variance = values_of(layer.moving_mean), values_of(layer.moving_variance)
    scale = 1 / np.sqrt(variance.astype(float) + layer.epsilon)
    if layer.scale:
        scale = scale * values_of(layer.gamma)
    shifted = np.where(scale == 0, 0.0, (source.constant - mean) * scale)
    constant = shifted + (values_of(layer.beta) if layer.center else 0.0)
    return source._replace(constant=constant)


def _prelu(known: Units, node: Any, sources: list[Channels]) -> Channels | str:
    layer, source = node.operation, sources[0]
    alpha = values_of(layer.alpha)
    if source.axis is None:
        return "the number of its channels is not known"
    own = np.moveaxis(alpha, source.axis - 1, 0)
    own = own.reshape(len(own), -1)
    if len(own) == len(source.ids) > 1:
        slices = {"alpha": [(source.axis - 1, source.ids)]}
        known.sites[id(layer)] = Site(layer, slices=slices)
    slope = np.where((own == own[:, :1]).all(axis=1), own[:, 0].astype(float), np.nan)
    value = source.constant
    return source._replace(constant=np.where(value >= 0, value, value * slope))


def _elementwise(known: Units, node: Any, sources: list[Channels]) -> Channels | str:
    """Everything that computes each number of the output from those at the same place."""
    operation = node.operation
    if isinstance(operation, layers.Activation) and not is_elementwise(operation.activation):
        name = getattr(operation.activation, "__name__", "that it has")
        return f"the activation '{name}' is not known to treat each channel alone"
    if isinstance(operation, layers.Rescaling) and (
        np.ndim(operation.scale) or np.ndim(operation.offset)
    ):
        return "it has a scale or an offset for each channel"
    arguments = node.arguments
    plain = [*keras.tree.flatten(arguments.args), *keras.tree.flatten(arguments.kwargs)]
    if any(np.ndim(x) for x in plain if not isinstance(x, keras.KerasTensor)):
        return "it is called with an array"
    if isinstance(operation, _QUOTIENTS) and (
        len(sources) > 1 or not isinstance(arguments.args[0], keras.KerasTensor)
    ):
        return "it divides by channels, which may be zero"
    first = sources[0]
    if any(
        source.axis is None
        or source.axis != first.axis
        or len(source.shape) != len(first.shape)
        or len(source.ids) != len(first.ids)
        for source in sources
    ):
        return "its inputs do not have the same channels"
    noise_shape = getattr(operation, "noise_shape", None)
    if noise_shape is not None and noise_shape[first.axis] not in (None, 1):
        return "its `noise_shape` names the number of channels"
    for source in sources[1:]:
        known.unite(first.ids, source.ids)
    tensors = [id(x) for x in arguments.keras_tensors]

    def call(*values: Any) -> Any:
        args, kwargs = arguments.fill_in(dict(zip(tensors, values, strict=True)))
        return operation.call(*args, **kwargs)

    constant = evaluated(call, *(source.constant for source in sources))
    if isinstance(operation, _PRODUCTS):
        constant = np.where(np.any([s.constant == 0 for s in sources], axis=0), 0.0, constant)
    return first._replace(constant=constant, shape=tuple(node.outputs[0].shape))


def _pooling(known: Units, node: Any, sources: list[Channels]) -> Channels | str:
    """Pooling, cropping, padding and enlarging, which leave the axis of the channels alone."""
    layer, source = node.operation, sources[0]
    shape = tuple(node.outputs[0].shape)
    data_format = getattr(layer, "data_format", "channels_last")
    expected = 1 if data_format == "channels_first" else len(source.shape) - 1
    if source.axis != expected:
        return "it does not have the channels where its `data_format` says"
    constant = source.constant
    pads = isinstance(layer, _PADDING) and np.any(layer.padding)
    if pads or (isinstance(layer, _AVERAGE_POOLING) and layer.padding != "valid"):
        constant = np.where(constant == 0, 0.0, np.nan)
    axis = len(shape) - 1 if len(shape) < len(source.shape) else expected
    return source._replace(axis=axis, constant=constant, shape=shape)


def _repeat(known: Units, node: Any, sources: list[Channels]) -> Channels | str:
    if sources[0].axis is None:
        return "the number of its channels is not known"
    return sources[0]._replace(axis=2, shape=tuple(node.outputs[0].shape))


def _concatenation(known: Units, node: Any, sources: list[Channels]) -> Channels | str:
    first = sources[0]
    shape = tuple(node.outputs[0].shape)
    if any(s.axis is None or s.axis != first.axis for s in sources):
        return "its inputs do not have their channels along the same axis"
    if node.operation.axis % len(shape) == first.axis:
        ids = np.concatenate([s.ids for s in sources])
        constant = np.concatenate([s.constant for s in sources])
        return first._replace(ids=ids, constant=constant, shape=shape)
    constant = first.constant
    for source in sources[1:]:
        known.unite(first.ids, source.ids)
        constant = np.where(constant == source.constant, constant, np.nan)
    return first._replace(constant=constant, shape=shape)


# Layers that move the numbers about.


def _flatten(known: Units, node: Any, sources: list[Channels]) -> Channels | str:
    def moved(grid: np.ndarray) -> np.ndarray:
        if node.operation.data_format == "channels_first" and grid.ndim > 1:
            grid = np.moveaxis(grid, 0, -1)
        return grid.reshape(-1)

    return _moved(known, node, sources[0], moved)


def _reshape(known: Units, node: Any, sources: list[Channels]) -> Channels | str:
    shape = tuple(node.outputs[0].shape[1:])
    out = _moved(known, node, sources[0], lambda grid: grid.reshape(shape))
    if not isinstance(out, str):
        assert out.axis is not None
        known.sites[id(node.operation)] = Site(node.operation, target_shape=(out.axis - 1, out.ids))
    return out


def _permutation(known: Units, node: Any, sources: list[Channels]) -> Channels | str:
    if sources[0].axis is None:
        return "the number of its channels is not known"
    axis = node.operation.dims.index(sources[0].axis) + 1
    return sources[0]._replace(axis=axis, shape=tuple(node.outputs[0].shape))


def _moved(
    known: Units, node: Any, source: Channels, move: Callable[[np.ndarray], np.ndarray]
) -> Channels | str:
    """Channels after their numbers were put elsewhere without changing their order in memory."""
    shape = tuple(node.outputs[0].shape)
    if source.axis is None or None in source.shape[1:] or None in shape[1:] or len(shape) < 2:
        return "the shape of its input is not known"

    def grid(values: np.ndarray) -> np.ndarray:
        along = [1] * (len(source.shape) - 1)
        along[source.axis - 1] = -1  # type: ignore[operator]
        return move(np.broadcast_to(values.reshape(along), source.shape[1:]))  # type: ignore[arg-type]

    ids, constant = grid(source.ids), grid(source.constant)
    varying = [a for a in range(ids.ndim) if (ids != ids.take([0], axis=a)).any()]
    axis = varying[0] if len(varying) == 1 else ids.ndim - 1
    ids = np.moveaxis(ids, axis, -1).reshape(-1, ids.shape[axis])
    constant = np.moveaxis(constant, axis, -1).reshape(ids.shape)
    if len(varying) > 1:  # units at several places of one channel go together or not at all
        known.unite(np.broadcast_to(ids[0], ids.shape).reshape(-1), ids.reshape(-1))
    same = (constant == constant[0]).all(axis=0)
    return Channels(axis + 1, ids[0], np.where(same, constant[0], np.nan), shape)


_VARIABLES: dict[type, tuple[str, ...]] = {
    layers.Dense: ("kernel", "bias"),
    layers.Embedding: ("embeddings",),
    layers.BatchNormalization: ("gamma", "beta", "moving_mean", "moving_variance"),
    layers.PReLU: ("alpha",),
    **dict.fromkeys((*CONVOLUTIONS, *TRANSPOSES, *DEPTHWISE), ("kernel", "bias")),
    **dict.fromkeys(SEPARABLE, ("depthwise_kernel", "pointwise_kernel", "bias")),
}

_RULES: dict[type, Callable[[Units, Any, list[Channels]], Channels | str]] = {
    layers.Dense: unit_rules.dense,
    **dict.fromkeys(CONVOLUTIONS, unit_rules.convolution),
    **dict.fromkeys(TRANSPOSES, unit_rules.transpose),
    **dict.fromkeys(SEPARABLE, unit_rules.separable),
    layers.Embedding: unit_rules.embedding,
    **dict.fromkeys(DEPTHWISE, _depthwise),
    layers.BatchNormalization: _batch_normalization,
    layers.PReLU: _prelu,
    **dict.fromkeys((layers.Activation, layers.Rescaling, *ELEMENTWISE_LAYERS), _elementwise),
    **dict.fromkeys((*_NOISE_LAYERS, *_MERGES, *_PRODUCTS), _elementwise),
    **dict.fromkeys((*_QUOTIENTS, *_ELEMENTWISE_OPERATIONS), _elementwise),
    **dict.fromkeys((*_MAX_POOLING, *_AVERAGE_POOLING, *_GLOBAL_POOLING), _pooling),
    **dict.fromkeys((*_UP_SAMPLING, *_CROPPING, *_PADDING), _pooling),
    layers.RepeatVector: _repeat,
    layers.Concatenate: _concatenation,
    layers.Flatten: _flatten,
    layers.Reshape: _reshape,
    layers.Permute: _permutation,
}
