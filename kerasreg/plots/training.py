"""Figures of one training run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kerasreg.plots.checks import check_columns, check_splits, rows_of
from kerasreg.plots.styles import SPLITS, axes_or_new, draw_spread
from kerasreg.tables import CURVE_COLUMNS, HISTOGRAM_COLUMNS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def plot_curves(curves: pd.DataFrame, quantity: str = "loss", ax: Axes | None = None) -> Axes:
    """Draws one quantity against the epoch: training dashed, validation solid.

    Where the table has several runs of a split (seeds, strengths), the line is their median and
    the band goes from the least to the largest.

    Args:
        curves: Table with columns `epoch`, `split`, `quantity`, `value`.
        quantity: Which quantity to draw: `loss`, `data_loss`, `penalty`, a metric.
        ax: Axes to draw into, or None for a new figure.

    Returns:
        The axes.

    Raises:
        TypeError: If `ax` is no axes of Matplotlib.
        ValueError: If the table lacks a column, or has no such quantity.

    Example:

    >>> data = kerasreg.datasets.wine()
    >>> hidden = keras.layers.Dense(16, "relu", kernel_regularizer=keras.regularizers.L1(0.02))
    >>> model = keras.Sequential([keras.Input((13,)), hidden, keras.layers.Dense(3)])
    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> held_out = data.x_validation, data.y_validation
    >>> settings = {"optimizer": kerasreg.optimizers.ProximalAdam(0.01), "loss": loss}
    >>> settings |= {"epochs": 40, "validation_data": held_out}
    >>> result = kerasreg.training.train(model, data.x_train, data.y_train, **settings)
    >>> axes = kerasreg.plots.plot_curves(result.curves, "data_loss")
    >>> axes.get_ylabel()
    'data_loss'
    """
    check_columns("curves", curves, CURVE_COLUMNS)
    chosen = rows_of("quantity", quantity, curves)
    check_splits("curves", chosen)
    ax = axes_or_new(ax)
    for split, (line, color) in SPLITS.items():
        spread = chosen[chosen["split"] == split].groupby("epoch")["value"]
        if spread.ngroups:
            draw_spread(ax, spread, line, color=color, label=split)
    ax.set_xlabel("epoch")
    ax.set_ylabel(quantity)
    ax.legend()
    return ax


def plot_histograms(weight_histograms: pd.DataFrame, variable: str, ax: Axes | None = None) -> Axes:
    """Draws how the weights of one variable spread over the epochs, as an image.

    Colour is the share of the weights in a bin, count / Σ counts of the epoch, on a logarithmic
    scale from 1e-4 to 1; empty bins stay white. Each recorded epoch is a column.

    Args:
        weight_histograms: Table with columns `epoch`, `variable`, `bin_left`, `bin_right`,
            `count`, of one run.
        variable: Name as in the table, `dense/kernel`.
        ax: Axes to draw into, or None for a new figure.

    Returns:
        The axes.

    Raises:
        TypeError: If `ax` is no axes of Matplotlib.
        ValueError: If the table lacks a column, or has no such variable.

    Example:

    >>> data = kerasreg.datasets.wine()
    >>> hidden = keras.layers.Dense(16, "relu", kernel_regularizer=keras.regularizers.L1(0.02))
    >>> model = keras.Sequential([keras.Input((13,)), hidden, keras.layers.Dense(3)])
    >>> loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    >>> settings = {"optimizer": kerasreg.optimizers.ProximalAdam(0.01), "epochs": 40}
    >>> samples = data.x_train, data.y_train
    >>> result = kerasreg.training.train(model, *samples, loss=loss, **settings)
    >>> axes = kerasreg.plots.plot_histograms(result.weight_histograms, "dense/kernel")
    >>> axes.get_xlabel()
    'epoch'
    """
    from matplotlib.colors import LogNorm

    check_columns("weight_histograms", weight_histograms, HISTOGRAM_COLUMNS)
    chosen = rows_of("variable", variable, weight_histograms)
    ax = axes_or_new(ax)
    counts = chosen.pivot_table(index="bin_left", columns="epoch", values="count")
    shares = counts / counts.sum()
    edges = np.append(counts.index, chosen["bin_right"].max())
    epochs = counts.columns.to_numpy(dtype=float)
    # A column reaches half-way to its neighbours, so that recorded epochs may lie far apart.
    between = (epochs[1:] + epochs[:-1]) / 2
    first, last = (epochs[:1], epochs[-1:])
    sides = np.concatenate(
        [
            2 * first - (between[:1] if len(between) else first - 0.5),
            between,
            2 * last - (between[-1:] if len(between) else last - 0.5),
        ]
    )
    image = ax.pcolormesh(
        sides,
        edges,
        np.ma.masked_equal(shares.to_numpy(), 0.0),
        norm=LogNorm(vmin=1e-4, vmax=1.0),
        rasterized=True,
    )
    ax.figure.colorbar(image, ax=ax, label="share of the weights")
    ax.grid(visible=False)
    ax.set_xlabel("epoch")
    ax.set_ylabel(variable)
    return ax
