"""Models built anew with other layers: same graph and names, no regularizers, not compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras.src.models.functional import Functional
from keras.src.saving.serialization_lib import SafeModeScope

from kerasreg.copies import how_to_copy, keep_function, own_objects, rebuilt
from kerasreg.global_state import global_state_kept
from kerasreg.surgery.channels import Analysis
from kerasreg.surgery.graphs import graph_of
from kerasreg.surgery.units import Site
from kerasreg.variables import values_of


class Rebuilding:
    """Builds a model anew and copies its values.

    Layers may be replaced by others. A layer that is in several places stays one.

    Args:
        replace: Gives for a layer or operation what takes its place, or None to copy it. What it
            gives is left to itself: values are copied only to copies.
        input_shapes: Gives for a model within the model the batch shapes of its inputs, or None
            if they stay.
    """

    def __init__(
        self,
        replace: Callable[[Any], list[Any] | None] = lambda layer: None,
        input_shapes: Callable[[Any], list[tuple[int | None, ...]] | None] = lambda model: None,
    ):
        self._replace, self._input_shapes = replace, input_shapes
        self._made: dict[int, list[Any]] = {}
        self._copies: list[tuple[Any, Any]] = []

    def __call__(self, model: keras.Model) -> keras.Model:
        with (
            global_state_kept(),
            keras.saving.custom_object_scope(own_objects(model)),
            SafeModeScope(safe_mode=False),
        ):
            new = self._model(model)
            for layer, copy in self._copies:
                _copy_values(layer, copy)
        _take_regularizers_off(new)
        return new

    def _model(self, model: Any) -> Any:
        graph = graph_of(model)
        assert graph is not None
        shapes = self._input_shapes(model) or [tensor.shape for tensor in graph.inputs]
        inputs = [
            keras.Input(
                batch_shape=shape,
                dtype=tensor.dtype,
                name=tensor._keras_history.operation.name,
                sparse=tensor.sparse,
                optional=tensor._keras_history.operation.optional,
            )
            for tensor, shape in zip(graph.inputs, shapes, strict=True)
        ]
        if isinstance(model, keras.Sequential):
            made = [new for layer in model.layers for new in self._new(layer)]
            return keras.Sequential([*inputs, *made], name=model.name)
        # A model of the plain class, since `clone_model` would compile a copy of a compiled one.
        plain = Functional(graph.input, graph.output, name=graph.name)
        first_of: dict[int, list[Any]] = {}

        def cloned(operation: Any) -> Any:
            made = self._new(operation)
            first_of[id(made[-1])] = made
            return made[-1]

        def called(last: Any, *args: Any, **kwargs: Any) -> Any:
            *before, _ = first_of[id(last)]
            for layer in before:
                args = (layer(*args), *args[1:])
            return last(*args, **kwargs)

        return keras.models.clone_model(
            plain,
            input_tensors=keras.tree.pack_sequence_as(graph.input, inputs),
            clone_function=cloned,
            call_function=called,
        )

    def _new(self, operation: Any) -> list[Any]:
        if id(operation) not in self._made:
            if graph_of(operation) is not None:
                made = [self._model(operation)]
            else:
                replaced = self._replace(operation)
                made = [copy_of(operation)] if replaced is None else replaced
                if replaced is None:
                    self._copies.append((operation, made[0]))
            self._made[id(operation)] = made
        return self._made[id(operation)]


def plain_copy(model: keras.Model) -> keras.Model:
    """The same model, but for regularizers and what it is compiled with."""
    if graph_of(model) is not None:
        return Rebuilding()(model)
    with global_state_kept():
        new = rebuilt(model)
        _copy_values(model, new)
    _take_regularizers_off(new)
    return new


def shrunk(model: keras.Model, analysis: Analysis) -> keras.Model:
    """The model without the units that can go."""
    made: list[tuple[Site, Any, np.ndarray | None]] = []

    def replace(layer: Any) -> list[Any] | None:
        site = analysis.sites.get(id(layer))
        if site is None:
            return None
        folded = _folded_constants(site, analysis)
        made.append((site, copy_of(layer, _sizes_of(site, analysis, folded)), folded))
        return [made[-1][1]]

    def input_shapes(nested: Any) -> list[tuple[int | None, ...]] | None:
        found = analysis.nested_inputs.get(id(nested))
        if found is None:
            return None
        return [
            tuple(
                int(analysis.kept(channels.ids).sum()) if axis == channels.axis else size
                for axis, size in enumerate(channels.shape)
            )
            for channels in found
        ]

    new = Rebuilding(replace, input_shapes)(model)
    for site, layer, folded in made:
        _put_values(site, analysis, layer, folded)
    return new


def _sizes_of(site: Site, analysis: Analysis, folded: np.ndarray | None) -> dict[str, Any]:
    """The arguments of the layer's constructor that change."""
    changes: dict[str, Any] = {
        argument: int(analysis.kept(ids).sum()) for argument, ids in site.sizes.items()
    }
    if folded is not None and not site.layer.use_bias:
        changes["use_bias"] = True
    if site.target_shape is not None:
        at, ids = site.target_shape
        shape = list(site.layer.target_shape)
        if shape[at] != -1:
            shape[at] = int(analysis.kept(ids).sum())
        changes["target_shape"] = tuple(shape)
    return changes


def _folded_constants(site: Site, analysis: Analysis) -> np.ndarray | None:
    """What the constants in channels that go added to each unit; None if that is nothing."""
    reading = site.reading
    if reading is None or reading.folding is None:
        return None
    gone = ~analysis.needed(reading.source.ids) & (np.nan_to_num(reading.source.constant) != 0)
    added = reading.source.constant[gone] @ reading.folding[gone].astype(float)
    return added if np.any(added[analysis.needed(reading.units)]) else None


def _put_values(site: Site, analysis: Analysis, new: Any, folded: np.ndarray | None) -> None:
    for name, axes in site.slices.items():
        variable = getattr(site.layer, name)
        if variable is None:
            if name != "bias" or folded is None:
                continue
            values = np.zeros(len(folded))
        else:
            values = np.array(values_of(variable))
        if name == "bias" and folded is not None:
            values = values.astype(float) + folded
        for axis, ids in axes:
            values = np.moveaxis(values, axis, 0)
            if site.units is not None:
                values[analysis.inert(ids)] = 0
            values = np.moveaxis(values[analysis.kept(ids)], 0, axis)
        getattr(new, name).assign(values)


def copy_of(layer: Any, changes: dict[str, Any] | None = None) -> Any:
    """A layer of the same class and config, but for changed arguments, without regularizers."""
    if isinstance(layer, keras.layers.ActivityRegularization):  # it does nothing else
        return keras.layers.Identity(name=layer.name, dtype=layer.dtype_policy.name)
    config = {**layer.get_config(), **(changes or {})}
    for name in [name for name in config if changes and name.endswith("_initializer")]:
        initializer = getattr(layer, name, None)
        if isinstance(initializer, keras.initializers.Constant) and np.ndim(initializer.value):
            config[name] = "zeros"  # an array of the old shape; the values are put in later
    new = type(layer).from_config(config)
    keep_function(layer, new)
    if isinstance(layer, keras.layers.Layer):
        _take_regularizers_off(new)
    return new


def _copy_values(layer: Any, copy: Any) -> None:
    if not isinstance(layer, keras.layers.Layer):
        return
    if isinstance(layer, keras.layers.ActivityRegularization):
        return
    variables, copies = layer.variables, copy.variables
    if [v.shape for v in variables] != [v.shape for v in copies]:
        raise ValueError(
            f"The layer '{layer.name}' cannot be copied: its config gives a layer with other "
            f"variables. {how_to_copy(type(layer).__name__, 'its')}"
        )
    for variable, new in zip(variables, copies, strict=True):
        # An array of its own: JAX gives the arrays of a model away when it predicts.
        new.assign(np.array(values_of(variable)))


def _take_regularizers_off(layer: Any) -> None:
    """Takes all regularizers out of a layer and those within it, where losses and saving look."""
    for part in layer._flatten_layers():
        for name, value in list(vars(part).items()):
            if isinstance(value, keras.Regularizer) or (
                name.endswith("_regularizer") and callable(value)
            ):
                setattr(part, name, None)
    for variable in layer.variables:
        variable.regularizer = None
