"""Strengths that are multiplied by a number for the time of one `fit`."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import keras
from keras import ops

from kerasreg.metrics import added_by
from kerasreg.proximal_optimizer import proximal_optimizer_of
from kerasreg.regularizers.gate import Gate
from kerasreg.regularizers.keras_builtin import multiplied, value_at_factor
from kerasreg.replicas import scope_of


class StrengthScaling:
    """The strengths of all regularizers of a model, times a scale that is 1 until it is set.

    The compiled step takes the penalties from `losses`, and a proximal optimizer is told the same
    scale. Every penalty P(w, λ) of a weight is P(w, s·λ), computed anew from the weight; penalties
    of activities are multiplied.

    Args:
        model: A compiled Keras model. If it is not built yet, its first step builds it.

    Attributes:
        metric: The scale as a metric, which has to be among the model's.
        value: The scale that is in force.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self.value = 1.0
        with scope_of(model):
            self.metric = StrengthScale()
            if all(layer.built for layer in model._flatten_layers()):
                self._build_proximal_optimizer()
        # The gradients of this fit hold no penalty that a proximal optimizer would take out.
        self._proximal = proximal_optimizer_of(model)
        gates = [v.regularizer for v in model.trainable_variables] if self._proximal else []
        self._gates = [(gate, gate.was_marked) for gate in gates if isinstance(gate, Gate)]
        for gate, _ in self._gates:
            gate.forget()

    def assign(self, value: float) -> None:
        """Multiplies the strengths by `value` from the next batch on."""
        if keras.backend.backend() == "jax":
            # In an epoch the state is not in the variables; synchronized, it is read anew.
            self.model.jax_state_sync()
        self.value = value
        self.metric.scale.assign(value)
        optimizer = proximal_optimizer_of(self.model)
        if optimizer is not None and optimizer.built:
            optimizer.strength_scale.assign(value)

    def end(self) -> None:
        """Strengths are again what they were, to the proximal optimizer too."""
        self.assign(1.0)
        if proximal_optimizer_of(self.model) is self._proximal:
            for gate, was_marked in self._gates:
                gate.was_marked = was_marked
        self._gates = []

    def added_losses(self) -> list[Any]:
        """The entries of `model.losses` that layers have added, which come first."""
        computed: list[Any] = self.model._losses_override  # on JAX, before `compute_loss`
        if computed:
            return computed[: len(computed) - len(self._regularized())]
        return [loss for layer in self.model._flatten_layers() for loss in layer._get_own_losses()]

    def _regularized(self) -> list[Any]:
        return [v for v in self.model.trainable_variables if v.regularizer is not None]

    def losses(self, added: list[Any]) -> list[Any]:
        """The entries of `model.losses`, with all strengths multiplied by the scale.

        Args:
            added: What `added_losses` has returned.
        """
        scale = self.metric.scale
        with _outside_the_graph():
            self._build_proximal_optimizer()
        has_prox = proximal_optimizer_of(self.model) is not None
        layers = [
            layer
            for layer in self.model._flatten_layers()
            if layer.activity_regularizer is not None
        ]
        losses = [
            multiplied(loss, scale) if any(added_by(layer, loss) for layer in layers) else loss
            for loss in added
        ]
        for variable in self._regularized():
            loss = value_at_factor(variable.regularizer, variable, scale)
            if has_prox:
                # The prox alone moves the weight. Not by `stop_gradient` alone: of a weight
                # without any gradient Keras would leave out the update, and so the prox.
                loss = ops.stop_gradient(loss) + ops.cast(0.0 * ops.sum(variable), loss.dtype)
            losses.append(loss)
        return losses

    def _build_proximal_optimizer(self) -> None:
        # Built within its first step, it would expect gradients that hold the penalties.
        optimizer = proximal_optimizer_of(self.model)
        if optimizer is not None and not optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
            optimizer.strength_scale.assign(self.value)


class StrengthScale(keras.metrics.Metric):
    """The number by which the strengths of all regularizers of a model are multiplied.

    Among the model's metrics it is an input of the compiled step on every backend: it changes
    without a new trace. `result()` is empty and `reset_state()` does nothing, so that logs and
    `evaluate()` do not see it.
    """

    def __init__(self) -> None:
        super().__init__(name="strength_scale")
        self.scale = self.add_variable(
            shape=(), initializer="ones", aggregation="only_first_replica", name="scale"
        )

    def update_state(self) -> None:
        """A batch changes nothing."""

    def reset_state(self) -> None:
        """An epoch changes nothing."""

    def result(self) -> dict[str, Any]:
        return {}


def _outside_the_graph() -> Any:
    """Where variables can be made whose values are there at once."""
    if keras.backend.backend() != "tensorflow":
        return nullcontext()
    import tensorflow as tf

    return tf.init_scope()
