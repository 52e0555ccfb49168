"""The figure of `speed_grid`."""

from __future__ import annotations

from matplotlib.figure import Figure

from experiments.timing import draw_bars, draw_times, plain_ticks
from kerasreg.plots import style


def draw_calls(calls, bars, about):
    """Times of whole calls, and the bars."""
    with style():
        fig = Figure(figsize=(14, 7), layout="constrained")
        left, right = fig.subplots(1, 2, width_ratios=(1, 1.1))
        draw_times(left, calls, 1, "seconds, tracing and compilation included")
        left.set_title(f"One call in a new process: digits,\n{about}")
        draw_bars(right, bars, "ratio of times in the same round")
        low, high = right.get_xlim()
        right.set_xlim(low / 2, high * 2)  # as all lie close together, their texts need more room
        plain_ticks(right.xaxis)
        right.set_title("What was asked for")
        return fig
