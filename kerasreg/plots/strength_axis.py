"""The axis of strengths, on which several figures stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kerasreg.arguments import float_between
from kerasreg.plots.styles import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def axes_over_strengths(ax: Axes | None) -> Axes:
    ax = axes_or_new(ax)
    ax.set_xscale("log")
    ax.set_xlabel("strength")
    return ax


def mark_strengths(ax: Axes, selected: float | Mapping[str, float] | None) -> None:
    """Draws a vertical line at a strength, or at each of several, with its name."""
    if selected is None:
        return
    from matplotlib.patheffects import withStroke

    named = selected if isinstance(selected, Mapping) else {"": selected}
    marked = sorted((float_between("selected", value, 0), name) for name, value in named.items())
    for place, (strength, name) in enumerate(marked):
        ax.axvline(strength, color="#333333", lw=1.2, ls=":", zorder=1.7)
        # Away from a neighbour, which may be close.
        side = "right" if place == 0 and len(marked) > 1 else "left"
        ax.annotate(
            name,
            (strength, 0.98),
            (-3 if side == "right" else 3, 0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            rotation=90,
            ha=side,
            va="top",
            size="small",
            color="#333333",
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )
