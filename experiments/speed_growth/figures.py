"""The figure of `speed_growth`."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from experiments.number_format import plain
from experiments.speed_growth.fit import Knee
from experiments.timing import plain_ticks
from kerasreg.plots import LINE_COLORS, style

SCALES = ((1e-6, "µs"), (1e-3, "ms"), (1, "s"))


def draw(medians, growth):
    """A panel for what grows: medians with quartiles, the two lines, and the knee."""
    with style():
        fig = Figure(figsize=(15, 5.2), layout="constrained")
        axes = fig.subplots(1, len(growth), squeeze=False)[0]
        for ax, line in zip(axes, growth.itertuples(), strict=True):
            rows = medians[medians["row"] == line.grows]
            unit, name = max(s for s in SCALES if s[0] <= rows["seconds"].median())
            found = Knee(line.knee, line.seconds_at_knee, line.slope_below, line.slope_above)
            sizes = rows["size"].to_numpy()
            fine = np.geomspace(sizes[0], sizes[-1], 100)
            ax.plot(fine, found.at(fine) / unit, color="black", lw=1.5, ls="--")
            low, high = rows["seconds_q25"] / unit, rows["seconds_q75"] / unit
            ax.vlines(rows["size"], low, high, color=LINE_COLORS[0], lw=5, alpha=0.35)
            ax.plot(rows["size"], rows["seconds"] / unit, "o", color=LINE_COLORS[0], ms=9)
            ax.axvline(line.knee, color=LINE_COLORS[1], ls=":", lw=2)
            ax.set(xscale="log", yscale="log", xlabel=line.grows, ylabel=name)
            ax.set_title(line.timed[0].upper() + line.timed[1:])
            ax.margins(x=0.08, y=0.3)
            for slope, reason, at, align, y, va in (
                (line.slope_below, line.limit_below, 0.03, "left", 0.95, "top"),
                (line.slope_above, line.limit_above, 0.97, "right", 0.04, "bottom"),
            ):
                where = {"transform": ax.transAxes, "ha": align, "va": va}
                ax.text(at, y, f"slope {plain(slope)}:\n{reason}", **where)
            plain_ticks(ax.xaxis, at=list(rows["size"])[:: 1 + len(rows) // 5])
            plain_ticks(ax.yaxis)
        return fig
