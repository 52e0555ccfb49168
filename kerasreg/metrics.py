"""What a loss is made of: data loss and penalties, as a Keras metric.

`LossDecomposition` is what `kerasreg.callbacks.RegularizationMonitor` and `kerasreg.training.train`
count with.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any

import keras
from keras import ops, tree

from kerasreg.checks import checked_model
from kerasreg.variables import layer_paths, named_variables, values_of

__all__ = ["LossDecomposition"]

# The name under which a loss is listed that the model itself adds with `add_loss`.
_MODEL_LOSS = "model"


class PenaltyNames:
    """Tells to whom each entry of `model.losses` belongs.

    Keras gives `model.losses` as a plain list: what layers added in the forward pass (activity
    regularizers, `add_loss`), then the weight regularizers in the order of the trainable
    variables.

    Args:
        model: A built Keras model.
    """

    def __init__(self, model: keras.Model):
        self._model = checked_model(model)
        paths = layer_paths(model)
        self._layers = [
            (paths.get(id(layer), _MODEL_LOSS), layer) for layer in model._flatten_layers()
        ]
        # The names of the weight regularizers, in the order of their entries.
        self.of_weights = [
            name for name, variable in named_variables(model) if variable.regularizer is not None
        ]
        # A layer may add a loss in any call, so that each has a place.
        self.all = tuple(dict.fromkeys([*self.of_weights, *(name for name, _ in self._layers)]))

    def of(self, losses: list[Any]) -> list[str]:
        """One name for each entry of `losses`, which is what `model.losses` returned."""
        weight_names = iter(self.of_weights)
        names = []
        for loss in losses:
            owner = next((name for name, layer in self._layers if added_by(layer, loss)), None)
            names.append(owner or next(weight_names, _MODEL_LOSS))
        return names


def added_by(layer: keras.layers.Layer, loss: Any) -> bool:
    """Whether the layer's `add_loss` made this tensor (in a stateless call Keras keeps ids)."""
    return any(loss is own for own in layer._losses) or id(loss) in layer._loss_ids


class LossDecomposition(keras.metrics.Metric):
    """Means over the samples of an epoch of the loss, the data loss and every penalty.

    In each batch

        loss = data_loss + penalty,    penalty = Σ penalty/<name>,

    and over batches b of n_b samples each quantity q is Σ n_b·q_b / Σ n_b, as Keras reports its
    `loss`. `result()` is empty, so that logs and `evaluate()` stay as they are; the
    numbers are read with `averages()`.

    Args:
        names: Names of the penalties, as `PenaltyNames(model).all` lists them.

    Example:

    >>> parts = kerasreg.metrics.LossDecomposition(("penalty/dense/kernel",))
    >>> parts.update_state(3.0, 2.0, [("penalty/dense/kernel", 1.0)], n_samples=8)
    >>> parts.averages()["penalty"]
    1.0
    """

    def __init__(self, names: tuple[str, ...]):
        super().__init__(name="loss_decomposition")
        self._names = names
        self._used: set[str] = set()
        # One vector for all sums: a single assignment a step, whatever the number of penalties.
        self.sums = self.add_variable(shape=(len(names) + 3,), initializer="zeros", name="sums")

    def update_state(
        self, loss: Any, data_loss: Any, penalties: Iterable[tuple[str, Any]], n_samples: Any
    ) -> None:
        """Adds one batch.

        Args:
            loss: The scalar that is differentiated.
            data_loss: The part of it that is not penalty.
            penalties: Pairs of name and scalar; a name may come more than once.
            n_samples: Number of samples in the batch.
        """
        by_name = dict.fromkeys(self._names, 0.0)
        for name, value in penalties:
            self._used.add(name)
            by_name[name] = by_name[name] + ops.cast(value, self.dtype)
        parts = [ops.cast(part, self.dtype) for part in (1.0, loss, data_loss, *by_name.values())]
        self.sums.assign_add(ops.stack(parts) * ops.cast(n_samples, self.dtype))

    def result(self) -> dict[str, Any]:
        """Nothing, so that Keras's logs stay as they are; `averages` has the numbers."""
        return {}

    def averages(self, sums: Any = None) -> dict[str, float]:
        """`loss`, `data_loss`, `penalty` and `penalty/<name>` as plain floats.

        `penalty` is the sum of its parts. Empty if no batch was added since the last reset.

        Args:
            sums: An earlier state of the variable `sums`, an array, to read instead.
        """
        count, *totals = values_of(self.sums) if sums is None else sums
        if count == 0:
            return {}
        # Divided in the metric's own precision, as Keras divides: the same loss to the bit.
        return by_quantity([float(total / count) for total in totals], self._names, self._used)


def by_quantity(parts: Sequence[Any], names: Sequence[str], used: Container[str]) -> dict[str, Any]:
    """`loss`, `data_loss`, `penalty` and `penalty/<name>`, where `penalty` is the sum of its parts.

    Args:
        parts: The loss, the data loss and a penalty for each name: floats, or arrays of many runs.
        names: Names of the penalties.
        used: Those that belong to the model; the others are left out.
    """
    loss, data_loss, *penalties = parts
    found = {
        f"penalty/{name}": value
        for name, value in zip(names, penalties, strict=True)
        if name in used
    }
    penalty = sum(found.values()) if found else loss - data_loss
    return {"loss": loss, "data_loss": data_loss, "penalty": penalty, **found}


def batch_size_of(data: Any) -> Any:
    """Number of samples in a batch, from the first array of a possibly nested input."""
    return ops.shape(next(leaf for leaf in tree.flatten(data) if leaf is not None))[0]
