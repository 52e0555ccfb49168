"""Many models as one: every variable of a Keras model with a first axis of members.

A member is one model of a grid. The Keras model itself is only traced: its variables are never
read or written, the values of all members stand in variables of shape `(n_members, …)`. What one
member computes is written down for one member and mapped over that axis; what Keras's optimizers
do to a weight they do to each by itself, so that one optimizer steps all members.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np
from keras import ops
from keras.src.trainers.compile_utils import CompileLoss, CompileMetrics

from kerasreg.grid.batch import Batch, flags_like
from kerasreg.grid.member_penalty import MemberPenalty
from kerasreg.grid.vectorization import map_members
from kerasreg.metrics import PenaltyNames, added_by
from kerasreg.proximal_optimizer import ProximalOptimizer, without_state
from kerasreg.regularizers.keras_builtin import value_at_factor
from kerasreg.tensorflow_only import tf
from kerasreg.variables import named_variables, penalty_of, values_of

# Names and values of penalties, or of other losses that layers add.
_Named: TypeAlias = list[tuple[str, Any]]


class Sums(NamedTuple):
    """What an epoch has added up so far, for every member."""

    n_samples: Any  # (n_members,)
    parts: Any  # (n_members, n_parts): loss, data loss and penalties, times n_samples
    metrics: list[Any]  # states of the metrics, each (n_members, …)


class StackedModel:
    """The values of all members, and the functions that train and evaluate them.

    Args:
        model: A built Keras model. It is not changed.
        n_members: Length of the first axis.
        optimizer: A Keras optimizer; a copy of it steps the stacked variables.
        loss: As for `compile`.
        metrics: As for `compile`.
        example: A batch of `(x, y)` with which losses and metrics make their variables.
    """

    def __init__(
        self,
        model: keras.Model,
        n_members: int,
        optimizer: keras.optimizers.Optimizer,
        loss: Any,
        metrics: Any,
        example: tuple[Any, Any],
    ):
        self.model = model
        self.n_members = n_members
        self.names = [name for name, _ in named_variables(model)]
        self.trainable = model.trainable_variables
        self.state = model.non_trainable_variables  # batch statistics, states of random draws
        self.penalty_names = PenaltyNames(model)
        self.used_penalties: set[str] = set()
        self.maps_by_loop = False
        self._regularized = [
            (index, variable.regularizer)
            for index, variable in enumerate(self.trainable)
            if variable.regularizer is not None
        ]
        self._activity_regularized = [
            layer for layer in model._flatten_layers() if layer.activity_regularizer is not None
        ]
        self._build_losses(loss, metrics, example)
        self.strengths = keras.Variable(
            np.zeros(n_members, np.float32), trainable=False, name="strengths"
        )
        self._build_variables(optimizer)

    def _build_losses(self, loss: Any, metrics: Any, example: tuple[Any, Any]) -> None:
        output_names = getattr(self.model, "output_names", None)
        x, y = example
        with keras.StatelessScope():  # so that a layer which draws keeps its state
            y_pred = self.model(x, training=False)
        self.compile_loss = CompileLoss(loss, output_names=output_names)
        self.compile_loss(y, y_pred)
        self.metrics = CompileMetrics(None, metrics or None, output_names=output_names)
        if metrics:
            self.metrics.update_state(y, y_pred)
            self.metrics.reset_state()
        for loss_of_output in self.compile_loss.metrics:  # where there are several outputs
            loss_of_output.reset_state()
        # Metrics that the forward pass updates, and those that are updated after it.
        self._loss_variables = self.compile_loss.variables
        self.metric_variables = [
            *self._loss_variables,
            *(self.metrics.variables if metrics else ()),
        ]
        self._metric_starts = [values_of(variable).copy() for variable in self.metric_variables]

    def _build_variables(self, optimizer: keras.optimizers.Optimizer) -> None:
        def stacked(variable: keras.Variable, trainable: bool) -> keras.Variable:
            return keras.Variable(
                lambda shape, dtype: ops.zeros(shape, dtype),
                shape=(self.n_members, *variable.shape),
                dtype=variable.dtype,
                trainable=trainable,
                name=variable.name,
            )

        self.stacked = [stacked(variable, True) for variable in self.trainable]
        self.stacked_state = [stacked(variable, False) for variable in self.state]
        self.optimizer = without_state(optimizer)
        # A prox takes the penalty from the variable; other optimizers have it in the gradient.
        self.is_proximal = isinstance(optimizer, ProximalOptimizer)
        for name, own, member in zip(self.names, self.stacked, self.trainable, strict=True):
            penalty = penalty_of(name, member) if self.is_proximal else None
            if penalty is not None:
                own.regularizer = MemberPenalty(penalty, self.strengths, self._map)
            if member.constraint is not None:
                own.constraint = self._over_members(member.constraint)
        if optimizer.clipnorm or optimizer.global_clipnorm:
            # A norm is that of one member.
            self.optimizer._clip_gradients = self._over_members(self.optimizer._clip_gradients)
        self._exclude_from_weight_decay(optimizer)
        self.optimizer.build(self.stacked)
        # Weights as well, which `finalize_variable_values` takes in the end.
        averages = self.optimizer._model_variables_moving_average if optimizer.use_ema else []
        self._averages = [average for average in averages if average is not None]
        self._optimizer_starts = [values_of(v).copy() for v in self.optimizer.variables]

    def _exclude_from_weight_decay(self, optimizer: keras.optimizers.Optimizer) -> None:
        """Lets a variable decay if the user's optimizer lets that of the model decay."""
        # What was excluded is in no config, and known by the variables of the model.
        for name in ("_exclude_from_weight_decay", "_exclude_from_weight_decay_pattern"):
            if hasattr(optimizer, name):
                setattr(self.optimizer, name, getattr(optimizer, name))
        decays = {
            self.optimizer._var_key(own): self.optimizer._use_weight_decay(member.value)
            for own, member in zip(self.stacked, self.trainable, strict=True)
        }
        self.optimizer._use_weight_decay = lambda own: decays[self.optimizer._var_key(own)]

    # The values of all members

    @property
    def variables(self) -> list[keras.Variable]:
        """All that training changes: weights, states, and what the optimizer keeps."""
        return [*self.stacked, *self.stacked_state, *self.optimizer.variables]

    def start(self, values: Sequence[np.ndarray]) -> None:
        """Starts anew with these values of the weights, then of the states."""
        for variable, value in zip(self.stacked + self.stacked_state, values, strict=True):
            variable.assign(value)
        for variable, start in zip(self.optimizer.variables, self._optimizer_starts, strict=True):
            variable.assign(start)

    # What one member computes

    def _forward(
        self,
        values: list[Any],
        state: list[Any],
        strength: Any,
        metrics: list[Any],
        batch: Batch,
        training: bool,
    ) -> tuple[Any, _Named, list[Any], list[Any]]:
        """Data loss, losses that layers added, the new state, and that of the metrics."""
        variables = [*self.trainable, *self.state, *self.metric_variables]
        assigned = list(zip(variables, [*values, *state, *metrics], strict=True))
        with (
            keras.StatelessScope(assigned, collect_losses=True) as scope,
            self._activities_at(strength),
        ):
            y_pred = self.model(batch.x, training=training)
            data_loss = self.compile_loss(batch.y, y_pred, batch.loss_weights())
            # As in `model.losses`: not those of layers that the model does not know of.
            layers = self.model._flatten_layers()
            added = [loss for loss in scope.losses if any(added_by(own, loss) for own in layers)]
            names = self.penalty_names.of(added)
            if len(self.metric_variables) > len(self._loss_variables):
                self.metrics.update_state(batch.y, y_pred, batch.counted)
        new_state, new_metrics = (
            [tf.convert_to_tensor(scope.get_current_value(variable)) for variable in each]
            for each in (self.state, self.metric_variables)
        )
        named = [(name, ops.sum(loss)) for name, loss in zip(names, added, strict=True)]
        return data_loss, named, new_state, new_metrics

    @contextmanager
    def _activities_at(self, strength: Any) -> Iterator[None]:
        """Lets the activity regularizers of the model have this strength while it is traced."""
        before = [layer.activity_regularizer for layer in self._activity_regularized]
        for layer, regularizer in zip(self._activity_regularized, before, strict=True):
            layer.activity_regularizer = partial(value_at_factor, regularizer, factor=strength)
        try:
            yield
        finally:
            for layer, regularizer in zip(self._activity_regularized, before, strict=True):
                layer.activity_regularizer = regularizer

    def _penalties(self, values: list[Any], strength: Any) -> _Named:
        """The penalties of the weights."""
        return [
            (name, value_at_factor(regularizer, values[index], strength))
            for name, (index, regularizer) in zip(
                self.penalty_names.of_weights, self._regularized, strict=True
            )
        ]

    def _parts(self, data_loss: Any, penalties: _Named) -> Any:
        """Loss, data loss and the penalties by name, as one vector."""
        by_name = dict.fromkeys(self.penalty_names.all, 0.0)
        for name, value in penalties:
            self.used_penalties.add(name)
            by_name[name] = by_name[name] + ops.cast(value, "float32")
        loss = ops.cast(data_loss, "float32") + sum(by_name.values())
        return tf.stack([loss, ops.cast(data_loss, "float32"), *by_name.values()])

    def _differentiated(
        self, values: list[Any], state: list[Any], strength: Any, metrics: list[Any], batch: Batch
    ) -> tuple[Any, ...]:
        """One member's gradients, new state, parts of the loss and states of the metrics."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            data_loss, added, new_state, metrics = self._forward(
                values, state, strength, metrics, batch, training=True
            )
            descended = ops.sum([data_loss, *_values(added)]) if added else data_loss
            if not self.is_proximal:
                penalties = self._penalties(values, strength)
                descended = ops.sum([descended, *_values(penalties)])
        gradients = tape.gradient(descended, values)
        gradients = [
            tf.zeros_like(value) if gradient is None else tf.convert_to_tensor(gradient)
            for gradient, value in zip(gradients, values, strict=True)
        ]
        if self.is_proximal:
            penalties = self._penalties(values, strength)
        parts = self._parts(data_loss, [*added, *penalties])
        return gradients, new_state, parts, metrics

    # What all members do

    def train_on(self, batch_of: Callable[[Any], Batch], rows: Any, alive: Any, sums: Sums) -> Any:
        """A step of all members that are alive: who is alive after it, and the sums.

        Args:
            batch_of: The batch that belongs to some rows.
            rows: Tensors that say which samples are in the batch: for all members, or with a
                first axis of members.
            alive: Flags of shape `(n_members,)`.
            sums: The sums of the epoch so far.
        """
        values, state = self._values(self.stacked), self._values(self.stacked_state)
        mapped, batch_of_member = _split_rows(batch_of, rows, self.n_members)

        def of_member(member: Any) -> Any:
            values, state, strength, metrics, rows = member
            batch = batch_of_member(rows)
            return *self._differentiated(values, state, strength, metrics, batch), batch.n_samples

        gradients, new_state, parts, metrics, n_samples = self._map(
            of_member, (values, state, self.strengths.value, sums.metrics, mapped)
        )
        # Of the gradients this is not asked, which would be one more pass over memory: whatever is
        # not finite in them is in the next loss, or found at the end of the epoch.
        alive = alive & tf.math.is_finite(parts[:, 0])
        before = self._values(self.weights)
        self.optimizer.apply(gradients, self.stacked)
        for variable, old in zip(self.weights, before, strict=True):
            variable.assign(self._of_alive(alive, variable.value, old))
        for variable, old, new in zip(self.stacked_state, state, new_state, strict=True):
            variable.assign(self._of_alive(alive, new, old))
        return alive, self._added(sums, n_samples, parts, metrics)

    @property
    def weights(self) -> list[keras.Variable]:
        """The weights of all members, and what the optimizer averages of them."""
        return [*self.stacked, *self._averages]

    def evaluate_on(self, batch_of: Callable[[Any], Batch], rows: Any, sums: Sums) -> Sums:
        """Adds the loss and metrics of a batch, without training."""
        values, state = self._values(self.stacked), self._values(self.stacked_state)
        mapped, batch_of_member = _split_rows(batch_of, rows, self.n_members)

        def of_member(member: Any) -> Any:
            values, state, strength, metrics, rows = member
            batch = batch_of_member(rows)
            data_loss, added, _, metrics = self._forward(
                values, state, strength, metrics, batch, training=False
            )
            parts = self._parts(data_loss, [*added, *self._penalties(values, strength)])
            return parts, metrics, batch.n_samples

        parts, metrics, n_samples = self._map(
            of_member, (values, state, self.strengths.value, sums.metrics, mapped)
        )
        return self._added(sums, n_samples, parts, metrics)

    def _added(self, sums: Sums, n_samples: Any, parts: Any, metrics: list[Any]) -> Sums:
        return Sums(sums.n_samples + n_samples, sums.parts + parts * n_samples[:, None], metrics)

    def zero_sums(self) -> Sums:
        members = self.n_members
        return Sums(
            tf.zeros(members),
            tf.zeros((members, 2 + len(self.penalty_names.all))),
            [
                tf.tile(start[None], (members, *[1] * start.ndim))
                if start.ndim
                else tf.fill(members, start)
                for start in self._metric_starts
            ],
        )

    def metric_results(self, states: list[Any]) -> dict[str, Any]:
        """The value of every metric, of shape `(n_members,)`."""
        if not self.metric_variables:
            return {}

        def of_member(states: list[Any]) -> dict[str, Any]:
            assigned = list(zip(self.metric_variables, states, strict=True))
            with keras.StatelessScope(assigned):
                results = {m.name: m.result() for m in self.compile_loss.metrics}
                if len(self.metric_variables) > len(self._loss_variables):
                    results |= self.metrics.result()
            return {name: ops.cast(value, "float32") for name, value in results.items()}

        by_name: dict[str, Any] = self._map(of_member, states)
        return by_name

    def _values(self, variables: list[keras.Variable]) -> list[Any]:
        return [tf.identity(variable.value) for variable in variables]

    def _of_alive(self, alive: Any, new: Any, old: Any) -> Any:
        return tf.where(flags_like(new, alive), new, old)

    def _over_members(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The function, applied to each member of what it is called with."""
        return lambda values: self._map(
            function, keras.tree.map_structure(tf.convert_to_tensor, values)
        )

    def _map(self, function: Callable[[Any], Any], members: Any) -> Any:
        return map_members(function, members, by_loop=self.maps_by_loop)


def _values(named: _Named) -> list[Any]:
    return [value for _, value in named]


def _split_rows(
    batch_of: Callable[[Any], Batch], rows: Any, n_members: int
) -> tuple[Any, Callable[[Any], Batch]]:
    """What to map over, and the batch of a member; members that share rows share the batch."""
    if len(rows[0].shape) == 2:
        return rows, batch_of
    batch = batch_of(rows)
    return tf.zeros(n_members), lambda _: batch
