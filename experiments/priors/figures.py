"""The figure of `priors`, drawn from its tables."""

import numpy as np
from matplotlib.figure import Figure

from kerasreg.plots import PENALTY_COLORS, style

COLORS = {"flat": PENALTY_COLORS["none"], "Gaussian": PENALTY_COLORS["l2"]}
COLORS["Laplace"] = PENALTY_COLORS["l1"]
LOSSES = {"breast cancer": "crossentropy", "diabetes": "squared error"}


@style()
def draw(tables):
    figure = Figure(figsize=(9.6, 6.3), layout="constrained")
    grid = figure.add_gridspec(2, 2, height_ratios=(1, 1.1), width_ratios=(1.15, 1))
    draw_widths(figure.add_subplot(grid[0, 0]), tables["scales"])
    draw_density(figure.add_subplot(grid[1, 0]), tables)
    draw_weights(figure.add_subplot(grid[:, 1]), tables["weights"])
    return figure


def draw_widths(ax, scales):
    """What the minima reveal, times λ; the samples differ by less than a mark."""
    for place, ((objective, data), runs) in enumerate(
        scales.groupby(["objective", "data"], sort=False)
    ):
        found = runs["width_times_strength"].median()
        formula = (runs["width_by_formula"] * runs["strength"]).median()
        ax.plot(found, -place, "o", color=PENALTY_COLORS[runs["penalty"].iloc[0]], ms=7)
        ax.plot(formula, -place, "o", mfc="none", mec="black", ms=11)
        name = f"{objective} ({LOSSES[data]})"
        right = found > 0.03  # there the name goes before the mark
        at, side = (found / 1.25, "right") if right else (found * 1.25, "left")
        ax.text(at, -place, name, ha=side, va="center", size="x-small")
    ax.axvline(1, color="0.3", lw=1, zorder=0)
    ax.set_yticks([])
    ax.set(xscale="log", xlim=(5e-4, 2), ylim=(-place - 0.6, 0.6))
    ax.set_xlabel("variance · λ (L2, blue), scale b · λ (L1, red)")
    ax.set_title("Width of the prior: ● from the minimum, ○ by formula")


def draw_density(ax, tables):
    """The weight that is zero at the mode and least surely so, under the three priors."""
    weights = tables["weights"].set_index(["prior", "feature"])
    zero = weights.loc["Laplace"].query("mode == 0")
    feature = (zero["high"] - zero["low"]).idxmin() if len(zero) else weights.index[0][1]
    for prior, color in COLORS.items():
        bins = tables["histograms"].query("prior == @prior and feature == @feature")
        middles = bins["bin_left"] + np.diff(bins["bin_left"])[0] / 2
        ax.plot(middles, bins["density"], color=color, label=f"{prior} prior")
        mode = weights.loc[(prior, feature), "mode"]
        ax.plot(mode, 0, "x", color=color, ms=10, mew=3, clip_on=False, zorder=4)
    ax.set(xlabel=f"weight of {feature}", ylabel="posterior density", xlim=(-0.2, 0.2))
    ax.set_ylim(bottom=0)
    ax.set_title("A weight whose Laplace mode (×) is exactly zero")
    ax.legend(loc="upper left", fontsize="small")


def draw_weights(ax, weights):
    """Mode, mean and the 95 % in the middle, by column."""
    order = list(dict.fromkeys(weights["feature"]))
    for shift, (prior, color) in zip((0.27, 0, -0.27), COLORS.items(), strict=True):
        some = weights[weights["prior"] == prior].set_index("feature").loc[order]
        places = shift - np.arange(len(order))
        ax.hlines(places, some["low"], some["high"], color=color, lw=2)
        ax.plot(some["mean"], places, "o", color=color, ms=7, label=f"{prior} prior")
        ax.plot(some["mode"], places, "x", color="black", ms=5, mew=1.5)
    ax.axvline(0, color="0.3", lw=1, zorder=0)
    ax.set_yticks(-np.arange(len(order)), order)
    ax.set(xlabel="weight (sd of the target per sd of the column)", xlim=(-0.42, 0.62))
    ax.set_title("Diabetes: × mode, ● mean, 95 % of the belief")
    ax.legend(loc="upper right", fontsize="small")
