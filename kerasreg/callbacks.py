"""For `model.fit`: a monitor of regularization, in tables and TensorBoard, and schedules of it.

`RegularizationMonitor` records, `StrengthSchedule` changes the strengths. With a training loop of
your own, `kerasreg.metrics` and `kerasreg.tables` do what the monitor does.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from kerasreg.arguments import finite_float, folder_or_none, invalid_argument
from kerasreg.loss_hook import LossHook
from kerasreg.proximal_optimizer import inner_optimizer
from kerasreg.regularizers import Penalty, as_penalty
from kerasreg.tables import TrainingRecord
from kerasreg.variables import layer_paths, named_variables, values_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RegularizationMonitor", "StrengthSchedule"]

# So many values of a schedule are computed at once, the first of them before training.
_COMPUTED_AHEAD = 1000


class RegularizationMonitor(keras.callbacks.Callback):
    """Records for every epoch of `fit` what the loss is made of, and where the weights are.

    For the train and the validation split: `loss`, `data_loss`, `penalty` and
    `penalty/<variable>` (an activity regularizer or `add_loss` under its layer's name), with

        loss = data_loss + penalty,

    each the mean over the samples, as Keras's own `loss` is; and the metrics of `compile`. For
    each trainable variable: exact zeros, norms, the largest modulus, and a histogram with bins
    that stay the same. `compile` needs no change, logs and weights are what they are without
    the monitor. The tables `curves`, `weights` and `weight_histograms` are valid at any time,
    also after a `fit` that was interrupted. A second `fit` starts new tables; with
    `initial_epoch` it continues the numbers of epochs, not the tables.

    With a `StrengthSchedule` beside it, penalties are those of the scaled strengths, and the split
    `train` has a quantity `strength_scale`, the one in force at the epoch's end.

    Args:
        log_dir: Folder to which the same is written for TensorBoard, or None. Run folders
            `train` and `validation` are made in it; if there are event files of an earlier
            `fit`, in `run-2`, `run-3`, … below it. If they cannot be written, a warning says so
            once, and training goes on. See them with `tensorboard --logdir <folder>`.

    Raises:
        ValueError: If `log_dir` is no path.

    Example:

    >>> dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(0.01))
    >>> model = keras.Sequential([keras.Input((3,)), dense])
    >>> model.compile("sgd", "mse")
    >>> x, y = np.eye(3), np.arange(3.0)
    >>> monitor = kerasreg.callbacks.RegularizationMonitor()
    >>> history = model.fit(x, y, epochs=2, verbose=0, callbacks=[monitor])
    >>> monitor.curves.query("quantity == 'penalty'")["epoch"].tolist()
    [1, 2]
    """

    def __init__(self, log_dir: str | Path | None = None):
        super().__init__()
        self._log_dir = folder_or_none("log_dir", log_dir)
        self._record = TrainingRecord()
        self._hook: LossHook | None = None

    @property
    def curves(self) -> pd.DataFrame:
        """A row an epoch and quantity: `epoch` (from 1), `split`, `quantity`, `value`.

        `split` is `train` or `validation`; the quantities are those above.
        """
        return self._record.curves

    @property
    def weights(self) -> pd.DataFrame:
        """A row an epoch and trainable variable, of its weights when the epoch has ended.

        Columns `epoch`, `variable` (`dense/kernel`), `n_weights`, `n_zero` (the exact zeros),
        `l1_norm`, `l2_norm`, `max_abs`.
        """
        return self._record.weights

    @property
    def weight_histograms(self) -> pd.DataFrame:
        """A row an epoch, variable and bin: `epoch`, `variable`, `bin_left`, `bin_right`, `count`.

        A variable has the same bins in every epoch, and zero is the middle of one of them.
        """
        return self._record.weight_histograms

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._remove_hook()  # of a fit that was interrupted
        self._record.close()
        self._record = TrainingRecord(self._log_dir)
        self._hook = LossHook.joined_by(self)
        self._hook.record_parts()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._averages: dict[str, dict[str, float]] = {}
        if self._hook is not None:
            self._hook.reset_unlisted()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        # Keras is about to reset the metrics for validation: the last moment to read training's.
        if self._hook is not None:
            self._averages["train"] = self._hook.averages()
            self._hook.reset_unlisted()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._hook is not None:
            last_split = "validation" if "train" in self._averages else "train"
            self._averages[last_split] = self._hook.averages()
            if self._hook.strength_scale is not None:
                self._averages["train"]["strength_scale"] = self._hook.strength_scale
        for name, value in (logs or {}).items():
            split = "validation" if name.startswith("val_") else "train"
            if split in self._averages:
                self._averages[split].setdefault(name.removeprefix("val_"), float(value))
        for split, values in self._averages.items():
            self._record.add_curves(epoch + 1, split, values)
        self._record.add_weights(epoch + 1, named_variables(self.model))

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._remove_hook()
        self._record.close()

    def _remove_hook(self) -> None:
        if self._hook is not None:
            self._hook.leave(self)
            self._hook = None


class StrengthSchedule(keras.callbacks.Callback):
    """Multiplies the strengths of all regularizers of a model by a number that changes in `fit`.

    In epoch or step t every penalty P(w, λ) of a weight is

        P(w, s(t)·λ),

    which for L1, L2 and whatever else is proportional to λ is s(t)·P(w, λ); for MCP and SCAD it is
    another curve, that of the strength s(t)·λ. Regularizers of which no penalty is known, a plain
    function say, are multiplied by s(t). So are activity regularizers, with all that `add_loss`
    adds in the layers that have one; other layers' `add_loss` stays as it is. A proximal
    optimizer of kerasreg applies the prox of the same P(w, s(t)·λ).

    Do not expect much of it: in `experiments/strength_schedule` none of three schedules is
    better than a constant strength with as many zeros, and where s ends at 0 the zeros come back
    (`kerasreg.surgery.refit_support` keeps them). Where the problem is not convex, under MCP say,
    it decides in which minimum training ends. With Keras's schedules:

    - warm-up, linear over 10 epochs: `PolynomialDecay(0.0, 10, end_learning_rate=1.0, power=1)`
    - annealing: `ExponentialDecay(1.0, 10, 0.5)`, `CosineDecay(1.0, 100)`
    - in steps: `PiecewiseConstantDecay([10, 20], [0.0, 0.5, 1.0])`

    `history` has `strength_scale`, the number in force at the end of each epoch. Validation in
    `fit` uses the number in force, so that `val_loss` changes with it: let `EarlyStopping` and
    `ModelCheckpoint` watch a metric, `val_mae` say. `model.evaluate` after `fit` uses none. When
    `fit` ends all strengths are what they were. The number is an input of the compiled step, which
    is traced once.

    With `by="step"` t is the number of batches that the optimizer has counted in `iterations`,
    which is saved with it (each batch also when gradients are accumulated, but from the next
    epoch on not a batch that loss scaling has skipped). So a `fit` of a loaded model goes on where
    the saved one was; with `by="epoch"` it does with `initial_epoch`. With
    `steps_per_execution=k` the number changes once every k batches, as every callback is called.

    Args:
        schedule: s, a function of an int t that returns a float >= 0, of t alone: up to 1000 of
            its values are checked before training. Or a
            `keras.optimizers.schedules.LearningRateSchedule`.
        by: `"epoch"`, t counts epochs from 0, as Keras does; or `"step"`, t is the number of
            training batches done so far, over all epochs.

    Raises:
        ValueError: If an argument is invalid. When `fit` begins: if there is a second
            `StrengthSchedule`, if an activity regularizer is not proportional to its strength (its
            activities are not at hand when the number is known), or if a value of the schedule is
            not a finite float >= 0.

    Example:

    >>> dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(0.01))
    >>> model = keras.Sequential([keras.Input((3,)), dense])
    >>> model.compile("sgd", "mse")
    >>> x, y = np.eye(3), np.arange(3.0)
    >>> warm_up = keras.optimizers.schedules.PolynomialDecay(0.0, 2, 1.0, power=1)
    >>> schedule = kerasreg.callbacks.StrengthSchedule(warm_up)
    >>> history = model.fit(x, y, epochs=4, verbose=0, callbacks=[schedule])
    >>> history.history["strength_scale"]
    [0.0, 0.5, 1.0, 1.0]

    References:
        - Bowman et al., Generating Sentences from a Continuous Space (2016), section 3.1, for a
          penalty that is warmed up.
        - Friedman, Hastie & Tibshirani, Regularization Paths for Generalized Linear Models via
          Coordinate Descent (2010), section 2.5, for one that falls, every strength starting from
          the solution of the last.
    """

    def __init__(self, schedule: Callable[[int], Any], by: str = "epoch"):
        super().__init__()
        if not callable(schedule) or isinstance(schedule, type):
            expected = "a function int -> float >= 0, or a LearningRateSchedule of Keras"
            raise invalid_argument("schedule", expected, schedule)
        if by not in ("epoch", "step"):
            raise invalid_argument("by", "'epoch' or 'step'", by)
        self._schedule = schedule
        self._by = by
        self._hook: LossHook | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._leave_hook()  # of a fit that was interrupted
        self._refuse_activities_out_of_proportion()
        self._hook = LossHook.joined_by(self)
        try:
            self._hook.schedule_strengths()
        except Exception:
            self._hook.remove()
            raise
        self._values: dict[int, float] = {}
        self._end = 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._hook is None:
            return
        self._first_step = self._steps_done() if self._by == "step" else 0
        now = epoch if self._by == "epoch" else self._first_step
        n_epochs, n_steps = self.params["epochs"] - epoch, self.params["steps"] or 0
        self._end = now + n_epochs * (n_steps if self._by == "step" else 1)
        # Assigned in any case: a callback may have loaded the optimizer's variables.
        self._scale = self._value_at(now)
        self._hook.assign_scale(self._scale)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if self._hook is not None:
            if self._by == "step":
                self._scale = self._value_at(self._first_step + batch)
            self._hook.set_scale(self._scale)

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        if self._hook is not None:
            self._hook.set_scale(self._scale)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._hook is None:
            return
        if not self._hook.was_called:
            raise RuntimeError(
                f"StrengthSchedule has no effect on the model '{self.model.name}': its "
                "`train_step` does not call `compute_loss`. Let it call "
                "`self.compute_loss(x, y, y_pred, sample_weight)`"
            )
        if logs is not None:
            logs["strength_scale"] = self._scale

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._leave_hook()

    def _leave_hook(self) -> None:
        if self._hook is not None:
            self._hook.end_schedule()
            self._hook.leave(self)
            self._hook = None

    def _steps_done(self) -> int:
        # `iterations` counts the updates if gradients are accumulated.
        return int(values_of(inner_optimizer(self.model)._iterations))

    def _value_at(self, number: int) -> float:
        if number not in self._values:
            # One by one where Keras does not know how many steps there will be.
            ahead = range(number, max(number + 1, min(self._end, number + _COMPUTED_AHEAD)))
            values = zip(ahead, self._computed(ahead), strict=True)
            self._values = {each: self._checked(value, each) for each, value in values}
        return self._values[number]

    def _computed(self, numbers: range) -> list[Any]:
        """The values of the schedule: those of a schedule of Keras at once, where it allows it.

        On its own each of them would take longer than a step of a small model.
        """
        if len(numbers) > 2 and isinstance(self._schedule, LearningRateSchedule):
            try:
                values = _as_array(
                    self._schedule(ops.convert_to_tensor(np.array(numbers, "int32")))
                )
                ends = [_as_array(self._schedule(numbers[at])) for at in (0, len(numbers) // 2, -1)]
            except Exception:  # whatever comes of a schedule that is written for one step
                pass
            else:
                if values.shape == (len(numbers),) and np.allclose(
                    values[[0, len(numbers) // 2, -1]], ends, rtol=1e-6, equal_nan=True
                ):
                    return list(values)
        return [_as_array(self._schedule(number)) for number in numbers]

    def _checked(self, value: Any, number: int) -> float:
        try:
            return finite_float("schedule", value, minimum=0)
        except ValueError:
            raise ValueError(
                f"Invalid value of the schedule at {self._by} {number}: expected a finite float "
                f">= 0. Received: {value!r}"
            ) from None

    def _refuse_activities_out_of_proportion(self) -> None:
        paths = layer_paths(self.model)
        for layer in self.model._flatten_layers():
            try:
                penalty = as_penalty(layer.activity_regularizer)
            except TypeError:  # none, or one of which nothing is known
                continue
            if not _is_proportional(penalty):
                raise ValueError(
                    f"The activity regularizer {penalty!r} of the layer "
                    f"'{paths.get(id(layer), self.model.name)}' cannot be scheduled: its value is "
                    "not proportional to its strength. Use one that is, L1 or L2 say, or put it "
                    "on the weights"
                )


def _as_array(value: Any) -> Any:
    """A tensor of the backend as an array, anything else as it is."""
    is_tensor = ops.is_tensor(value) or isinstance(value, keras.Variable)
    return ops.convert_to_numpy(value) if is_tensor else value


def _is_proportional(penalty: Penalty) -> bool:
    """Whether P(w, λ) = λ·P(w, 1), asked at weights over six decades."""
    moduli = np.logspace(-3, 3, 42, dtype="float32").reshape(7, 6)
    single, double = (float(penalty(moduli, strength)) for strength in (1.0, 2.0))
    return abs(double - 2 * single) <= 1e-4 * abs(double)
