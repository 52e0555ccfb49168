"""Names of layers and variables: one function walks the layer tree, everything else asks it."""

import re
from collections import Counter
from typing import Any, NamedTuple

import keras
import numpy as np

from kerasreg.regularizers import Penalty, as_penalty


def layer_paths(model: keras.Model, *, counted_anew: bool = True) -> dict[int, str]:
    """Paths of all layers below a model, by `id(layer)`, in the order of the layer tree.

    A path joins the names on the way from the model, which itself is left out:
    `encoder/dense`. It is made from the tree and not from `variable.path`, because that loses
    prefixes on loading and gains `sequential_1/` under deferred building. Numbers that Keras
    gives to layers without a name depend on what was built before in the process; they are
    counted anew here, from the start of each model: `dense`, `dense_1`. Where that would give
    one layer the name of another, as for layers that were named `dense_1` and `dense_2` by hand,
    all names at that place stay as they are. With `counted_anew=False` the names are those that
    `model.summary()` shows.
    """
    paths: dict[int, str] = {}

    def walk(parent: keras.layers.Layer, prefix: str) -> None:
        children = list(parent._flatten_layers(include_self=False, recursive=False))
        names = [child.name for child in children]
        if counted_anew:
            names = _sibling_names(children)
        for name, child in zip(names, children, strict=True):
            if id(child) not in paths:  # a shared layer keeps the first path that leads to it
                paths[id(child)] = prefix + name
                walk(child, f"{prefix}{name}/")

    walk(model, "")
    return paths


def named_variables(model: keras.Model) -> list[tuple[str, keras.Variable]]:
    """Names like `dense/kernel` and the model's trainable variables, in its own order.

    The variables that a model holds itself, not in a layer, have their plain name.

    Raises:
        ValueError: If the model is not built, so that it has no variables yet.
    """
    names = {id(owned.variable): owned.name for owned in owned_variables(model)}
    return [
        (names.get(id(variable), variable.path), variable) for variable in model.trainable_variables
    ]


class OwnedVariable(NamedTuple):
    """A variable, its name like `dense/kernel`, and the layer (or model) that holds it."""

    name: str
    variable: keras.Variable
    layer: keras.layers.Layer
    # Made to be trained, which a frozen kernel is and the mean of batch normalization is not.
    is_weight: bool


def check_built(model: keras.Model) -> None:
    """Raises, and says how to build it, if a model is not built."""
    if not model.built:
        raise ValueError(
            f"The model '{model.name}' is not built, so it has no variables yet. Build it with "
            "`model.build(input_shape)`, or call it on a batch of data"
        )


def owned_variables(model: keras.Model) -> list[OwnedVariable]:
    """All variables of a model, each once, in the order of the layer tree.

    Raises:
        ValueError: If the model is not built, so that it has no variables yet.
    """
    check_built(model)
    owner_paths = layer_paths(model)
    owned: dict[int, OwnedVariable] = {}
    taken: Counter[str] = Counter()
    for layer in model._flatten_layers():
        path = owner_paths.get(id(layer))
        n_weights = len(layer._trainable_variables)
        variables = [*layer._trainable_variables, *layer._non_trainable_variables]
        for at, variable in enumerate(variables):
            name = f"{path}/{variable.name}" if path else variable.name
            taken[name] += 1
            if id(variable) not in owned:
                name = name if taken[name] == 1 else f"{name}_{taken[name] - 1}"
                owned[id(variable)] = OwnedVariable(name, variable, layer, at < n_weights)
    return list(owned.values())


def values_of(variable: keras.Variable) -> np.ndarray:
    """The values of a variable as a NumPy array, without copying where the backend allows."""
    if keras.backend.backend() == "torch":
        return np.asarray(keras.ops.convert_to_numpy(variable))
    # keras.ops.convert_to_numpy copies, and TensorFlow's way of copying is deprecated by NumPy.
    value = variable.value
    if hasattr(value, "read_value"):  # a TensorFlow variable; `numpy()` would run one op more
        value = value.value()
    return value.numpy() if hasattr(value, "numpy") else np.asarray(value)


def as_tensor(array: np.ndarray, dtype: Any = None) -> Any:
    """An array as a tensor of the backend, of its own dtype by default."""
    if keras.backend.backend() == "jax":
        import jax

        # JAX warns where it shortens doubles by itself.
        array = array.astype(jax.dtypes.canonicalize_dtype(array.dtype), copy=False)
    return keras.ops.convert_to_tensor(array, dtype=dtype)


def penalty_of(name: str, variable: Any) -> Penalty | None:
    """The penalty of a variable, None if it has no regularizer."""
    if getattr(variable, "regularizer", None) is None:
        return None
    try:
        return as_penalty(variable.regularizer)
    except TypeError as error:
        raise TypeError(f"The penalty of the variable '{name}' is not known. {error}") from None


def _sibling_names(layers: list[Any]) -> list[str]:
    """Names of the layers of one parent, each once, with automatic numbers counted anew."""
    counts: Counter[str] = Counter()
    renumbered = []
    for layer in layers:
        # Bidirectional puts a prefix before the automatic name of the layer that it copies.
        prefix = next((p for p in ("forward_", "backward_") if layer.name.startswith(p)), "")
        stem = prefix + _automatic_stem(type(layer).__name__)
        if re.fullmatch(rf"{re.escape(stem)}(_\d+)?", layer.name):
            renumbered.append(stem if counts[stem] == 0 else f"{stem}_{counts[stem]}")
            counts[stem] += 1
        else:
            renumbered.append(layer.name)
    # Names given by hand may look automatic. Calling `dense_2` what the user named `dense_1`
    # would be worse than a number that differs between builds.
    given = {layer.name: position for position, layer in enumerate(layers)}
    if any(given.get(name, at) != at for at, name in enumerate(renumbered)):
        renumbered = [layer.name for layer in layers]
    unique: Counter[str] = Counter()
    names = []
    for name in renumbered:
        names.append(name if unique[name] == 0 else f"{name}_{unique[name]}")
        unique[name] += 1
    return names


def _automatic_stem(class_name: str) -> str:
    """`Conv2DTranspose` → `conv2d_transpose`, as Keras names a layer without a name."""
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", class_name))
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
