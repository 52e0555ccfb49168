"""What a loss is made of: data loss and penalties, as a Keras metric."""

from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import keras
from keras import ops, tree

from kerasreg.replicas import n_replicas
from kerasreg.variables import layer_paths, named_variables, values_of

# The name under which a loss is listed that the model itself adds with `add_loss`.
MODEL_LOSS = "model"


class PenaltyNames:
    """Tells to whom each entry of `model.losses` belongs.

    Keras gives `model.losses` as a plain list: what layers added in the forward pass (activity
    regularizers, `add_loss`), then the weight regularizers in the order of the trainable
    variables.

    Args:
        model: A built Keras model.
    """

    def __init__(self, model: keras.Model):
        self._model = model
        paths = layer_paths(model)
        self._layers = [
            (paths.get(id(layer), MODEL_LOSS), layer) for layer in model._flatten_layers()
        ]
        self._regularized = [
            name for name, variable in named_variables(model) if variable.regularizer is not None
        ]
        # A layer may add a loss in any call, so that each has a place.
        self.all = tuple(dict.fromkeys([*self._regularized, *(name for name, _ in self._layers)]))

    def of(self, losses: list[Any]) -> list[str]:
        """One name for each entry of `losses`, which is what `model.losses` returned."""
        weight_names = iter(self._regularized)
        names = []
        for loss in losses:
            owner = next((name for name, layer in self._layers if _added(layer, loss)), None)
            names.append(owner or next(weight_names, MODEL_LOSS))
        return names


def _added(layer: keras.layers.Layer, loss: Any) -> bool:
    """Whether the layer's `add_loss` made this tensor (in a stateless call Keras keeps ids)."""
    return any(loss is own for own in layer._losses) or id(loss) in layer._loss_ids


class LossDecomposition(keras.metrics.Metric):
    """Means over the samples of an epoch of the loss, the data loss and every penalty.

    With batches b of n_b samples, each quantity q is reported as Σ n_b·q_b / Σ n_b, as Keras
    reports its `loss`. `result()` is empty, so that logs and `evaluate()` stay as they are; the
    numbers are read with `averages()`.

    Args:
        names: Names of the penalties, as `PenaltyNames(model).all` lists them.
    """

    def __init__(self, names: tuple[str, ...], name: str = "loss_decomposition"):
        super().__init__(name=name)
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


class LossHook:
    """Makes a model's own training add the parts of its loss to a metric, in the compiled step.

    While it is in place the model's `compute_loss` is wrapped, and one metric more is among the
    model's. The loss that is returned is the one of `compute_loss`, to the bit. The data loss is
    what the compiled loss functions returned in it, not loss − penalty, which has no digits left
    when the penalty dominates; only a `compute_loss` of the user's own that calls none of them
    leaves nothing but the difference.

    Args:
        model: A compiled Keras model. If it is not built yet, its first step builds it.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self.decomposition: LossDecomposition | None = None
        self._compute_loss = model.compute_loss
        if model.built:
            self._add_metric()
        model.compute_loss = self._compute_and_add
        # Steps that were compiled before do not know of the hook. They are put back with it gone.
        self._programs_before = model.train_function, model.test_function
        model.make_train_function(force=True)
        model.make_test_function(force=True)
        self._programs = model.train_function, model.test_function

    def remove(self) -> None:
        """Leaves the model as it was."""
        vars(self.model).pop("compute_loss", None)
        if self.decomposition is not None:
            self.model._metrics.remove(self.decomposition)
        # Not if the model was compiled anew since, which has made them worthless.
        if (self.model.train_function, self.model.test_function) == self._programs:
            self.model.train_function, self.model.test_function = self._programs_before

    def averages(self) -> dict[str, float]:
        """Means over the batches since the metrics were last reset."""
        return {} if self.decomposition is None else self.decomposition.averages()

    def _add_metric(self) -> LossDecomposition:
        self._names = PenaltyNames(self.model)
        strategy = getattr(self.model, "distribute_strategy", None)
        with nullcontext() if strategy is None else strategy.scope():
            self.decomposition = LossDecomposition(self._names.all)
        self.model._metrics.append(self.decomposition)
        return self.decomposition

    def _compute_and_add(self, *args: Any, **kwargs: Any) -> Any:
        model = self.model
        # The forward pass of the first step has built a model that was not built before.
        decomposition = self.decomposition or self._add_metric()
        losses = model.losses
        with _recorded(model._compile_loss) as data_losses, _given_losses(model, losses):
            loss = self._compute_loss(*args, **kwargs)
        penalties = [ops.sum(penalty) for penalty in losses]
        # Under `tf.distribute` each replica's loss is divided by the number of replicas.
        loss_of_batch = n_replicas() * loss
        if data_losses:
            data_loss = n_replicas() * sum(data_losses)
        else:
            data_loss = loss_of_batch - sum(penalties)
        x, _, y_pred, *_ = (*args, None, None, None)
        inputs = kwargs.get("x", x)
        inputs = kwargs.get("y_pred", y_pred) if inputs is None else inputs
        named = zip(self._names.of(losses), penalties, strict=True)
        decomposition.update_state(loss_of_batch, data_loss, named, batch_size_of(inputs))
        return loss


@contextmanager
def _recorded(compile_loss: Any) -> Iterator[list[Any]]:
    """Collects what the compiled loss returns while the context is open."""
    values: list[Any] = []
    if compile_loss is None:
        yield values
        return
    original = compile_loss.call

    def call(*args: Any, **kwargs: Any) -> Any:
        values.append(original(*args, **kwargs))
        return values[-1]

    compile_loss.call = call
    try:
        yield values
    finally:
        del compile_loss.call


@contextmanager
def _given_losses(model: keras.Model, losses: list[Any]) -> Iterator[None]:
    """Lets `model.losses` return what was computed already, instead of computing it again."""
    before = model._losses_override
    model._losses_override = losses
    try:
        yield
    finally:
        model._losses_override = before
