"""Names beside the lines of a figure, none on another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from matplotlib.text import Text

# As shares of the width of the axes: the line from a name to its own line, the space at the sides.
_LEADER, _MARGIN = 0.04, 0.02
# Names are written smaller, down to half their size, where they would take more of the width.
_MAX_WIDTH = 0.5


def write_names(ax: Axes, strengths: np.ndarray, names: list[tuple[float, str, str]]) -> None:
    """Writes (height, name, colour), in ascending order, left of the strengths, none on another.

    All that is placed is in data coordinates; pixels only say how much room a name takes. The names
    take part in no limits of the y-axis and follow them: axes that share one may still be drawn.
    """
    texts = [_text(ax, strengths[0], *each) for each in names]
    pitch, width = _fit_size(ax, texts)
    knee, far, text_at = _make_room(ax, strengths, width)
    leaders = []
    for text, (height, _, color) in zip(texts, names, strict=True):
        text.set_x(text_at)
        leaders.append(_leader(ax, [*strengths[:1], knee, far], height, color))
    heights = np.array([height for height, _, _ in names])

    def place(ax: Axes) -> None:
        bottom, top = ax.get_ylim()
        places = _apart((heights - bottom) / (top - bottom), pitch)
        for text, line, height, share in zip(texts, leaders, heights, places, strict=True):
            text.set_y(bottom + (top - bottom) * share)
            line.set_ydata([height, height, text.get_position()[1]])

    place(ax)
    ax.callbacks.connect("ylim_changed", place)


def _text(ax: Axes, x: float, height: float, name: str, color: str) -> Text:
    from matplotlib.colors import to_rgb

    darker = 0.65 * np.array(to_rgb(color))  # than the line, for letters are thin
    return ax.text(x, height, name, color=darker, size="small", ha="right", va="center")


def _fit_size(ax: Axes, texts: Sequence[Text]) -> tuple[float, float]:
    """Writes the texts smaller where there is no room for them, but not below half their size.

    Returns:
        The distance from a text to the next, as a share of the height of the axes, and the width
        of the widest, as a share of theirs.
    """
    room = ax.get_window_extent()
    extents = [text.get_window_extent() for text in texts]
    pitch = 1.05 * max(extent.height for extent in extents) / room.height
    width = max(extent.width for extent in extents) / room.width
    shrink = min(1.0, max(0.5, min(1 / (pitch * len(texts)), _MAX_WIDTH / width)))
    for text in texts:
        text.set_fontsize(float(text.get_fontsize()) * shrink)
    return shrink * pitch, shrink * width


def _make_room(ax: Axes, strengths: np.ndarray, width: float) -> np.ndarray:
    """Extends the axes to the left by the width of the texts.

    Returns:
        Where a leader bends, where it ends, and where the texts end, as strengths.
    """
    first, last = np.log10(strengths[0]), np.log10(strengths[-1])
    span = max(last - first, 0.1) / (1 - min(width, 0.6) - _LEADER - 2 * _MARGIN)
    sides = [10 ** (last + (_MARGIN - 1) * span), 10 ** (last + _MARGIN * span)]
    if len(ax.get_shared_x_axes().get_siblings(ax)) > 1:
        # Room for the other axes' names stays.
        left, right = ax.get_xlim()
        sides = [min(left, sides[0]), max(right, sides[1])]
    ax.set_xlim(*sides)
    return np.asarray(10.0 ** (first - np.array([0.2, 0.8, 1.0]) * _LEADER * span))


def _leader(ax: Axes, along: list[float], height: float, color: str) -> Line2D:
    from matplotlib.lines import Line2D

    line = Line2D(along, [height] * 3, color=color, lw=0.7, label="_leader")
    ax.add_artist(line)  # unlike `plot`, it leaves the limits alone
    return line


def _apart(heights: np.ndarray, pitch: float) -> np.ndarray:
    """The places nearest to ascending heights that are a pitch apart, and within the axes.

    min Σ(pᵢ − heightᵢ)² with pᵢ₊₁ − pᵢ >= pitch is an isotonic regression in pᵢ − i·pitch.
    """
    from scipy.optimize import isotonic_regression

    steps = pitch * np.arange(len(heights))
    places = isotonic_regression(heights - steps).x
    lowest, highest = pitch / 2, 1 - pitch / 2 - steps[-1]
    return np.asarray(np.clip(places, lowest, max(lowest, highest)) + steps)
