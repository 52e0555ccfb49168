"""Choosing a strength: every strength on every fold, for every seed, in one compiled program.

`cross_validate` trains and returns a `CrossValidation`, which has the scores, selects a strength by
a rule, and trains on all samples with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import ArrayLike

from kerasreg.arguments import invalid_argument, some_of, unknown_name, whole_number
from kerasreg.checks import checked_model
from kerasreg.folds import fold_indices
from kerasreg.grid import train_grid
from kerasreg.grid.record import GridRecord
from kerasreg.strength_range import check_before_search, strength_grid
from kerasreg.tables import fold_summary
from kerasreg.typing import Folder, Folds, Loss, Metrics, Samples

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["CrossValidation", "cross_validate"]

RULES = ("min", "one_standard_error")
# Quantities of which more is better, by a part of their names.
_MORE_IS_BETTER = ("accuracy", "auc", "precision", "recall", "r2", "f1", "fbeta", "iou", "cosine")


def cross_validate(
    model: keras.Model,
    x: Samples,
    y: Samples,
    *,
    folds: Folds = 5,
    strengths: Sequence[float] | np.ndarray | None = None,
    n_strengths: int = 100,
    min_ratio: float = 1e-3,
    optimizer: str | keras.optimizers.Optimizer = "adam",
    loss: Loss,
    metrics: Metrics = (),
    epochs: int = 10,
    batch_size: int = 32,
    seeds: Sequence[int] = (0,),
    groups: ArrayLike | None = None,
    warm_start: bool = False,
    checkpoint_dir: Folder | None = None,
    log_dir: Folder | None = None,
    log_members: int = 25,
    **settings: Any,
) -> CrossValidation:
    """Trains a model at every strength, on every fold, for every seed, to choose a strength.

    The folds are drawn once: all strengths are compared on the same samples. Without `strengths`
    they are found from all samples, as `kerasreg.path.regularization_path` does it.

    Args:
        model: As for `kerasreg.grid.train_grid`.
        x: As for `train_grid`, arrays.
        y: As for `train_grid`.
        folds: An int >= 2: so many folds of shuffled samples, with the classes in proportion
            where the loss is one of classes; or a scikit-learn splitter, such as `KFold`,
            `GroupKFold` or `TimeSeriesSplit`; or pairs of training and held-out rows.
        strengths: The factors s, or None.
        n_strengths: Without `strengths`: how many, an int >= 2.
        min_ratio: Without `strengths`: smallest / largest, between 0 and 1.
        optimizer: As for `train_grid`.
        loss: As for `compile`.
        metrics: As for `compile`.
        epochs: Number of epochs, an int >= 1.
        batch_size: Samples a step, an int >= 1.
        seeds: Ints >= 0: all is done for each.
        groups: The group of each sample, for a splitter that wants them.
        warm_start: As for `train_grid`.
        checkpoint_dir: As for `train_grid`.
        log_dir: Folder for TensorBoard's event files, written at the end, as for `train_grid`.
        log_members: How many members are written at most, as for `train_grid`: with more
            strengths than half of it, those of the first fold alone.
        **settings: Further arguments of `train_grid`: `sample_weight`, `initial_weights`,
            `shuffle`, `shuffle_seed`, `jit_compile`, `chunk_size`, `n_jobs`, `verbose`.

    Returns:
        A `CrossValidation`.

    Raises:
        ValueError: As `train_grid`; for folds that do not fit the samples, see
            `kerasreg.folds.fold_indices`; if no range of strengths can be found.
        TypeError: As `train_grid`.

    Example:

    >>> x = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
    >>> dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(1.0))
    >>> model = keras.Sequential([keras.Input((3,)), dense])
    >>> settings = {"optimizer": kerasreg.optimizers.ProximalSGD(0.1), "loss": "mse"}
    >>> found = cross_validate(model, x, x[:, 0], folds=3, strengths=[0.01, 0.1, 1.0], **settings)
    >>> found.select("min")
    0.01

    References:
        - Hastie, Tibshirani & Friedman, The Elements of Statistical Learning (2009), section 7.10,
          for the rule of one standard error.
    """
    seed = whole_number("shuffle_seed", settings.get("shuffle_seed", 0), minimum=0)
    checked_model(model)
    pairs = fold_indices(folds, x, y, loss=loss, groups=groups, seed=seed)
    common: dict[str, Any] = {
        "optimizer": optimizer,
        "loss": loss,
        "metrics": metrics,
        "epochs": epochs,
        "batch_size": batch_size,
        "seeds": seeds,
        **settings,
    }
    if strengths is None:
        check_before_search(warm_start, checkpoint_dir, log_dir, log_members)
        strengths = strength_grid(model, x, y, n_strengths, min_ratio, **common)
    common |= {"warm_start": warm_start}
    kept: dict[str, Any] = {
        "checkpoint_dir": checkpoint_dir,
        "log_dir": log_dir,
        "log_members": log_members,
    }
    grid = train_grid(model, x, y, strengths=strengths, folds=pairs, **kept, **common)
    return CrossValidation(grid, lambda **changed: train_grid(model, x, y, **common | changed))


class CrossValidation:
    """What every strength reached on what its folds held out.

    Args:
        grid: The `GridRecord` of all members.
        train_on_all: Trains on all samples, with the arguments of `train_grid` that change.

    Example:

    >>> x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    >>> y = x[:, 0] - 2 * x[:, 1]
    >>> dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(1.0))
    >>> model = keras.Sequential([keras.Input((3,)), dense])
    >>> settings = {"optimizer": kerasreg.optimizers.ProximalSGD(0.1), "loss": "mse", "epochs": 3}
    >>> strengths = [0.01, 0.1, 10.0]
    >>> found = kerasreg.cross_validation.cross_validate(
    ...     model, x, y, folds=2, strengths=strengths, verbose=0, **settings
    ... )
    >>> found.select("min") < 10
    True
    """

    def __init__(self, grid: GridRecord, train_on_all: Any):
        self.grid = grid
        self._train_on_all = train_on_all

    @property
    def strengths(self) -> np.ndarray:
        """All strengths, ascending."""
        return self.grid.strengths

    @property
    def scores(self) -> pd.DataFrame:
        """`strength`, `fold`, `seed`, `split`, `quantity`, `value`, after the last epoch.

        `split` is `train` or `validation`, what the fold held out; `quantity` is `loss`,
        `data_loss`, a penalty or a metric. Values of a member that diverged are NaN.
        """
        curves = self.grid.curves
        last = curves[curves["epoch"] == curves["epoch"].max()]
        return last.drop(columns=["epoch", "diverged"]).reset_index(drop=True)

    @property
    def summary(self) -> pd.DataFrame:
        """`strength`, `split`, `quantity`, `mean`, `standard_error`, `n_folds`.

        Seeds are averaged within a fold first. Over the K folds with values m_k

            mean = Σ_k m_k / K,    standard_error = √(Σ_k (m_k − mean)² / (K − 1)) / √K.

        Both are NaN where a member diverged.
        """
        _, summary = fold_summary(self.scores, ["strength", "split", "quantity"])
        return summary.reset_index()

    def select(
        self, rule: str = "min", quantity: str = "data_loss", mode: str | None = None
    ) -> float:
        """The strength that a rule chooses by what was held out.

        Args:
            rule: "min": the strength with the best mean. "one_standard_error": the largest
                strength whose mean is within one standard error, that of the best, of the best:
                the sparsest model that is as good as can be told.
            quantity: One of those in `scores`; the data loss, without penalties, by default.
            mode: "min" if less is better, "max" if more is, None to tell from the name.

        Returns:
            One of the strengths.

        Raises:
            ValueError: For an unknown rule or quantity, or if members diverged at every strength.
        """
        if rule not in RULES:
            raise unknown_name("rule", f"one of {list(RULES)}", rule, RULES)
        if mode not in ("min", "max", None):
            raise invalid_argument("mode", '"min", "max" or None', mode)
        summary = self.summary
        known = sorted(summary["quantity"].unique())
        if quantity not in known:
            raise unknown_name("quantity", f"one of {known}", quantity, known)
        if mode is None:
            mode = "max" if any(part in quantity for part in _MORE_IS_BETTER) else "min"
        chosen = (summary["quantity"] == quantity) & (summary["split"] == "validation")
        table = summary[chosen].set_index("strength").sort_index()
        cost = table["mean"] if mode == "min" else -table["mean"]
        if cost.isna().all():
            raise ValueError(
                "No strength can be chosen: at each of them a member diverged. Try a smaller "
                f"learning rate. Strengths: {some_of(table.index)}"
            )
        best = cost.idxmin()
        if rule == "min":
            return float(best)
        within = cost <= cost[best] + np.nan_to_num(table["standard_error"][best])
        return float(cost.index[within.to_numpy()].max())

    def refit(
        self,
        rule: str = "min",
        quantity: str = "data_loss",
        mode: str | None = None,
        seed: int | None = None,
    ) -> keras.Model:
        """A model trained on all samples at the chosen strength, with the same settings.

        Args:
            rule: As for `select`.
            quantity: As for `select`.
            mode: As for `select`.
            seed: Seed of the model, by default the first.

        Returns:
            An ordinary Keras model, compiled, with the strength in its regularizers.

        Raises:
            ValueError: As `select`; if the seed is no int >= 0.
        """
        strength = self.select(rule, quantity, mode)
        seed = int(self.grid.seeds[0]) if seed is None else seed
        strengths = [strength]
        if self.grid.warm_start:  # the weights at a strength come from the smaller ones
            strengths = [float(s) for s in self.strengths if s <= strength]
        grid = self._train_on_all(strengths=strengths, seeds=[seed])
        return grid.model(strength, seed=seed)

    def plot(self, ax: Axes | None = None, *, quantity: str = "data_loss", **options: Any) -> Axes:
        """Draws a quantity against the strength, with both choices marked.

        Args:
            ax: Axes to draw into, or None for a new figure.
            quantity: One of those in `scores`.
            **options: Further arguments of `kerasreg.plots.plot_cross_validation`.

        Returns:
            The axes.

        Raises:
            ValueError: As `select`, and as `plot_cross_validation`.
        """
        from kerasreg.plots import plot_cross_validation

        selected = {rule.replace("_", " "): self.select(rule, quantity) for rule in RULES}
        options = {"selected": selected} | options
        return plot_cross_validation(self.scores, ax, quantity=quantity, **options)
