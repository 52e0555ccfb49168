"""The figures of `coefficient_path`, drawn from its tables."""

import numpy as np
from matplotlib.figure import Figure

from experiments.coefficient_path.models import FEATURES, GAMMA, L1_RATIO
from kerasreg import plots

NAMES = {"l1": "L1", "l2": "L2", "elastic_net": f"elastic net, l1_ratio {L1_RATIO}"}
NAMES |= {"mcp": f"MCP, γ {GAMMA:g}"}
WEIGHT = "weight (sd of target per sd of column)"


@plots.style()
def draw_paths(tables):
    """Ours in colour, the other program's wide and grey under it."""
    figure = Figure(figsize=(14, 10), layout="constrained")
    axes, every = figure.subplots(2, 2), tables["coefficients"]
    for ax, row in zip(axes.flat, tables["differences"].itertuples(), strict=True):
        chosen = every[every["penalty"] == row.penalty]
        for _, weight in chosen.groupby("index"):
            ax.plot(weight["strength"], weight["reference"], color="0.8", lw=6, zorder=1)
        ax.set_ylim(1.08 * every["value"].min(), 1.08 * every["value"].max())
        plots.plot_path(chosen.assign(variable="w"), ax, labels=FEATURES)
        found = f"grey: {row.program}, difference ≤ {row.largest_difference:.0e}"
        if row.n_same < row.n_strengths:
            found += f" at {row.n_same} of {row.n_strengths} strengths, elsewhere ours is "
            found += "lower" if row.above_there < 0 else "not lower"
        ax.set_title(f"{NAMES[row.penalty]}\n", fontweight="bold")
        ax.text(0.5, 1.02, found, transform=ax.transAxes, ha="center", size="small")
        ax.set(xlabel="strength λ", ylabel="")
    figure.supylabel(WEIGHT, fontsize="medium")
    figure.suptitle("Ten weights of a linear model for diabetes against the strength of a penalty")
    return figure


@plots.style()
def draw_lars(tables):
    """The lasso's corners as in the paper, who is in at which strength, and other patients."""
    figure = Figure(figsize=(17, 6), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1.2, 1.2, 1))
    knots, resamples = tables["knots"], tables["entries"]["resample"].nunique()
    order = list(knots.drop_duplicates("feature").sort_values("least_angle_rank")["feature"])
    path = tables["coefficients"].query("penalty == 'l1'")
    color = dict(zip(order, 2 * plots.LINE_COLORS, strict=False))
    corners = tables["lasso_corners"].pivot(index="strength", columns="feature", values="value")
    wide = path.pivot(index="strength", columns="feature", values="value")
    for feature in order:
        left.plot(wide.abs().sum(axis=1), wide[feature], color=color[feature], zorder=3)
        left.plot(corners.abs().sum(axis=1), corners[feature], color="0.8", lw=6, zorder=1)
    for t in corners.abs().sum(axis=1):
        left.axvline(t, color="0.6", lw=0.7, zorder=0.5)
    place, end = -np.inf, corners.abs().sum(axis=1).max()
    for feature, value in corners.iloc[0].sort_values().items():
        place = max(value, place + 0.047)  # names do not touch
        look = {"color": color[feature], "size": "small", "va": "center"}
        left.text(1.02 * end, place, feature, **look)
    left.set_xlim(right=1.15 * end)
    left.set(xlabel="‖w‖₁", ylabel=WEIGHT, title="The lasso's path, and LARS's corners (grey)")
    left.grid(visible=False)
    for place, feature in enumerate(order):
        there = path[path["feature"] == feature].sort_values("strength")
        strengths, ins = there["strength"].to_numpy(), there["value"].to_numpy() != 0
        look = {"color": color[feature], "lw": 9, "solid_capstyle": "butt"}
        middle.plot(strengths, np.where(ins, place, np.nan), **look)
        at = knots.loc[knots["feature"] == feature, "lars_strength"]
        middle.plot(at, [place] * len(at), "|", color="black", ms=20, mew=1.8)
    middle.set(xscale="log", xlabel="strength λ (large to small)", ylim=(len(order) - 0.4, -0.6))
    middle.set_title("Bars: weight not zero. |: LARS's knots")
    middle.invert_xaxis()
    counts = tables["entries"].groupby(["feature", "rank"]).size()
    for (feature, rank), count in counts.items():
        look = {"color": color[feature], "marker": "o", "ls": "", "mew": 0}
        right.plot(rank, order.index(feature), ms=20 * (count / resamples) ** 0.5, **look)
    right.plot(range(1, len(order) + 1), range(len(order)), "k+", ms=9, mew=1.5)
    right.set(xlabel="place in the order of entry", xticks=range(1, 11), ylim=middle.get_ylim())
    right.set_title(f"{resamples} resamples of the patients (area: how many)\n+: all patients")
    for ax in (middle, right):
        ax.set_yticks(range(len(order)), order)
        ax.grid(visible=False, axis="y")
    figure.suptitle("In which order the weights enter: L1 by proximal steps against LARS")
    return figure
