"""The monitor: what `model.fit` shows of regularization, as tables and in TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import keras

from kerasreg.metrics import LossHook
from kerasreg.tables import TrainingRecord
from kerasreg.variables import named_variables

if TYPE_CHECKING:
    import pandas as pd


class RegularizationMonitor(keras.callbacks.Callback):
    """Records for every epoch of `fit` what the loss is made of, and where the weights are.

    For the train and the validation split: `loss`, `data_loss`, `penalty` and
    `penalty/<variable>` (an activity regularizer or `add_loss` under its layer's name), with

        loss = data_loss + penalty,

    each the mean over the samples, as Keras's own `loss` is; and the metrics of `compile`. For
    each trainable variable: exact zeros, norms, the largest modulus, and a histogram with bins
    that stay the same. `compile` needs no change, logs and weights are what they are without
    the monitor.

    Args:
        log_dir: Folder to which the same is written for TensorBoard, or None. Run folders
            `train` and `validation` are made in it; if there are event files of an earlier
            `fit`, in `run-2`, `run-3`, … below it. If they cannot be written, a warning says so
            once, and training goes on. See them with `tensorboard --logdir <folder>`.

    Attributes:
        curves: Table with columns `epoch` (from 1), `split`, `quantity`, `value`.
        weights: Table with columns `epoch`, `variable`, `n_weights`, `n_zero`, `l1_norm`,
            `l2_norm`, `max_abs`.
        weight_histograms: Table with columns `epoch`, `variable`, `bin_left`, `bin_right`,
            `count`.

    The tables are valid at any time, also after a `fit` that was interrupted. A second `fit`
    starts new tables; with `initial_epoch` it continues the numbers of epochs, not the tables.

    Example:

    >>> monitor = kerasreg.callbacks.RegularizationMonitor()
    >>> history = model.fit(x, y, epochs=2, verbose=0, callbacks=[monitor])
    >>> monitor.curves.query("quantity == 'penalty'")["epoch"].tolist()
    [1, 2]
    """

    def __init__(self, log_dir: str | Path | None = None):
        super().__init__()
        self._log_dir = log_dir
        self._record = TrainingRecord()
        self._hook: LossHook | None = None

    @property
    def curves(self) -> pd.DataFrame:
        return self._record.curves

    @property
    def weights(self) -> pd.DataFrame:
        return self._record.weights

    @property
    def weight_histograms(self) -> pd.DataFrame:
        return self._record.weight_histograms

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._remove_hook()  # of a fit that was interrupted
        self._record.close()
        self._record = TrainingRecord(self._log_dir)
        self._hook = LossHook(self.model)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._averages: dict[str, dict[str, float]] = {}

    def on_test_begin(self, logs: dict | None = None) -> None:
        # Keras is about to reset the metrics for validation: the last moment to read training's.
        if self._hook is not None:
            self._averages["train"] = self._hook.averages()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        if self._hook is not None:
            last_split = "validation" if "train" in self._averages else "train"
            self._averages[last_split] = self._hook.averages()
        for name, value in (logs or {}).items():
            split = "validation" if name.startswith("val_") else "train"
            if split in self._averages:
                self._averages[split].setdefault(name.removeprefix("val_"), float(value))
        for split, values in self._averages.items():
            self._record.add_curves(epoch + 1, split, values)
        self._record.add_weights(epoch + 1, named_variables(self.model))

    def on_train_end(self, logs: dict | None = None) -> None:
        self._remove_hook()
        self._record.close()

    def _remove_hook(self) -> None:
        if self._hook is not None:
            self._hook.remove()
            self._hook = None
