"""The figures of `speed_grid`."""

from __future__ import annotations

from matplotlib.figure import Figure

from experiments.speed_grid_lasso import LASSO
from experiments.speed_grid_members import FIT, TRAIN
from experiments.timing import draw_bars, draw_times, plain_ticks
from kerasreg.plots import LINE_COLORS, style

GRID_COLOR, FIT_COLOR, TRAIN_COLOR = LINE_COLORS[:3]


def draw_calls(calls, lasso, bars, about):
    """Times of whole calls, times of a linear path, and the bars."""
    with style():
        fig = Figure(figsize=(14, 8.5), layout="constrained")
        grid = fig.add_gridspec(2, 2, width_ratios=(1, 1.1), height_ratios=(2, 1))
        ax = fig.add_subplot(grid[0, 0])
        draw_times(ax, calls, 1, "seconds, tracing and compilation included")
        ax.set_title(f"One call in a new process: digits,\n{about}")
        ax = fig.add_subplot(grid[1, 0])
        draw_times(ax, lasso, 1e3, "milliseconds, compiled before")
        ax.set_title(LASSO[0].upper() + LASSO[1:])
        ax = fig.add_subplot(grid[:, 1])
        draw_bars(ax, bars, "ratio of times in the same round")
        low, high = ax.get_xlim()
        ax.set_xlim(low / 2, high * 2)  # as all lie close together, their texts need more room
        plain_ticks(ax.xaxis)
        ax.set_title("What was asked for")
        return fig


def draw_members(members):
    """Time a member against the number of members, a panel a network."""
    with style():
        names = list(members["row"].unique())
        fig = Figure(figsize=(14, 5), layout="constrained")
        for at, name in enumerate(names, start=1):
            ax = fig.add_subplot(1, len(names), at)
            of_network = members[members["row"] == name].set_index("method")
            alone = of_network.loc[[FIT, TRAIN]]
            grids = of_network.drop([FIT, TRAIN])
            n = grids["n_members"]
            ax.plot(
                n, grids["first_call_ms"], ":", color=GRID_COLOR, label="train_grid, first call"
            )
            ax.plot(n, grids["ms"], "o-", color=GRID_COLOR, label="train_grid")
            ax.fill_between(n, grids["ms_q25"], grids["ms_q75"], color=GRID_COLOR, alpha=0.2, lw=0)
            for method, color in ((FIT, FIT_COLOR), (TRAIN, TRAIN_COLOR)):
                line = alone.loc[method]
                label = method.replace("one model", "one after another")
                ax.axhline(line["ms"], color=color, ls="--", label=label)
                ax.axhspan(line["ms_q25"], line["ms_q75"], color=color, alpha=0.2, lw=0)
            title = f"{name}, {alone['steps'].iloc[0]} steps"
            ax.set(xscale="log", yscale="log", xlabel="members trained at once", title=title)
            ax.margins(x=0.12, y=0.12)
            plain_ticks(ax.xaxis, list(n))
            plain_ticks(ax.yaxis)
            if at == 1:
                ax.set_ylabel("milliseconds a member")
                lines, labels = ax.get_legend_handles_labels()
        fig.legend(lines, labels, loc="outside lower center", ncols=len(lines))
        return fig
