"""Copies of a model: initialised from a seed, or with a strength built in.

Both rebuild the model from its config, as Keras does when it loads one, and leave the model
itself, the global random state and Keras's automatic names as they were.
"""

from __future__ import annotations

import types
import warnings
from typing import Any

import keras
import numpy as np
from keras.src.models.functional import Functional
from keras.src.saving.serialization_lib import SafeModeScope

from kerasreg.arguments import finite_float, in_one_line, seed_number
from kerasreg.global_state import global_state_kept, set_seed
from kerasreg.held_regularizers import held_regularizers, put_regularizers
from kerasreg.regularizers import scaled_regularizer
from kerasreg.variables import check_built, values_of


def variables_of(model: keras.Model) -> list[keras.Variable]:
    """All variables of a model: the trainable ones, then the others, each once.

    Among the others are frozen weights, the statistics of batch normalization and the states of
    the seed generators of dropout.
    """
    variables = [*model.trainable_variables, *model.non_trainable_variables]
    return list({id(variable): variable for variable in variables}.values())


def fresh_values(model: keras.Model, seed: int) -> list[np.ndarray]:
    """Values of a copy of the model that is initialised from a seed.

    They are those of `model.__class__.from_config(model.get_config())` after
    `keras.utils.set_random_seed(seed)`, built as the model is. The weights that the model has do
    not matter. An initializer with a seed of its own gives the same values for every `seed`.

    The random state of Python, NumPy and the backend is afterwards what it was. One exception: if
    the model holds classes or functions that are not Keras's, TensorFlow's kernels are cleared,
    as `set_random_seed` does, and operations such as `tf.random.normal(…, seed=1)`, with a seed
    of their own, begin their sequence again.

    Args:
        model: A built Keras model: Sequential, functional, or a subclass with `get_config`.
        seed: An int from 0 to 2³² − 1.

    Returns:
        Arrays in the order of `variables_of(model)`.

    Raises:
        ValueError: If `seed` is not such an int, the model is not built or cannot be copied.

    Example:

    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    >>> [values.shape for values in fresh_values(model, seed=1)]
    [(3, 2), (2,)]
    """
    seed = seed_number("seed", seed)
    check_built(model)
    own = own_objects(model)
    with global_state_kept():
        set_seed(seed, exactly=bool(own))
        values = _values_of_layers_alone(model) if not own else None
        if values is None:
            set_seed(seed, exactly=bool(own))
            values = _values_by_id(model, rebuilt(model))
    return [values[id(variable)] for variable in variables_of(model)]


def copy_with(model: keras.Model, values: list[np.ndarray], strength: float) -> keras.Model:
    """An independent copy of a model, with other values and every strength multiplied.

    It is an ordinary Keras model, not compiled. Its regularizers, of weights and of activities,
    are `scaled_regularizer(…, strength)` of the model's, both where losses read them (the
    variables) and where saving reads them (the attributes of the layers). A regularizer that
    several layers share is shared in the copy too. Frozen layers stay frozen. A regularizer that
    `get_config` of its layer does not mention is lost when the copy is saved, as it is for the
    model.

    Args:
        model: A built Keras model: Sequential, functional, or a subclass with `get_config`. It
            is not changed.
        values: Arrays in the order of `variables_of(model)`.
        strength: A finite float >= 0. With 1 the strengths stay, and a regularizer of unknown
            kind is passed on as it is.

    Returns:
        A model of the same class.

    Raises:
        ValueError: If the model is not built or cannot be copied, if `values` do not fit, or if
            `strength` is not a finite float >= 0.
        TypeError: If `strength` is not 1 and the model has a regularizer of unknown kind.

    Example:

    >>> dense = keras.layers.Dense(2, kernel_regularizer=keras.regularizers.L2(0.1))
    >>> model = keras.Sequential([keras.Input((3,)), dense])
    >>> copy_with(model, fresh_values(model, seed=1), 0.5).layers[0].kernel_regularizer.l2
    0.05
    """
    check_built(model)
    strength = finite_float("strength", strength, minimum=0)
    variables = variables_of(model)
    if len(values) != len(variables):
        raise ValueError(
            "Invalid length of argument `values`: expected an array for each of the "
            f"{len(variables)} variables of the model. Received: len(values)={len(values)}"
        )
    for at, (value, variable) in enumerate(zip(values, variables, strict=True)):
        if tuple(np.shape(value)) != tuple(variable.shape):
            raise ValueError(
                f"Invalid shape in argument `values`: expected {tuple(variable.shape)} for the "
                f"variable '{variable.path}'. Received: values[{at}].shape={np.shape(value)}"
            )
    held = held_regularizers(model)
    scaled = [_scaled(regularizer, name, strength) for regularizer, name in held.regularizers]
    with global_state_kept():
        copied = rebuilt(model)
    twins = dict(zip(map(id, model.variables), copied.variables, strict=True))
    for value, variable in zip(values, variables, strict=True):
        twins[id(variable)].assign(value)
    put_regularizers(copied, held, scaled)
    return copied


def _scaled(regularizer: Any, name: str, strength: float) -> Any:
    try:
        return scaled_regularizer(regularizer, strength)
    except TypeError as error:
        if strength == 1:
            return regularizer
        raise TypeError(
            f"The regularizer of the {name} cannot follow a path of strengths. {error}. Use one of "
            "those, or write it as a subclass of kerasreg.regularizers.Penalty"
        ) from None


def rebuilt(model: keras.Model) -> keras.Model:
    """A model of the same class and config, built and frozen alike, its values its initializers'.

    Classes and functions of one's own need not be registered for it, and lambdas may be loaded,
    since they come from this very process.
    """
    with (
        keras.saving.custom_object_scope(own_objects(model)),
        SafeModeScope(safe_mode=False),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # what Keras warns of ends in an error here
        try:
            twin = type(model).from_config(model.get_config())
            if not twin.built:
                twin.build_from_config(model.get_build_config())
                twin.built = True
        except Exception as error:
            raise _cannot_be_copied(model, in_one_line(error)) from error
    pairs = list(zip(model._flatten_layers(), twin._flatten_layers(), strict=False))
    if [v.shape for v in model.variables] != [v.shape for v in twin.variables] or any(
        type(layer) is not type(other) for layer, other in pairs
    ):
        raise _cannot_be_copied(model, "its config gives a model with other layers or variables")
    for layer, other in pairs:
        keep_function(layer, other)
    put_trainable(twin, *trainable_flags(model))
    return twin


def keep_function(layer: Any, twin: Any) -> None:
    """Lets the copy of a `Lambda` call the same function: a loaded one has lost its globals."""
    if isinstance(layer, keras.layers.Lambda):
        twin.function = layer.function


def how_to_copy(what: str, whose: str) -> str:
    """What a class of the user's own needs, for the end of an error."""
    return (
        f"Give {what} a `get_config()` with the arguments of the constructor, and a `build()` "
        f"that makes all {whose} variables"
    )


def trainable_flags(model: keras.Model) -> tuple[list[bool], list[bool]]:
    of_layers = [layer.trainable for layer in model._flatten_layers()]
    return of_layers, [variable.trainable for variable in model.variables]


def put_trainable(model: keras.Model, of_layers: list[bool], of_variables: list[bool]) -> None:
    # The public attribute of a layer would go on to all layers below it.
    for layer, trainable in zip(model._flatten_layers(), of_layers, strict=True):
        layer._trainable = trainable
    for variable, trainable in zip(model.variables, of_variables, strict=True):
        if variable.trainable != trainable:
            variable.trainable = trainable


def _values_by_id(model: Any, twin: Any) -> dict[int, np.ndarray]:
    """Values of the twin's variables by the identities of the model's."""
    pairs = zip(model.variables, twin.variables, strict=True)
    return {id(variable): np.array(values_of(other)) for variable, other in pairs}


def _values_of_layers_alone(model: keras.Model) -> dict[int, np.ndarray] | None:
    """What `_values_by_id` gives, from the layers in the order in which `from_config` makes them.

    Keras builds each layer of a Sequential or functional model from its config before it connects
    them, which takes most of the time and draws nothing. None if that does not lead to all
    variables: for a subclass, and where a layer is built by its first call.
    """
    if type(model) not in (keras.Sequential, Functional):
        return None
    values: dict[int, np.ndarray] = {}
    layers = {layer.name: layer for layer in model.layers}
    for config in model.get_config()["layers"]:
        twin = keras.saving.deserialize_keras_object(config)
        layer = layers.get(twin.name)
        if layer is None:
            continue
        if [v.shape for v in layer.variables] != [v.shape for v in twin.variables]:
            return None
        found = _values_by_id(layer, twin)
        if found.keys() & values.keys():  # two nested models share a layer, their copies do not
            return None
        values |= found
    return values if all(id(variable) in values for variable in model.variables) else None


def own_objects(model: keras.Model) -> dict[str, Any]:
    """Classes and functions in the layers of a model that are not Keras's, by registered name."""
    own: dict[str, Any] = {}
    for layer in model._flatten_layers():
        # Keras puts wrappers of methods into its layers; those are not looked up by name.
        attributes = [
            value for name, value in vars(layer).items() if not hasattr(type(layer), name)
        ]
        for value in [layer, *attributes]:
            is_function = isinstance(value, types.FunctionType)
            if is_function or hasattr(type(value), "get_config"):
                found = value if is_function else type(value)
                if found.__module__.partition(".")[0] not in ("keras", "kerasreg"):
                    own[keras.saving.get_registered_name(found)] = found
    return own


def _cannot_be_copied(model: keras.Model, reason: str) -> ValueError:
    if "<lambda>" in own_objects(model):
        reason, fix = "a Python lambda is in it", "Write it as a function with a name"
    else:
        fix = how_to_copy(f"{type(model).__name__} and its layers", "their")
    return ValueError(f"The model '{model.name}' cannot be copied: {reason}. {fix}")
