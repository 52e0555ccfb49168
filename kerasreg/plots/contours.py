"""The landscape of a loss over two weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kerasreg.arguments import finite_float, invalid_argument
from kerasreg.plots.checks import check_columns, grid_of
from kerasreg.plots.styles import LINE_COLORS, PENALTY_COLORS, axes_or_new

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_N_LEVELS = 10
# Steps of a descent that are told apart by the eye; of a longer one only the line is drawn.
_MAX_DOTS = 40


def plot_contours(
    surface: pd.DataFrame,
    ax: Axes | None = None,
    *,
    level: float | None = None,
    minimum: tuple[float, float] | None = None,
    path: pd.DataFrame | Mapping[str, pd.DataFrame] | None = None,
    levels: Sequence[float] | None = None,
    color: str = PENALTY_COLORS["l1"],
) -> Axes:
    """Draws a loss over two weights, with the ball of a penalty and the way of a descent.

    Grey lines are the level sets {w : f(w) = c} of the loss f. The ball of the penalty P is

        {w : P(w) <= level}.

    At the minimum w* of f + P, and with `level` = P(w*), the level set of f through w* touches the
    ball: at a corner of an L1 ball one of the weights is zero.

    Args:
        surface: Table with columns `w_1`, `w_2`, `value` and, for a ball, `penalty_value`: a row
            for each point of a grid, every `w_1` with every `w_2`. Where `value` is not finite
            there are no lines.
        ax: Axes to draw into, or None for a new figure.
        level: The penalty at the edge of the ball, between the least and the largest
            `penalty_value`. By default that at `minimum`, if there is one, by linear interpolation
            in the grid.
        minimum: The point (w_1, w_2) to mark by a star, within the grid.
        path: Table with columns `step`, `w_1`, `w_2`: a descent, from a ring on, with a dot
            a step where there are at most 40. Or several of them by their names, for the legend.
            What lies outside the grid is cut off.
        levels: The values c of the grey lines. By default ten, whose distance from the least
            `value` grows geometrically from a two-hundredth of its range to half of it, and with a
            ball that at `minimum`.
        color: Colour of the ball, as in `kerasreg.plots.PENALTY_COLORS`.

    Returns:
        The axes.

    Raises:
        TypeError: If `ax` is no axes of Matplotlib.
        ValueError: If a table lacks a column, or `surface` is no grid; for a level or a minimum
            outside it.

    Example:

    >>> w_1, w_2 = (side.ravel() for side in np.meshgrid(*2 * [np.linspace(-1.5, 3.5, 101)]))
    >>> surface = pd.DataFrame({"w_1": w_1, "w_2": w_2})
    >>> surface["value"] = (w_1 - 2) ** 2 + (w_2 - 0.5) ** 2 + (w_1 - 2) * (w_2 - 0.5)
    >>> surface["penalty_value"] = 2.5 * (np.abs(w_1) + np.abs(w_2))  # L1(2.5)
    >>> axes = kerasreg.plots.plot_contours(surface, minimum=(1.0, 0.0))
    >>> axes.get_xlabel()
    'w₁'

    References:
        - Tibshirani, Regression shrinkage and selection via the lasso (1996), figure 2.
    """
    columns = ("w_1", "w_2", "value") if level is None else ("w_1", "w_2", "value", "penalty_value")
    check_columns("surface", surface, columns)
    value = grid_of("surface", surface, "value")
    if minimum is not None:
        minimum = _point_of("minimum", minimum, value)
    if level is not None:
        penalty = grid_of("surface", surface, "penalty_value")
        level = _level_in(penalty, level)
    elif minimum and "penalty_value" in surface:
        penalty = grid_of("surface", surface, "penalty_value")
        level = _at(minimum, penalty)
    from matplotlib.colors import is_color_like

    if not is_color_like(color):
        raise invalid_argument("color", "a colour that Matplotlib knows", color)
    if levels is not None and not isinstance(levels, Iterable):
        raise invalid_argument("levels", "a sequence of finite floats", levels)
    if levels is None:
        levels = _default_levels(value, minimum if level is not None else None)
    ways = path if isinstance(path, Mapping) else {} if path is None else {"": path}
    for name, way in ways.items():
        check_columns(f"path[{name!r}]" if name else "path", way, ("step", "w_1", "w_2"))
    ax = axes_or_new(ax)
    sides = value.columns.to_numpy(dtype=float), value.index.to_numpy(dtype=float)
    heights = _heights(value, levels)
    if len(heights):
        ax.contour(*sides, value, levels=heights, colors="0.65", linewidths=1.2, zorder=1.6)
    if level is not None:
        lowest, highest = penalty.min(axis=None), penalty.max(axis=None)
        inside = [lowest - 1.0, level]
        ax.contourf(*sides, penalty, levels=inside, colors=[color], alpha=0.18, zorder=1.5)
        if lowest < level < highest:  # else the ball is a point
            ax.contour(*sides, penalty, levels=[level], colors=[color], linewidths=2, zorder=1.7)
    _draw_ways(ax, ways)
    if minimum is not None:
        ax.plot(*minimum, "*", color="gold", mec="black", ms=15, zorder=5)
    for draw, (low, high) in ((ax.axvline, sides[0][[0, -1]]), (ax.axhline, sides[1][[0, -1]])):
        if low < 0 < high:
            draw(0.0, color="#333333", lw=0.8, zorder=1.5)
    # A ball is round, and a corner right-angled, only where both weights have the same scale.
    ax.set(xlim=sides[0][[0, -1]], ylim=sides[1][[0, -1]], aspect="equal")
    ax.set(xlabel="w₁", ylabel="w₂")
    ax.grid(visible=False)
    return ax


def _default_levels(value: pd.DataFrame, minimum: tuple[float, float] | None) -> list[float]:
    low, high = value.min(axis=None), value.max(axis=None)
    levels = low + (high - low) * np.geomspace(0.005, 0.5, _N_LEVELS)
    return [*levels, _at(minimum, value)] if minimum else list(levels)


def _heights(value: pd.DataFrame, levels: Sequence[float]) -> np.ndarray:
    """The levels within the range of the surface, ascending: others are no lines."""
    heights = np.unique([_finite("levels", height, "finite floats") for height in levels])
    inside = (value.min(axis=None) < heights) & (heights < value.max(axis=None))
    return np.asarray(heights[inside])


def _point_of(name: str, point: Any, grid: pd.DataFrame) -> tuple[float, float]:
    first, second = grid.columns, grid.index
    expected = (
        f"a point (w_1, w_2) with w_1 from {first[0]:g} to {first[-1]:g} and w_2 from "
        f"{second[0]:g} to {second[-1]:g}, as in the table"
    )
    try:
        w_1, w_2 = (float(weight) for weight in point)
    except (TypeError, ValueError):
        raise invalid_argument(name, expected, point) from None
    if not (first[0] <= w_1 <= first[-1] and second[0] <= w_2 <= second[-1]):
        raise invalid_argument(name, expected, point)
    return w_1, w_2


def _level_in(penalty: pd.DataFrame, level: float) -> float:
    lowest, highest = penalty.min(axis=None), penalty.max(axis=None)
    expected = f"a float > {lowest:g} and < {highest:g}, the range of `penalty_value`"
    number = _finite("level", level, expected)
    if not lowest < number < highest:
        raise invalid_argument("level", expected, level)
    return number


def _finite(name: str, value: Any, expected: str) -> float:
    try:
        return finite_float(name, value, minimum=-np.inf)
    except ValueError:
        raise invalid_argument(name, expected, value) from None


def _at(minimum: tuple[float, float], grid: pd.DataFrame) -> float:
    """The grid at the minimum, by linear interpolation between its points."""
    from scipy.interpolate import RegularGridInterpolator

    at = RegularGridInterpolator((grid.index, grid.columns), grid.to_numpy())(minimum[::-1]).item()
    if not np.isfinite(at):
        raise invalid_argument("minimum", "a point among those with finite values", minimum)
    return float(at)


def _draw_ways(ax: Axes, ways: Mapping[str, pd.DataFrame]) -> None:
    colors = ["black"] if len(ways) == 1 else LINE_COLORS
    for place, (name, way) in enumerate(ways.items()):
        way, color = way.sort_values("step", kind="stable"), colors[place % len(colors)]
        dot = "." if len(way) <= _MAX_DOTS else ""
        (line,) = ax.plot(way["w_1"], way["w_2"], marker=dot, color=color, lw=1.5, ms=5, zorder=3)
        start = way.iloc[0]
        ax.plot(
            start["w_1"], start["w_2"], "o", mfc="white", mec="black", ms=7, mew=1.5, zorder=4.5
        )
        if name:
            line.set_label(name)
    if any(ways):
        ax.legend(fontsize="small", frameon=True, framealpha=0.8, edgecolor="none")
