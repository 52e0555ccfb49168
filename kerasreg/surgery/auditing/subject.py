"""What the rules of an audit ask about a model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops, tree

import kerasreg.regularizers
from kerasreg.arguments import in_one_line
from kerasreg.checks import check_inputs, check_targets, checked_samples, sample_arrays
from kerasreg.global_state import global_state_kept
from kerasreg.gradients import DataGradient
from kerasreg.losses import FunctionLoss, resolved_loss
from kerasreg.proximal_optimizer import ProximalOptimizer, inner_optimizer
from kerasreg.regularizers import KerasPenalty, Penalty, as_penalty
from kerasreg.regularizers.gate import Gate, without_gate
from kerasreg.surgery.auditing.lines import compile_settings, source_of_layer
from kerasreg.surgery.places import Place, described, places
from kerasreg.variables import as_tensor, layer_paths, values_of

# Samples of which the activities are measured.
_N_ACTIVE = 256


class Finding(NamedTuple):
    """A row of the table of warnings."""

    where: str
    warning: str
    explanation: str
    fix: str


class Weight(NamedTuple):
    """A weight, its regularizer without a gate, the penalty's value, and if a loss has it."""

    place: Place
    regularizer: Any
    value: float
    is_trained: bool
    in_losses: bool

    @property
    def name(self) -> str:
        return self.place.name

    @property
    def variable(self) -> keras.Variable:
        return self.place.variable

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.variable.shape)

    @property
    def n_weights(self) -> int:
        return math.prod(self.shape)

    @property
    def penalty(self) -> Penalty | None:
        """None for a regularizer of unknown kind."""
        try:
            return as_penalty(self.regularizer)
        except TypeError:
            return None

    def slope(self, at: np.ndarray) -> np.ndarray:
        """The gradient of any regularizer, by the backend's differentiation."""
        gradient = gate_before(self.regularizer).gradient(as_tensor(at.astype("float32")))
        # TensorFlow has None for a value that does not depend on the weights.
        return np.zeros_like(at) if gradient is None else ops.convert_to_numpy(gradient)

    @property
    def has_effect(self) -> bool:
        return has_effect(self.regularizer, self.shape)

    @property
    def has_zeros(self) -> bool:
        """Whether minima have exact zeros: where a finite strength makes all weights zero."""
        ones = np.ones(self.shape, "float32")
        return self.penalty is not None and math.isfinite(float(self.penalty.strength_max(ones)))


class _Activity(NamedTuple):
    """A layer with an activity regularizer; `value` is NaN where it was not measured."""

    name: str
    layer: keras.layers.Layer
    value: float
    in_losses: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the activities of a sample, as far as it is known."""
        try:
            return tuple(size or 3 for size in self.layer.output.shape[1:])
        except (AttributeError, ValueError):  # called nowhere, more than once, or many outputs
            return (3,)


class Subject:
    """A model that is audited; everything here is asked once and leaves it unchanged.

    Args:
        model: A built Keras model.
        x: Inputs or None.
        y: Targets or None.
        train_step: A function of `(x, y)` or None.
    """

    def __init__(self, model: keras.Model, x: Any, y: Any, train_step: Any):
        self.model, self.x, self.y, self.train_step = model, x, y, train_step
        self.notes: list[str] = []
        self.paths = layer_paths(model)
        places_ = places(model)
        if x is not None and y is not None:
            self.x, self.y, _ = checked_samples(x, y)
            check_targets(model, getattr(model, "loss", None), self.y)
        else:
            self.x = sample_arrays("x", x)
        if x is not None:
            check_inputs(model, self.x)
        self._trained = {id(variable) for variable in model.trainable_variables}
        self._reached = _reached_by_losses(model, places_)
        self.weights = [self._weight(place) for place in places_]
        self.penalized = [weight for weight in self.weights if weight.in_losses]
        self.activities = self._activities()

    @property
    def has_data(self) -> bool:
        return self.x is not None and self.y is not None

    def optimizer_of(self, variable: keras.Variable) -> tuple[Any, str]:
        """The optimizer that moves a variable, and where it is; None without one."""
        optimizer: Any = getattr(self.model, "optimizer", None)
        source = "model.optimizer"
        inner = inner_optimizer(self.model)
        if inner is not optimizer:
            return inner, f"{source}.inner_optimizer"
        if isinstance(optimizer, keras.optimizers.MultiOptimizer):
            own = optimizer._optimizer_map(variable)
            for at, each in enumerate(optimizer.optimizers):
                if each is own:
                    return own, f"{source}.optimizers[{at}]"
            return own, source
        return optimizer, source

    def is_proximal(self, variable: keras.Variable) -> bool:
        optimizer, _ = self.optimizer_of(variable)
        # A gate is left by a proximal optimizer that a loop of one's own has built.
        is_gated = optimizer is None and isinstance(variable.regularizer, Gate)
        return is_gated or isinstance(optimizer, ProximalOptimizer)

    def source_of_layer(self, layer: keras.layers.Layer) -> str:
        return source_of_layer(self.model, layer)

    def source_of(self, weight: Weight, regularizer: Any) -> str:
        """A regularizer as Python: its constructor, or a place in the model that holds it."""
        if isinstance(regularizer, KerasPenalty):
            regularizer = regularizer.regularizer
        kind = type(regularizer)
        for name, module in {"keras": keras, "kerasreg": kerasreg}.items():
            if getattr(module.regularizers, kind.__name__, None) is kind:
                return f"{name}.regularizers.{described(regularizer)}"
        layer, argument = weight.place.layer, weight.place.argument
        source = self.source_of_layer(layer)
        if argument is not None and without_gate(getattr(layer, argument)) is regularizer:
            return f"{source}.{argument}"
        at = next(i for i, own in enumerate(layer.weights) if own is weight.variable)
        gate = ".regularizer" if isinstance(weight.variable.regularizer, Gate) else ""
        return f"{source}.weights[{at}].regularizer{gate}"

    @cached_property
    def data_gradient(self) -> DataGradient | None:
        """The gradient of the compiled data loss; None, with a note, if it cannot be had."""
        if not self.has_data or getattr(self.model, "loss", None) is None:
            return None
        try:
            loss = _weighted(self.model.loss, compile_settings(self.model).get("loss_weights"))
            return DataGradient(self.model, self.x, self.y, loss)
        except (TypeError, ValueError) as error:
            self.notes.append(f"Not checked with the data: {in_one_line(error)}.")
            return None

    @cached_property
    def data_loss(self) -> float:
        """The loss whose gradient that is, over all samples."""
        assert self.data_gradient is not None
        return self.data_gradient.value()

    @cached_property
    def gradients(self) -> dict[int, np.ndarray]:
        """The gradient of the data loss at the present weights, by `id(variable)`."""
        return self.gradients_at({})

    def gradients_at(self, values: Mapping[int, np.ndarray]) -> dict[int, np.ndarray]:
        """The same with other values for some of the variables."""
        assert self.data_gradient is not None
        variables = self.model.trainable_variables
        weights = [values.get(id(v), values_of(v)) for v in variables]
        gradients = self.data_gradient(weights)
        return {id(v): g for v, g in zip(variables, gradients, strict=True)}

    @cached_property
    def layers_called_past(self) -> list[keras.layers.Layer]:
        """Layers whose activity regularizer does nothing, for TimeDistributed calls past it."""
        wrappers = [
            layer
            for layer in self.model._flatten_layers()
            if isinstance(layer, keras.layers.TimeDistributed)
        ]
        if not wrappers:
            return []
        with global_state_kept():
            probe = keras.layers.Activation("linear", activity_regularizer=ops.sum)
            wrapper = keras.layers.TimeDistributed(probe)
            wrapper(ops.ones((1, 1, 1)))
            counts = bool(wrapper.losses)
        return [] if counts else [wrapper.layer for wrapper in wrappers]

    def _weight(self, place: Place) -> Weight:
        regularizer = without_gate(place.variable.regularizer)
        value = 0.0 if regularizer is None else _value(regularizer, place.variable)
        key = id(place.variable)
        return Weight(place, regularizer, value, key in self._trained, key in self._reached)

    def _activities(self) -> list[_Activity]:
        regularized = [
            layer
            for layer in self.model._flatten_layers()
            if getattr(layer, "activity_regularizer", None) is not None
        ]
        if not regularized:
            return []
        bypassed = {id(layer) for layer in self.layers_called_past}
        added = _added_by_layers(self.model, self.x)
        found = []
        for layer in regularized:
            name = self.paths.get(id(layer), self.model.name)
            value = np.nan if added is None else added.get(id(layer), 0.0)
            in_losses = id(layer) not in bypassed if added is None else id(layer) in added
            found.append(_Activity(name, layer, value, in_losses))
        return found


def gate_before(regularizer: Any) -> Gate:
    """A gate that differentiates and takes marks; no optimizer asks it for a penalty."""
    no_penalty: Any = None
    return Gate(regularizer, no_penalty)


def has_effect(regularizer: Any, shape: tuple[int, ...]) -> bool:
    """Whether a regularizer has a value other than 0 for weights that have nothing special."""
    drawn = np.random.default_rng(0).normal(size=shape)
    return any(_value(regularizer, array.astype("float32")) != 0 for array in (drawn, 9 * drawn))


def batch_size_exponent(regularizer: Any, shape: tuple[int, ...]) -> float:
    """The p for which an activity penalty in the loss is as batch_size**p: 0, where all is well.

    Measured on a layer of its own, with the same samples once and twice in a batch.
    """
    sample = np.random.default_rng(0).uniform(0.1, 0.9, size=(1, *shape)).astype("float32")
    with global_state_kept():
        probe = keras.layers.Activation("linear", activity_regularizer=regularizer)
        penalties = []
        for repeats in (2, 4):
            probe(ops.convert_to_tensor(np.repeat(sample, repeats, axis=0)))
            penalties.append(float(ops.convert_to_numpy(sum(probe.losses))))
    if penalties[0] * penalties[1] <= 0:
        return 0.0
    return round(math.log2(penalties[1] / penalties[0]), 2)


@contextmanager
def unchanged(model: keras.Model) -> Iterator[None]:
    """Puts back, at its end, what a forward pass or a trace leaves behind in a model."""
    layers = model._flatten_layers()
    added = [(layer._losses[:], set(layer._loss_ids)) for layer in layers]
    variables = [(variable, getattr(variable, "regularizer", None)) for variable in model.variables]
    with global_state_kept():
        try:
            yield
        finally:
            for layer, (losses, ids) in zip(layers, added, strict=True):
                layer._losses[:] = losses
                layer._loss_ids.clear()
                layer._loss_ids.update(ids)
            for variable, regularizer in variables:
                if getattr(variable, "regularizer", None) is not regularizer:
                    variable.regularizer = regularizer


def _value(regularizer: Any, w: Any) -> float:
    return float(ops.convert_to_numpy(ops.sum(regularizer(ops.convert_to_tensor(w)))))


class _Noted(keras.Regularizer):
    """Notes that a loss has asked for the penalty of its variable."""

    def __init__(self, key: int, reached: set[int]):
        self._key, self._reached = key, reached

    def __call__(self, w: Any) -> Any:
        self._reached.add(self._key)
        return ops.zeros(())


def _reached_by_losses(model: keras.Model, all_places: list[Place]) -> set[int]:
    """Ids of the variables whose penalty is in `model.losses`: asked, not concluded."""
    reached: set[int] = set()
    with unchanged(model):
        for place in all_places:
            if place.variable.regularizer is not None:
                place.variable.regularizer = _Noted(id(place.variable), reached)
        _ = model.losses
    return reached


def _added_by_layers(model: keras.Model, x: Any) -> dict[int, float] | None:
    """The penalties of activities by `id(layer)`, on the first samples; None if unknown.

    Called where the model is kept `unchanged`.
    """
    if x is None:
        return None
    batch = tree.map_structure(lambda leaf: as_tensor(np.asarray(leaf)[:_N_ACTIVE]), x)
    added: dict[int, float] = {}
    try:
        with keras.StatelessScope(collect_losses=True) as scope:
            model(batch, training=False)
        for layer in model._flatten_layers():
            values = [loss for loss in scope.losses if id(loss) in layer._loss_ids]
            if values:
                added[id(layer)] = float(sum(ops.convert_to_numpy(value) for value in values))
    except Exception:  # the user's own layers may raise anything, and no value is needed
        return None
    return added


def _weighted(loss: Any, loss_weights: Any) -> Any:
    """Compiled losses, each multiplied by its weight."""
    if loss_weights is None:
        return loss

    def weighted(one: Any, factor: float) -> Any:
        resolved = resolved_loss(one)
        return resolved and FunctionLoss(lambda y, y_pred: factor * resolved(y, y_pred))

    if isinstance(loss_weights, dict):
        losses = loss if isinstance(loss, dict) else dict.fromkeys(loss_weights, loss)
        return {name: weighted(one, loss_weights.get(name, 1.0)) for name, one in losses.items()}
    if isinstance(loss_weights, list | tuple):
        each = loss if isinstance(loss, list | tuple) else [loss] * len(loss_weights)
        return [weighted(one, factor) for one, factor in zip(each, loss_weights, strict=True)]
    return weighted(loss, loss_weights)
