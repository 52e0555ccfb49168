"""A model, optimizer, loss or metric as text and arrays, for another process. No code travels."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import global_state
from keras.src.saving.serialization_lib import SafeModeScope

from kerasreg.arguments import in_one_line
from kerasreg.copies import put_trainable, rebuilt, trainable_flags
from kerasreg.global_state import global_state_kept
from kerasreg.held_regularizers import Held, held_regularizers, put_regularizers
from kerasreg.variables import values_of


def packed(model: keras.Model) -> dict[str, Any]:
    """A model as text and arrays, for another process. No code travels.

    The weights, what is frozen, and the regularizers of weights and activities go along; a
    compiled state does not.

    Args:
        model: A built Keras model that consists of Keras's layers and registered own ones. It is
            not changed.

    Returns:
        A dict of JSON texts and NumPy arrays, for `unpacked`.

    Raises:
        ValueError: If the model is not built or cannot be copied, or if another process could not
            unpack it: it holds a Python lambda, or something of one's own that is not registered.
    """
    what = f"The model '{model.name}'"
    held = held_regularizers(model)
    with global_state_kept(), warnings.catch_warnings():
        # Keras warns of every lambda, at length; here it becomes one error, below.
        warnings.simplefilter("ignore")
        twin = rebuilt(model)
        try:
            parts = keras.saving.serialize_keras_object(twin)
            given = [regularizer for regularizer, _ in held.regularizers]
            texts = {
                "model": json.dumps(parts),
                "regularizers": json.dumps([keras.saving.serialize_keras_object(r) for r in given]),
            }
        except Exception as error:
            raise _cannot_travel(what, error) from error
    result = {
        **texts,
        "held": json.dumps([held.by_layers, held.by_variables]),
        "trainable": json.dumps(trainable_flags(model)),
        "values": [np.array(values_of(variable)) for variable in model.variables],
    }
    _check_round_trip(what, texts.values(), lambda: unpacked(result))
    return result


def unpacked(parts: dict[str, Any]) -> keras.Model:
    """The model that `packed` took apart, not compiled.

    Raises:
        TypeError, ValueError: From Keras, for a class that is not registered in this process, or
            for a Python lambda: nothing that comes along is run.
    """
    config = json.loads(parts["model"])
    with global_state_kept():
        model = keras.saving.deserialize_keras_object(config, safe_mode=True)
        regularizers = keras.saving.deserialize_keras_object(
            json.loads(parts["regularizers"]), safe_mode=True
        )
    put_trainable(model, *json.loads(parts["trainable"]))
    for variable, value in zip(model.variables, parts["values"], strict=True):
        variable.assign(value)
    by_layers, by_variables = json.loads(parts["held"])
    put_regularizers(model, Held([], by_layers, by_variables), regularizers)
    return model


def packed_object(thing: Any) -> str:
    """An optimizer, a loss or a metric as JSON text, for another process. No code travels.

    Args:
        thing: The name of a Keras object, a Keras object, a registered function, None, or a list
            or dict of these. Of an optimizer the settings travel, not its state.

    Returns:
        JSON text, for `unpacked_object`.

    Raises:
        ValueError: If another process could not unpack it: a lambda, or something of one's own
            that is not registered.
    """
    what = f"The object {thing!r}"
    with global_state_kept(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            text = json.dumps(keras.saving.serialize_keras_object(thing))
        except Exception as error:
            raise _cannot_travel(what, error) from error
    _check_round_trip(what, [text], lambda: unpacked_object(text))
    return text


def unpacked_object(text: str) -> Any:
    """What `packed_object` made a text of."""
    return keras.saving.deserialize_keras_object(json.loads(text), safe_mode=True)


def _check_round_trip(what: str, texts: Any, unpack: Callable[[], Any]) -> None:
    """Raises what another process would stumble over, which has no scopes and allows no lambda."""
    if any('"class_name": "__lambda__"' in text for text in texts):
        raise _cannot_travel(what, ValueError("a Python lambda is in it"))
    with global_state_kept(), SafeModeScope(safe_mode=True):
        global_state.set_global_attribute("custom_objects_scope_dict", {})
        try:
            unpack()
        except Exception as error:
            raise _cannot_travel(what, error) from error


def _cannot_travel(what: str, error: Exception) -> ValueError:
    missing = re.search(r"Could not locate (class|function) '([^']+)'", str(error))
    reason = f"the {missing[1]} '{missing[2]}' is not registered" if missing else in_one_line(error)
    return ValueError(
        f"{what} cannot be sent to another process: {reason}. Put "
        '`@keras.saving.register_keras_serializable(package="own")` before the definition of '
        "each class and function of your own, in a module that the workers import too"
    )
