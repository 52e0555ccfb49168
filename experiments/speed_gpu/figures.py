"""The figure of `speed_gpu`."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from experiments.timing import draw_bars, draw_times
from kerasreg.plots import style


def draw(kernels, steps, bars):
    with style():
        fig = Figure(figsize=(19, 10), layout="constrained")
        parts: Any = fig.subfigures(1, 3, width_ratios=(1, 1, 1.7))
        units = ("microseconds", "microseconds a step of fit")
        for part, tables, unit in zip(parts, (kernels, steps), units, strict=False):
            axes = part.subplots(len(tables), 1, squeeze=False)[:, 0]
            for ax, table in zip(axes, tables, strict=True):
                draw_times(ax, table, 1e6, unit)
                ax.set_title(table["row"].iloc[0])
        ax = parts[2].subplots()
        draw_bars(ax, bars, "ratio of times in the same round")
        ax.set_title("Against Keras's own, and against a copy")
        return fig
