"""The tidy tables of a training run: one observation a row, the same columns everywhere.

`TrainingRecord` makes them, with `Histogram` for the weights; `kerasreg.plots` draws them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from kerasreg.arguments import folder_or_none
from kerasreg.tensorboard import summaries
from kerasreg.tensorboard.event_files import EventFiles, run_folder
from kerasreg.variables import values_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Histogram", "TrainingRecord"]

CURVE_COLUMNS = ("epoch", "split", "quantity", "value")
# A column of every table of weights by its name, which begins with n_ for a number of weights; of
# an array of shape (members, weights). The order is that of the columns.
WEIGHT_MEASURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "n_zero": lambda w: w.shape[1] - np.count_nonzero(w, axis=1),
    "l1_norm": lambda w: np.abs(w).sum(axis=1),
    # A product for each member by itself, so that its rounding does not depend on the others.
    "l2_norm": lambda w: np.sqrt(np.matmul(w[:, None, :], w[:, :, None])[:, 0, 0]),
    "max_abs": lambda w: np.abs(w).max(axis=1, initial=0.0),
}
HISTOGRAM_COLUMNS = ("epoch", "variable", "bin_left", "bin_right", "count")

# Bins on each side of zero: at most this many, at least a third of it.
_MAX_BINS_PER_SIDE = 40


class Histogram:
    """Counts of an array in bins that are the same for every array.

    Bins are [(k − ½)·3^level, (k + ½)·3^level) for integers k, so zero is the middle of a bin.
    Three neighbours make exactly one bin of the next level: histograms of different epochs are
    brought to common bins without looking at the weights again. The level follows from the
    largest modulus; an array of zeros fits every level and has none. Values that are not finite
    are not counted.

    Args:
        values: Floats, shape `(n_values,)`.
        max_abs: Their largest modulus, a float >= 0.

    Example:

    >>> histogram = kerasreg.tables.Histogram(np.array([0.0, 0.0, 1.0]), max_abs=1.0)
    >>> sorted(histogram.at_level(1).items())
    [(0, 3)]
    """

    def __init__(self, values: np.ndarray, max_abs: float):
        flat, largest = values, max_abs
        if not math.isfinite(largest):
            flat = flat[np.isfinite(flat)]
            largest = float(np.max(np.abs(flat), initial=0.0))
        self.level: int | None = None
        if largest > 0:
            self.level = math.ceil(math.log(largest / _MAX_BINS_PER_SIDE, 3))
            if largest < 1e-30:  # the scale would overflow float32
                flat = flat.astype(np.float64)
            # Shifted to positive numbers, so that cutting off the fraction rounds down.
            self.first = -_MAX_BINS_PER_SIDE - 1
            scale, shift = flat.dtype.type(3.0**-self.level), flat.dtype.type(0.5 - self.first)
            self.counts = np.bincount((flat * scale + shift).astype(np.int32))
        else:
            self.first = 0
            self.counts = np.array([flat.size])

    def at_level(self, level: int) -> Counter[int]:
        """Counts by bin number k, empty bins left out.

        Args:
            level: The bins are 3^level wide; an int, not less than the own `level`.
        """
        bins = np.arange(self.first, self.first + len(self.counts))
        for _ in range(level - self.level if self.level is not None else 0):
            bins = (bins + 1) // 3
        merged: Counter[int] = Counter()
        for k, count in zip(bins.tolist(), self.counts.tolist(), strict=True):
            if count:
                merged[k] += count
        return merged

    def edges_and_counts(self) -> np.ndarray:
        """The bins at the own level, from the first to the last that is not empty.

        Returns:
            An array of shape `(n_bins, 3)`, the columns left edge, right edge and count.
        """
        width = 3.0 ** (self.level or 0)
        filled = np.flatnonzero(self.counts)
        inside = slice(filled[0], filled[-1] + 1) if len(filled) else slice(0)
        left = (np.arange(self.first, self.first + len(self.counts))[inside] - 0.5) * width
        return np.stack([left, left + width, self.counts[inside]], axis=1)


class TrainingRecord:
    """What a training run leaves behind: `curves`, `weights` and `weight_histograms`.

    The tables are made when they are asked for and are valid at any time, also in the middle
    of a run and after one that was interrupted.

    Args:
        log_dir: Folder to which the same is written for TensorBoard, or None. If it has event
            files of an earlier run, `run-2`, `run-3`, … below it is used; it is chosen when the
            first epoch ends.

    Raises:
        ValueError: If `log_dir` is no path.

    Example:

    >>> record = kerasreg.tables.TrainingRecord()
    >>> record.add_curves(1, "train", {"loss": 0.5})
    >>> record.curves["value"].tolist()
    [0.5]
    """

    def __init__(self, log_dir: str | Path | None = None) -> None:
        self._log_dir = folder_or_none("log_dir", log_dir)
        self._events: EventFiles | None = None
        self._curves: list[tuple[int, str, str, float]] = []
        self._weights: list[tuple[Any, ...]] = []
        self._histograms: list[tuple[int, str, Histogram]] = []

    def add_curves(self, epoch: int, split: str, values: dict[str, float]) -> None:
        """Records the quantities of one epoch and split.

        Args:
            epoch: Number of the epoch, from 1.
            split: `train` or `validation`.
            values: The quantities by their names: `loss`, `data_loss`, `penalty`, metrics.
        """
        self._curves.extend((epoch, split, name, value) for name, value in values.items())
        if self._log_dir is not None:
            entries = (summaries.scalar(name, value) for name, value in values.items())
            self._log(self._log_dir, split, epoch, entries)

    def add_weights(self, epoch: int, variables: list[tuple[str, keras.Variable]]) -> None:
        """Records zeros, norms and a histogram of variables.

        Args:
            epoch: Number of the epoch, from 1.
            variables: Pairs of a name, `dense/kernel` say, and a variable.
        """
        entries: list[summaries.Entry] = []
        for name, variable in variables:
            flat = flat_floats(values_of(variable))
            measured = {measure: of.item() for measure, of in measures_of(flat[None]).items()}
            histogram = Histogram(flat, measured["max_abs"])
            self._weights.append((epoch, name, flat.size, *measured.values()))
            self._histograms.append((epoch, name, histogram))
            if self._log_dir is not None:
                logged = by_tag(name, list(measured.values()), flat.size)
                entries += map(summaries.scalar, logged, logged.values())
                entries.append(summaries.histogram(name, histogram.edges_and_counts()))
        if self._log_dir is not None:
            self._log(self._log_dir, "train", epoch, entries)

    def close(self) -> None:
        """Ends the event files; the tables stay."""
        if self._events is not None:
            self._events.close()

    def _log(
        self, log_dir: str | Path, split: str, epoch: int, entries: Iterable[summaries.Entry]
    ) -> None:
        if self._events is None:
            self._events = EventFiles(run_folder(log_dir, claim="train"))
        self._events.add(split, epoch, entries)

    @property
    def curves(self) -> pd.DataFrame:
        """A row an epoch and quantity: `epoch` (from 1), `split`, `quantity`, `value`.

        `split` is `train` or `validation`; the quantities are `loss`, `data_loss`, `penalty`,
        `penalty/<variable>` and the metrics.
        """
        return _frame(self._curves, CURVE_COLUMNS)

    @property
    def weights(self) -> pd.DataFrame:
        """Columns `epoch`, `variable`, `n_weights`, and a column for each of `WEIGHT_MEASURES`.

        They are `n_zero`, `l1_norm`, `l2_norm` and `max_abs`.
        """
        return _frame(self._weights, weight_columns())

    @property
    def weight_histograms(self) -> pd.DataFrame:
        """A row an epoch, variable and bin: `epoch`, `variable`, `bin_left`, `bin_right`, `count`.

        A variable has the same bins in every epoch, and zero is the middle of one of them.
        """
        levels: dict[str, int] = {}
        for _, variable, histogram in self._histograms:
            if histogram.level is not None:
                levels[variable] = max(histogram.level, levels.get(variable, histogram.level))
        counts = [
            (epoch, variable, histogram.at_level(levels.get(variable, 0)))
            for epoch, variable, histogram in self._histograms
        ]
        extent: dict[str, tuple[int, int]] = {}
        for _, variable, by_bin in counts:
            first, last = extent.get(variable, (0, 0))
            extent[variable] = min(first, *by_bin, 0), max(last, *by_bin, 0)
        rows: list[tuple[Any, ...]] = []
        for epoch, variable, by_bin in counts:
            width = 3.0 ** levels.get(variable, 0)
            first, last = extent[variable]
            rows.extend(
                (epoch, variable, (k - 0.5) * width, (k + 0.5) * width, by_bin[k])
                for k in range(first, last + 1)
            )
        return _frame(rows, HISTOGRAM_COLUMNS)


def fold_summary(scores: pd.DataFrame, keys: list[str]) -> tuple[pd.Series[float], pd.DataFrame]:
    """What folds reached, seeds averaged within each, and what that is over the folds.

    Args:
        scores: A table with `keys`, `fold`, and `value`, NaN for a member that diverged.
        keys: What the folds have in common.

    Returns:
        By `keys` and `fold`, the means over the seeds; by `keys`, `mean`, `standard_error` (the
        standard deviation of the folds / √n_folds) and `n_folds`.
    """
    # Not the mean of those that did not diverge, which would flatter where some may diverge.
    by_fold = scores.groupby([*keys, "fold"], sort=False)["value"].agg(
        lambda values: values.mean(skipna=False)
    )
    summary = by_fold.groupby(keys, sort=False).agg(
        mean=lambda values: values.mean(skipna=False),
        standard_error=lambda values: values.std(ddof=1, skipna=False) / np.sqrt(len(values)),
        n_folds="size",
    )
    return by_fold, summary


def flat_floats(values: np.ndarray) -> np.ndarray:
    """The values of a variable in C order, with at least the precision of float32."""
    flat = np.ravel(values)
    return flat if flat.dtype in (np.float32, np.float64) else flat.astype(np.float32)


def weight_columns() -> tuple[str, ...]:
    """The columns of a table of weights of one run."""
    return ("epoch", "variable", "n_weights", *WEIGHT_MEASURES)


def measures_of(values: np.ndarray) -> dict[str, np.ndarray]:
    """Each of `WEIGHT_MEASURES`, of the values of all members of a grid; the monitor has one."""
    flat = values.reshape(len(values), -1)
    if flat.dtype not in (np.float32, np.float64):
        flat = flat.astype(np.float32)
    with np.errstate(invalid="ignore", over="ignore"):  # the weights of members that diverged
        return {name: measure(flat) for name, measure in WEIGHT_MEASURES.items()}


def by_tag(variable: str, measured: Sequence[float], n_weights: int) -> dict[str, float]:
    """What TensorBoard shows of a variable: its `WEIGHT_MEASURES`, the zeros as their share."""
    named = dict(zip(WEIGHT_MEASURES, measured, strict=True))
    share = named.pop("n_zero") / max(n_weights, 1)
    return {f"{name}/{variable}": value for name, value in {"sparsity": share, **named}.items()}


def _frame(rows: list[tuple[Any, ...]], columns: tuple[str, ...]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows, columns=list(columns))
