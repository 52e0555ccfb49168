"""The hook in a model's own training: parts of the loss are recorded, strengths are scaled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
from keras import ops

from kerasreg.metrics import LossDecomposition, PenaltyNames, batch_size_of
from kerasreg.replicas import n_replicas, scope_of
from kerasreg.strength_scaling import StrengthScaling

# The attribute of a model that keeps the hook of its last recorded `fit`, with what it compiled.
_KEPT = "_kerasreg_hook"


class LossHook:
    """What callbacks have changed in a model for the time of one `fit`: one hook for all of them.

    While it is in place the model's `compute_loss` is wrapped, and silent metrics are among the
    model's. With `record_parts` the compiled step adds the parts of its loss to one of them.
    With `schedule_strengths` another is the scale of a `StrengthScaling`.

    The loss that is returned is the one of `compute_loss`, to the bit. The data loss is what the
    compiled loss functions returned in it, not loss − penalty, which has no digits left when the
    penalty dominates; only a `compute_loss` of the user's own that calls none of them leaves
    nothing but the difference.

    A hook that only recorded is kept with its compiled steps, and goes on in the next `fit` of the
    model, so that one epoch after the other compiles once, as in Keras. It does not where Keras
    would compile anew (after `compile`), nor if a weight has another regularizer.

    Args:
        model: A compiled Keras model. If it is not built yet, its first step builds it.
        fit: Any object that is the same for all callbacks of one `fit`, and for no other.
    """

    def __init__(self, model: keras.Model, fit: Any):
        self.model = model
        self.decomposition: LossDecomposition | None = None
        self.was_called = False
        self._users: list[keras.callbacks.Callback] = []
        self._records = False
        self._metrics: list[keras.metrics.Metric] = []
        self._scaling: StrengthScaling | None = None
        self._basis: list[Any] = []
        self._put_in_place(fit)
        self._compile_anew()

    def _put_in_place(self, fit: Any) -> None:
        model = self.model
        self._fit = fit
        # Steps that were compiled before do not know of the hook. They are put back with it gone.
        self._programs_before = model.train_function, model.test_function
        wrappers = self._wrappers()
        self._own_before = {name: vars(model)[name] for name in wrappers if name in vars(model)}
        self._original = {name: getattr(model, name) for name in wrappers}
        for name, wrapper in wrappers.items():
            setattr(model, name, wrapper)
        self._forget_loss_ids()

    def _wrappers(self) -> dict[str, Any]:
        return {
            "compute_loss": self._compute_loss,
            "make_train_function": self._make_train_function,
            "make_test_function": self._make_test_function,
        }

    def _compile_anew(self) -> None:
        self._original["make_train_function"](force=True)
        self._original["make_test_function"](force=True)
        self._programs = self.model.train_function, self.model.test_function

    def _can_go_on(self) -> bool:
        """Whether what was compiled for an earlier `fit` is what would be compiled now."""
        model, basis = self.model, self._what_was_compiled()
        return (
            model.train_function is self._programs_before[0]
            and all(getattr(model, name) == method for name, method in self._original.items())
            and len(basis) == len(self._basis)
            and all(now is before for now, before in zip(basis, self._basis, strict=True))
        )

    def _go_on(self, fit: Any) -> None:
        self._put_in_place(fit)
        self.model.train_function, self.model.test_function = self._programs
        self.model._metrics.extend(self._metrics)

    def _what_was_compiled(self) -> list[Any]:
        model = self.model
        variables = model.trainable_variables
        layers = model._flatten_layers()
        return [
            model.optimizer,
            model._compile_loss,
            model.run_eagerly,
            *variables,
            *(variable.regularizer for variable in variables),
            *(layer.activity_regularizer for layer in layers),
        ]

    @classmethod
    def joined_by(cls, callback: keras.callbacks.Callback) -> LossHook:
        """The hook of the callback's model, put in place if it is the first to join.

        Called on_train_begin. A hook that an interrupted `fit` has left is removed first.
        """
        # Keras gives the callbacks of one `fit` one and the same dictionary.
        model, fit = callback.model, callback.params
        hook = getattr(vars(model).get("compute_loss"), "__self__", None)
        if isinstance(hook, LossHook) and (hook._fit is not fit or callback in hook._users):
            hook.remove()
            hook = None
        if not isinstance(hook, LossHook):
            hook = vars(model).get(_KEPT)
            if hook is not None and hook._can_go_on():
                hook._go_on(fit)
            else:
                hook = cls(model, fit)
        hook._users.append(callback)
        return hook

    def leave(self, callback: keras.callbacks.Callback) -> None:
        """Takes a callback from the users; the last one leaves the model as it was."""
        if callback in self._users:
            self._users.remove(callback)
            if not self._users:
                self.remove()

    def remove(self) -> None:
        """Leaves the model as it was."""
        self.end_schedule()
        self._users.clear()
        for name in self._original:
            vars(self.model).pop(name, None)
        vars(self.model).update(self._own_before)
        for metric in self._metrics:
            self.model._metrics.remove(metric)
        # Not if they were made anew since, with other settings or regularizers: what was before is
        # worthless then, and what is there now has the hook in it.
        unchanged = (self.model.train_function, self.model.test_function) == self._programs
        programs = self._programs_before if unchanged else (None, None)
        self.model.train_function, self.model.test_function = programs
        if unchanged and self._scaling is None:
            self._basis = self._what_was_compiled()
            vars(self.model)[_KEPT] = self
        else:
            vars(self.model).pop(_KEPT, None)

    def record_parts(self) -> None:
        """From now on the parts of the loss are added up."""
        self._records = True
        if self.model.built:
            self._add_decomposition()

    def averages(self) -> dict[str, float]:
        """Means over the batches since the metrics were last reset."""
        return {} if self.decomposition is None else self.decomposition.averages()

    @property
    def strength_scale(self) -> float | None:
        """The scale that is in force, None without a schedule."""
        return None if self._scaling is None else self._scaling.value

    def schedule_strengths(self) -> None:
        """From now on the strengths are multiplied by a scale, which is 1 until it is set.

        Raises:
            ValueError: If they are already.
        """
        if self._scaling is not None:
            raise ValueError(
                "Expected one StrengthSchedule in the callbacks of a fit. Received two: multiply "
                "their schedules, `StrengthSchedule(lambda epoch: first(epoch) * second(epoch))`"
            )
        if self._basis:  # what is compiled knows of no scale
            self._compile_anew()
        self._scaling = StrengthScaling(self.model)
        self._add_metric(self._scaling.metric)
        self._scaling.assign(1.0)

    def end_schedule(self) -> None:
        """Strengths are again what they were."""
        if self._scaling is not None:
            self._scaling.end()

    def set_scale(self, value: float) -> None:
        """Multiplies the strengths by `value` from the next batch on."""
        if value != self.strength_scale:
            self.assign_scale(value)

    def assign_scale(self, value: float) -> None:
        """As `set_scale`, also where it is the value that was set last."""
        if self._scaling is not None:
            self._scaling.assign(value)

    def _make_train_function(self, force: bool = False) -> Any:
        self._nothing_is_in_force()
        return self._original["make_train_function"](force)

    def _make_test_function(self, force: bool = False) -> Any:
        self._nothing_is_in_force()
        return self._original["make_test_function"](force)

    def _nothing_is_in_force(self) -> None:
        """A fit that was interrupted has left a scale: who trains or evaluates next has none.

        The callback of a fit that goes on sets its own again, on_test_begin.
        """
        self.set_scale(1.0)

    def _add_metric(self, metric: keras.metrics.Metric) -> None:
        self._metrics.append(metric)
        self.model._metrics.append(metric)
        if keras.backend.backend() == "jax" and not self._is_listed(metric):
            raise ValueError(
                f"The property `metrics` of {type(self.model).__name__} leaves out what Keras adds "
                "itself, which its compiled step is then not given. Let it return "
                "`[*super().metrics, ...]`"
            )

    def _is_listed(self, metric: keras.metrics.Metric) -> bool:
        return any(metric is own for own in self.model.metrics)

    def reset_unlisted(self) -> None:
        """Does for a model whose `metrics` leaves ours out what Keras does for the others."""
        if self.decomposition is not None and not self._is_listed(self.decomposition):
            self.decomposition.reset_state()

    def _add_decomposition(self) -> LossDecomposition:
        if self.decomposition is None:
            self._names = PenaltyNames(self.model)
            with scope_of(self.model):
                self.decomposition = LossDecomposition(self._names.all)
            self._add_metric(self.decomposition)
        return self.decomposition

    def _compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        model, original = self.model, self._original["compute_loss"]
        self.was_called = True
        if self._scaling is None:
            losses = added = model.losses
        else:
            added = self._scaling.added_losses()
            losses = self._scaling.losses(added)
        with _recorded(model._compile_loss) as data_losses, _given_losses(model, losses):
            loss = original(*args, **kwargs)
        if self._records:
            self._record(loss, data_losses, losses, added, args, kwargs)
        self._forget_loss_ids()
        return loss

    def _record(
        self,
        loss: Any,
        data_losses: list[Any],
        losses: list[Any],
        added: list[Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        """Adds the parts of a batch's loss to the metric."""
        # The forward pass of the first step has built a model that was not built before.
        decomposition = self._add_decomposition()
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
        names = self._names.of(added)
        names += self._names.of_weights if self._scaling is not None else []
        named = zip(names, penalties, strict=True)
        decomposition.update_state(loss_of_batch, data_loss, named, batch_size_of(inputs))

    def _forget_loss_ids(self) -> None:
        """Takes the ids of losses that are gone from the layers.

        In stateless calls (JAX) Keras 3.15 knows a layer's losses by their ids, and takes those
        from the next trace with which the last one was left. As new tensors get the ids of old
        ones, it then took other layers' losses too, now and then.
        """
        for layer in self.model._flatten_layers():
            layer._loss_ids.clear()


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
