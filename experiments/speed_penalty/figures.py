"""The figure of `speed_penalty`."""

from __future__ import annotations

from matplotlib.figure import Figure

from experiments.timing import annotate, draw_line, plain_ticks
from kerasreg.plots import OTHER_COLORS, PENALTY_COLORS, style

COPY = "copy"
COLORS = {
    "ElasticNet": PENALTY_COLORS["elastic_net"],
    "Keras L1L2": PENALTY_COLORS["none"],
    COPY: OTHER_COLORS[1],
}


def draw(against_copy, of_keras, limit):
    with style():
        fig = Figure(figsize=(13, 5.5), layout="constrained")
        left, right = fig.subplots(1, 2)
        for method, rows in against_copy.groupby("method", sort=False):
            color = COLORS[method.partition(",")[0]]
            line = "--" if "graph" in method else "-"
            spread = rows.filter(like="seconds").mul(1e9 / rows["row"] ** 2, axis=0)
            draw_line(left, spread.assign(row=rows["row"]), "seconds", line, color, method)
            if line == "-":
                annotate(left, rows["row"].iloc[-1], spread["seconds"].iloc[-1], (26, -4), color)
        left.set(title="Value and gradient together", ylabel="nanoseconds a weight")
        for program, line, offset in (("XLA", "-", -18), ("graph", "--", 10)):
            rows = of_keras[of_keras["program"] == program]
            draw_line(right, rows, "ratio", line, COLORS["ElasticNet"], program)
            for width, ratio in zip(rows["row"], rows["ratio"], strict=True):
                annotate(right, width, ratio, (0, offset), "black")
        label = f"bar: at most {limit} at {rows['row'].max():,}, XLA"
        right.axhline(limit, color="black", ls=(0, (2, 1)), label=label)
        right.set(title="Against Keras L1L2, in the same round", ylabel="ElasticNet / Keras L1L2")
        for ax in (left, right):
            ax.set(xscale="log", yscale="log", xlabel="width of the square kernel")
            ax.margins(x=0.1, y=0.15)
            ax.legend()
            plain_ticks(ax.yaxis)
            plain_ticks(ax.xaxis, at=list(rows["row"]))
        return fig
