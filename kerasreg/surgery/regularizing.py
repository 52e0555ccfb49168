"""Regularizers on a model that is built already."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import keras

from kerasreg.arguments import did_you_mean, in_one_line, invalid_argument, some_of
from kerasreg.checks import checked_model
from kerasreg.copies import rebuilt
from kerasreg.proximal_optimizer import ProximalOptimizer, proximal_optimizer_of
from kerasreg.regularizers import as_penalty
from kerasreg.regularizers.gate import without_gate
from kerasreg.regularizers.keras_builtin import BUILTIN
from kerasreg.surgery.places import Place, described, places
from kerasreg.typing import Regularizer
from kerasreg.variables import layer_paths

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("variable", "shape", "before", "after", "saved")


def regularize(model: keras.Model, rules: Mapping[Any, Regularizer | str | None]) -> pd.DataFrame:
    """Puts regularizers on the weights of a built model, and takes them off.

    Setting `layer.kernel_regularizer` on a layer that is built changes nothing: Keras has given
    the regularizer to the variable when it was made. Here both are set, and `model.losses` has the
    penalties at once. Weights, the optimizer's state and the settings of `compile` stay as they
    are; only what was compiled is made anew by the next `fit`, for it has the old penalties in it.
    A proximal optimizer goes on with the new penalties.

    Args:
        model: A built Keras model: Sequential, functional, nested or subclassed; trained or not.
        rules: Which weights have which regularizer, as a dict. Of several rules for one weight
            the last one holds. A key is

            - the path of a layer, `"dense"` or `"encoder/dense"`, or a pattern of paths, `"conv*"`,
              in which `*` stands for anything, `/` too: the kernels and embeddings of these layers
              and of all layers below them, not their biases and scales;
            - a layer class, `keras.layers.Conv2D`, or a layer itself: the same for these layers;
            - otherwise the name of a variable, `"dense/kernel"`, or a pattern of names, `"*/bias"`.

            Layers without a name may be called by the name that `model.summary()` shows, or by the
            one that the tables of kerasreg show, where Keras's numbers are counted from the
            start of the model.

            A value is a Keras or kerasreg regularizer, a function of the weights, a name that
            Keras knows, or None for no regularizer.

    Returns:
        A table with a row for each weight that a rule has reached: `variable`, `shape`, the
        regularizer `before` and `after` (empty for none), and `saved`: whether a `.keras` file
        keeps it. It does where the layer's constructor has an argument for it and the model is
        made again from the configs of its layers.

    Raises:
        ValueError: If the model is not built, a rule matches nothing, its name means two things,
            or a regularizer cannot take the weights. The model is then unchanged.
        RuntimeError: On JAX in the middle of a `fit`, whose step cannot learn of it.
        TypeError: If `model` is no Keras model; if a key or a regularizer is none; if the
            model's optimizer is a proximal one that does not know the regularizer.

    Warns:
        UserWarning: If there are weights whose regularizer a `.keras` file loses, naming them.

    Example:

    >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.Dense(1)])
    >>> table = regularize(model, {"*": keras.regularizers.L1(0.1), "dense_1": None})
    >>> table[["variable", "before", "after"]].to_numpy().tolist()
    [['dense/kernel', '', 'L1(l1=0.1)'], ['dense_1/kernel', '', '']]
    """
    import pandas as pd

    checked_model(model)
    if not isinstance(rules, Mapping) or not rules:
        raise invalid_argument("rules", 'a dict such as {"dense*/kernel": regularizer}', rules)
    if getattr(model, "_jax_state", None) is not None:
        raise RuntimeError(
            f"The model '{model.name}' is in the middle of a fit, whose compiled step has the old "
            "regularizers in it. Call regularize between two fits"
        )
    all_places = places(model)
    given: dict[int, Any] = {}
    for key, value in rules.items():
        regularizer = _regularizer(key, value)
        for place in _matched(model, all_places, key):
            _check_penalty(key, regularizer, place)
            given[id(place.variable)] = regularizer
    reached = [place for place in all_places if id(place.variable) in given]
    optimizer = proximal_optimizer_of(model)
    if optimizer is not None:
        _check_known(reached, given, optimizer)

    before = [described(place.variable.regularizer) for place in reached]
    for place in reached:
        place.variable.regularizer = given[id(place.variable)]
        if place.argument is not None:
            setattr(place.layer, place.argument, given[id(place.variable)])
    if optimizer is not None:
        optimizer.find_penalties()
    forget_programs(model)

    rows = zip(reached, before, _saved(model, reached), strict=True)
    return pd.DataFrame(
        [
            (
                place.name,
                tuple(place.variable.shape),
                old,
                described(given[id(place.variable)]),
                saved,
            )
            for place, old, saved in rows
        ],
        columns=list(COLUMNS),
    )


def forget_programs(model: keras.Model) -> None:
    """Lets the next `fit` and `evaluate` compile anew, with the regularizers that there are now."""
    # Made at once and traced when called: a callback may do this in the middle of a `fit`.
    if model.train_function is not None:
        model.make_train_function(force=True)
    if model.test_function is not None:
        model.make_test_function(force=True)


def _regularizer(key: Any, value: Any) -> Any:
    try:
        return without_gate(keras.regularizers.get(value))
    except (ValueError, TypeError):
        raise TypeError(
            f"Invalid regularizer in the rule for {key!r}: expected a regularizer of "
            "keras.regularizers or kerasreg.regularizers, a function of the weights, or None. "
            f"Received: {value!r}"
        ) from None


def _check_penalty(key: Any, regularizer: Any, place: Place) -> None:
    """A function of the user may want other weights; Keras would find out in the next `fit`."""
    if regularizer is None or type(regularizer) in BUILTIN:
        return
    rule = f"regularizer {described(regularizer)} in the rule for {key!r}"
    weights = f"the weights '{place.name}' of shape {tuple(place.variable.shape)}"
    try:
        value = keras.ops.convert_to_tensor(regularizer(place.variable))
    except Exception as error:
        raise ValueError(f"Invalid {rule}: cannot take {weights}: {in_one_line(error)}") from None
    if value.shape != ():
        raise ValueError(
            f"Invalid {rule}: expected a scalar for {weights}. "
            f"Received: a tensor of shape {tuple(value.shape)}"
        )


def _matched(model: keras.Model, all_places: list[Place], key: Any) -> list[Place]:
    """The places that a key of the rules means; at least one."""
    if isinstance(key, str):
        found = _matched_by_name(model, all_places, key)
    elif isinstance(key, type) and issubclass(key, keras.layers.Layer):
        found = _kernels_below(
            all_places, (layer for layer in model._flatten_layers(False) if isinstance(layer, key))
        )
    elif isinstance(key, keras.layers.Layer):
        inside = any(layer is key for layer in model._flatten_layers())
        found = _kernels_below(all_places, [key]) if inside else []
    else:
        raise TypeError(
            "Invalid key in argument `rules`: expected the name of a layer or variable, a pattern, "
            f"a layer class or a layer. Received: {key!r} of type {type(key).__name__}"
        )
    if found:
        return found
    raise ValueError(_matches_nothing(model, all_places, key))


def _matched_by_name(model: keras.Model, all_places: list[Place], pattern: str) -> list[Place]:
    in_tables, in_summary = (
        _matched_by_paths(model, all_places, pattern, layer_paths(model, counted_anew=counted_anew))
        for counted_anew in (True, False)
    )
    if in_tables and in_summary and _ids(in_tables) != _ids(in_summary):
        raise ValueError(
            f"The rule {pattern!r} means two things: {some_of(place.name for place in in_tables)} "
            "by the names that the tables of kerasreg show, and, by those that model.summary() "
            f"shows, what is {some_of(place.name for place in in_summary)} in these tables. Give "
            "the layers a name, or use a layer itself as the key: {model.layers[0]: regularizer}"
        )
    return in_tables or in_summary


def _matched_by_paths(
    model: keras.Model, all_places: list[Place], pattern: str, paths: Mapping[int, str]
) -> list[Place]:
    layers = model._flatten_layers(include_self=False)
    matched = [layer for layer in layers if fnmatchcase(paths.get(id(layer), ""), pattern)]
    found = _kernels_below(all_places, matched)
    if found:
        return found
    return [
        place
        for place in all_places
        if fnmatchcase(
            "/".join(filter(None, (paths.get(id(place.layer)), _own_name(place)))), pattern
        )
    ]


def _own_name(place: Place) -> str:
    # Not the variable's: a layer may have two of one name, of which the second one has a number.
    return place.name.rpartition("/")[2]


def _ids(found: list[Place]) -> set[int]:
    return {id(place.variable) for place in found}


def _kernels_below(all_places: list[Place], layers: Iterable[Any]) -> list[Place]:
    below = {id(v) for layer in layers for v in layer.weights}
    return [place for place in all_places if id(place.variable) in below and place.is_kernel]


def _matches_nothing(model: keras.Model, all_places: list[Place], key: Any) -> str:
    layers, names = list(layer_paths(model).values()), [place.name for place in all_places]
    if not isinstance(key, str):
        called = key.__name__ if isinstance(key, type) else f"the layer '{key.name}'"
        kinds = sorted({type(place.layer).__name__ for place in all_places if place.is_kernel})
        return (
            f"The rule for {called} matches nothing in the model '{model.name}', whose kernels "
            f"are in layers of the classes {kinds}. Name variables for a bias or scale: "
            f"{some_of(names)}"
        )
    hint = did_you_mean(key, [*layers, *names])
    return (
        f"The rule {key!r} matches nothing in the model '{model.name}'. It has the layers "
        f"{some_of(layers)} and the variables {some_of(names)}{hint}"
    )


def _check_known(
    reached: list[Place], given: Mapping[int, Any], optimizer: ProximalOptimizer
) -> None:
    for place in reached:
        regularizer = given[id(place.variable)]
        try:
            if regularizer is not None:
                as_penalty(regularizer)
        except TypeError as error:
            raise TypeError(
                f"The optimizer of the model, {type(optimizer).__name__}, needs the prox of the "
                f"regularizer of '{place.name}'. {error}. Or compile the model with an optimizer "
                "of keras.optimizers first"
            ) from None


def _saved(model: keras.Model, reached: list[Place]) -> list[bool]:
    """Whether the regularizers are there again in a model that is made from the config."""
    reason = "the layer that holds them makes them without it"
    try:
        twin = rebuilt(model)
        by_variable = zip(model.variables, twin.variables, strict=True)
        kept = {
            id(variable): described(variable.regularizer) == described(other.regularizer)
            for variable, other in by_variable
            if hasattr(variable, "regularizer")
        }
    except ValueError as error:
        kept, reason = {}, in_one_line(error)
    saved = [kept.get(id(place.variable), False) for place in reached]
    lost = [place.name for place, is_saved in zip(reached, saved, strict=True) if not is_saved]
    if lost:
        warnings.warn(
            f"A .keras file of '{model.name}' will not have the regularizers of {some_of(lost)} "
            f"as they are now ({reason}). Call regularize again on the model that is loaded",
            stacklevel=3,
        )
    return saved
