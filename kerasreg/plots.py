"""Figures from tidy tables: each function draws one picture into an axes and returns it.

Matplotlib is used without its global state, nothing is ever shown: put the axes that is returned
into a notebook, or save `axes.figure`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasreg.regularizers.validation import invalid_argument

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

# Okabe and Ito's palette, which stays apart under every common colour blindness, with darker
# shades of its colours for relatives. One penalty has one colour in every figure.
PENALTY_COLORS = {
    "none": "#555555",
    "l1": "#D55E00",
    "l2": "#0072B2",
    "l1_l2": "#009E73",
    "elastic_net": "#009E73",
    "group_lasso": "#CC79A7",
    "sparse_group_lasso": "#7E3F66",
    "mcp": "#E69F00",
    "scad": "#56B4E9",
    "log_sum": "#8A6A00",
    "kl_sparsity": "#000000",
}
OTHER_COLORS = ("#E69F00", "#56B4E9", "#CC79A7", "#F0E442", "#000000")

_STYLE: dict[Any, Any] = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "figure.dpi": 110,
    "font.size": 12.0,
    "grid.alpha": 0.3,
    "image.cmap": "viridis",
    "legend.frameon": False,
    "lines.linewidth": 2.0,
}


@contextmanager
def style() -> Iterator[None]:
    """The look that all figures share: readable at half size, colour-blind safe.

    Example:

    >>> with kerasreg.plots.style():
    ...     axes = kerasreg.plots.plot_curves(result.curves)
    """
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        yield


def plot_curves(curves: pd.DataFrame, quantity: str = "loss", ax: Axes | None = None) -> Axes:
    """Draws one quantity against the epoch: training dashed, validation solid.

    Where the table has several runs of a split (seeds, strengths), the line is their median and
    the band goes from the least to the largest.

    Args:
        curves: Table with columns `epoch`, `split`, `quantity`, `value`.
        quantity: Which quantity to draw.
        ax: Axes to draw into, or None for a new figure.

    Returns:
        The axes.

    Raises:
        ValueError: If the table has no such quantity.

    Example:

    >>> axes = kerasreg.plots.plot_curves(result.curves, "data_loss")
    >>> axes.get_ylabel()
    'data_loss'
    """
    known = sorted(curves["quantity"].unique())
    if quantity not in known:
        raise invalid_argument("quantity", f"one of {known}", quantity)
    ax = _axes(ax)
    chosen = curves[curves["quantity"] == quantity]
    for split, line in (("train", "--"), ("validation", "-")):
        spread = chosen[chosen["split"] == split].groupby("epoch")["value"]
        if spread.ngroups == 0:
            continue
        color = PENALTY_COLORS["l2"] if split == "validation" else PENALTY_COLORS["none"]
        middle = spread.median()
        ax.plot(middle.index, middle.to_numpy(), line, color=color, label=split)
        if spread.size().max() > 1:
            ax.fill_between(middle.index, spread.min(), spread.max(), color=color, alpha=0.2, lw=0)
    ax.set_xlabel("epoch")
    ax.set_ylabel(quantity)
    ax.legend()
    return ax


def plot_histograms(weight_histograms: pd.DataFrame, variable: str, ax: Axes | None = None) -> Axes:
    """Draws how the weights of one variable spread over the epochs, as an image.

    Colour is the share of the weights in a bin, on a logarithmic scale; empty bins stay white.

    Args:
        weight_histograms: Table with columns `epoch`, `variable`, `bin_left`, `bin_right`,
            `count`, of one run.
        variable: Name as in the table, `dense/kernel`.
        ax: Axes to draw into, or None for a new figure.

    Returns:
        The axes.

    Raises:
        ValueError: If the table has no such variable.

    Example:

    >>> axes = kerasreg.plots.plot_histograms(result.weight_histograms, "dense/kernel")
    >>> axes.get_xlabel()
    'epoch'
    """
    from matplotlib.colors import LogNorm

    known = sorted(weight_histograms["variable"].unique())
    if variable not in known:
        raise invalid_argument("variable", f"one of {known}", variable)
    ax = _axes(ax)
    chosen = weight_histograms[weight_histograms["variable"] == variable]
    counts = chosen.pivot_table(index="bin_left", columns="epoch", values="count")
    shares = counts / counts.sum()
    edges = np.append(counts.index, chosen["bin_right"].max())
    epochs = counts.columns.to_numpy(dtype=float)
    # A column reaches half-way to its neighbours, so that recorded epochs may lie far apart.
    between = (epochs[1:] + epochs[:-1]) / 2
    first, last = (epochs[:1], epochs[-1:])
    columns = np.concatenate(
        [
            2 * first - (between[:1] if len(between) else first - 0.5),
            between,
            2 * last - (between[-1:] if len(between) else last - 0.5),
        ]
    )
    image = ax.pcolormesh(
        columns,
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


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    return Figure(layout="constrained").add_subplot()
