"""The regularizers that a model holds, in its variables and its layers: found and put back."""

from __future__ import annotations

from typing import Any, NamedTuple

import keras

from kerasreg.regularizers.gate import without_gate
from kerasreg.variables import layer_paths, named_variables


class Held(NamedTuple):
    """Where the regularizers of a model are, by number, and the variable or place of each."""

    regularizers: list[tuple[Any, str]]
    by_layers: list[tuple[int, str, int]]
    by_variables: list[int | None]


def held_regularizers(model: keras.Model) -> Held:
    """The regularizers of all variables and layers of a model, each object once, no gates."""
    names = {id(variable): name for name, variable in named_variables(model)}
    paths = layer_paths(model)
    numbers: dict[int, int] = {}
    regularizers: list[tuple[Any, str]] = []

    def number(regularizer: Any, name: str) -> int:
        if id(regularizer) not in numbers:
            numbers[id(regularizer)] = len(regularizers)
            regularizers.append((regularizer, name))
        return numbers[id(regularizer)]

    by_variables: list[int | None] = []
    for variable in model.variables:
        regularizer = without_gate(getattr(variable, "regularizer", None))
        name = f"variable '{names.get(id(variable), variable.path)}'"
        by_variables.append(None if regularizer is None else number(regularizer, name))
    by_layers = []
    for at, layer in enumerate(model._flatten_layers()):
        for attribute, value in vars(layer).items():
            value = without_gate(value)
            # A plain function is known for a regularizer by the variable that it regularizes.
            if isinstance(value, keras.Regularizer) or id(value) in numbers:
                name = f"layer '{paths.get(id(layer), layer.name)}' ({attribute})"
                by_layers.append((at, attribute, number(value, name)))
    return Held(regularizers, by_layers, by_variables)


def put_regularizers(model: keras.Model, held: Held, regularizers: list[Any]) -> None:
    layers = model._flatten_layers()
    for at, attribute, number in held.by_layers:
        setattr(layers[at], attribute, regularizers[number])
    for variable, own in zip(model.variables, held.by_variables, strict=True):
        if own is not None or getattr(variable, "regularizer", None) is not None:
            variable.regularizer = None if own is None else regularizers[own]
