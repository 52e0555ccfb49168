"""Losses as `compile` takes them: the Keras loss behind a name, an instance or a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops, tree

from kerasreg.arguments import invalid_argument, unknown_to_keras

# Reductions that are a mean over the samples, whatever their weights.
SAMPLE_MEANS = ("sum_over_batch_size", "mean")
# With the weighted mean, whose denominator is the sum of the weights.
MEANS = (*SAMPLE_MEANS, "mean_with_sample_weight")
# What `compile` understands besides the names in keras.metrics, when it has seen the targets.
METRIC_WORDS = ("accuracy", "acc", "crossentropy", "ce")

_A_LOSS = "the name of a Keras loss, a keras.losses.Loss or a callable"


def keras_loss(loss: Any) -> Any:
    """What Keras makes of a loss, or None for an output without one."""
    try:
        return keras.losses.get(loss)
    except (ValueError, TypeError):
        raise unknown_to_keras("loss", _A_LOSS, loss, keras.losses) from None


def check_losses(loss: Any) -> None:
    """Raises unless there is a loss for at least one output, and each is one."""
    if not [found for found in map(keras_loss, tree.flatten(loss)) if found is not None]:
        raise invalid_argument("loss", _A_LOSS, loss)


class FunctionLoss(keras.losses.Loss):
    """A function of `(y_true, y_pred)` as a Keras loss."""

    def __init__(self, function: Callable[[Any, Any], Any]):
        name = getattr(function, "__name__", "")
        # TensorFlow takes it for a scope, which cannot be called <lambda>.
        super().__init__(name=name if name.isidentifier() else "loss")
        self.function = function

    def call(self, y_true: Any, y_pred: Any) -> Any:
        # As Keras does: (n,) against (n, 1) would otherwise become a matrix of differences.
        ranks = len(y_true.shape), len(y_pred.shape)
        if ranks[0] + 1 == ranks[1] and y_pred.shape[-1] == 1:
            y_true = ops.expand_dims(y_true, -1)
        elif ranks[0] == ranks[1] + 1 and y_true.shape[-1] == 1:
            y_true = ops.squeeze(y_true, -1)
        return self.function(y_true, y_pred)


def resolved_loss(loss: Any) -> keras.losses.Loss | None:
    """The Keras loss behind a name, an instance or a function; None for an output without one."""
    found = keras_loss(loss)
    if found is None or isinstance(found, keras.losses.Loss):
        return found
    return FunctionLoss(found)


def is_of_keras(thing: Any) -> bool:
    """Whether a class, a function or the class of an object comes with Keras."""
    return getattr(thing, "__module__", type(thing).__module__).startswith("keras.")


def loss_name(loss: Any) -> str | None:
    """The name of one of Keras's own losses, or None."""
    try:
        found = keras.losses.get(loss)
    except (ValueError, TypeError):
        return None
    if not is_of_keras(found):
        return None
    name: str = found.name if isinstance(found, keras.losses.Loss) else found.__name__
    return name


def by_output(name: str, value: Any, names: list[Any]) -> list[Any]:
    """What belongs to each output, from a list or a dict; anything else belongs to all."""
    if isinstance(value, dict) and set(value) == set(names):
        return [value[each] for each in names]
    if isinstance(value, list | tuple) and len(value) == len(names):
        return list(value)
    if tree.is_nested(value):
        received = list(value) if isinstance(value, dict) else f"{len(value)} of them"
        raise invalid_argument(name, f"one for each of the outputs {names}", received)
    return [value] * len(names)
