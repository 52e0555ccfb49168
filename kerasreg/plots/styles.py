"""The look that all figures share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas.core.groupby import SeriesGroupBy

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
# Lines that are told apart by their place and their name, so that a colour may come back.
LINE_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7E3F66")

# Line and colour of each split in every figure that has both, in the order of the legend.
SPLITS = {
    "train": ("--", PENALTY_COLORS["none"]),
    "validation": ("-", PENALTY_COLORS["l2"]),
}

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

    A context, or a decorator of a function that draws: Matplotlib's settings are set within it,
    and after it they are what they were.

    Example:

    >>> falling = {"epoch": range(1, 51), "value": np.exp(-np.arange(50) / 10)}
    >>> curves = pd.DataFrame({**falling, "split": "train", "quantity": "loss"})
    >>> with kerasreg.plots.style():
    ...     axes = kerasreg.plots.plot_curves(curves)
    >>> axes.xaxis.label.get_fontsize()
    12.0

    References:
        - Okabe & Ito, Color Universal Design (2008), for the palette.
    """
    import matplotlib

    with matplotlib.rc_context(_STYLE):
        yield


def axes_or_new(ax: Axes | None) -> Axes:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    if ax is not None:
        if not isinstance(ax, Axes):
            raise TypeError(
                "Invalid type for argument `ax`: expected matplotlib Axes, such as "
                f"figure.add_subplot(), or None. Received: {type(ax).__name__}"
            )
        return ax

    return Figure(layout="constrained").add_subplot()


def draw_spread(ax: Axes, spread: SeriesGroupBy, line: str, color: str, **look: Any) -> None:
    """Draws the median of each group as a line, and the band from its least to its largest value.

    Args:
        ax: Axes to draw into.
        spread: The values by where they are on the horizontal axis.
        line: Marker and style of the line, as Matplotlib writes them.
        color: Colour of line and band.
        **look: What else Matplotlib may know of the line.
    """
    middle = spread.median()
    ax.plot(middle.index, middle.to_numpy(), line, color=color, **look)
    if spread.size().max() > 1:
        ax.fill_between(middle.index, spread.min(), spread.max(), color=color, alpha=0.2, lw=0)
