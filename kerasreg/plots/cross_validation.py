"""The figure of a cross-validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from kerasreg.plots.checks import check_columns, check_splits, check_strengths, rows_of
from kerasreg.plots.strength_axis import axes_over_strengths, mark_strengths
from kerasreg.plots.styles import SPLITS
from kerasreg.tables import fold_summary

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def plot_cross_validation(
    scores: pd.DataFrame,
    ax: Axes | None = None,
    *,
    quantity: str = "data_loss",
    selected: float | Mapping[str, float] | None = None,
    show_folds: bool = False,
) -> Axes:
    """Draws what cross-validation found, against the strength: training dashed, validation solid.

    With the mean m_k over the seeds of fold k, the line and its band over K folds are

        m = Σ_k m_k / K,    m ± √(Σ_k (m_k − m)² / (K − 1)) / √K.

    The band is one standard error as if the folds were independent, which they are not: a rule of
    thumb for choosing, no confidence interval. Where a member has no finite value (it diverged),
    the line has a gap.

    Args:
        scores: Table with columns `strength`, `fold`, `split`, `quantity`, `value`, one row a
            member (`seed`s of a fold are averaged).
        ax: Axes to draw into, or None for a new figure.
        quantity: Which quantity to draw.
        selected: A strength to mark by a vertical line, or several of them by their names, as
            `{"minimum": 0.02, "one standard error": 0.1}`.
        show_folds: Whether to add each fold's validation as a thin line.

    Returns:
        The axes.

    Raises:
        TypeError: If `ax` is no axes of Matplotlib.
        ValueError: If the table lacks a column, has no such quantity, or strengths that a
            logarithmic axis cannot show.

    Example:

    >>> data = kerasreg.datasets.diabetes()
    >>> dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(1.0))
    >>> model = keras.Sequential([keras.Input((10,)), dense])
    >>> settings = {"optimizer": kerasreg.optimizers.ProximalSGD(0.1), "loss": "mse", "epochs": 50}
    >>> samples = data.x_train, data.y_train
    >>> settings |= {"folds": 5, "n_strengths": 30}
    >>> found = kerasreg.cross_validation.cross_validate(model, *samples, **settings)
    >>> axes = kerasreg.plots.plot_cross_validation(
    ...     found.scores, selected={"minimum": found.select("min")}
    ... )
    >>> axes.get_ylabel()
    'data_loss'

    References:
        - Hastie, Tibshirani & Friedman, The elements of statistical learning (2009), section 7.10.
    """
    check_columns("scores", scores, ("strength", "fold", "split", "quantity", "value"))
    chosen = rows_of("quantity", quantity, scores)
    check_strengths("scores", chosen)
    check_splits("scores", chosen)
    ax = axes_over_strengths(ax)
    for split, (line, color) in SPLITS.items():
        of_split = chosen[chosen["split"] == split]
        if of_split.empty:
            continue
        finite = of_split["value"].where(np.isfinite(of_split["value"]))
        by_fold, summary = fold_summary(of_split.assign(value=finite), ["strength"])
        folds, summary = by_fold.unstack("fold").sort_index(), summary.sort_index()
        # Neither would a mean over the folds that are left be one to compare.
        mean = summary["mean"].where(summary["n_folds"] == folds.shape[1])
        if show_folds and split == "validation":
            ax.plot(folds.index, folds.to_numpy(), line, color=color, lw=0.7, alpha=0.5)
        ax.plot(mean.index, mean.to_numpy(), line, color=color, label=split)
        if folds.shape[1] > 1:
            error = summary["standard_error"]
            ax.fill_between(mean.index, mean - error, mean + error, color=color, alpha=0.2, lw=0)
    ax.set_ylabel(quantity)
    ax.legend()
    mark_strengths(ax, selected)
    return ax
