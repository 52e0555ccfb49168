"""The figures of `two_gaussians`, drawn from its tables."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.two_gaussians.precision import CHOSEN, FORMULA, LOGITS, PROBABILITIES
from kerasreg.plots import LINE_COLORS, PENALTY_COLORS, style

NAMES = {"none": "no penalty", "l2": "L2, λ = 0.1"}
TITLES = {
    ("clouds", "sum"): "two clouds, as taught: rate 0.1 on the sum",
    ("clouds", "mean"): "two clouds, rate 0.1 on the mean loss",
    ("tumours", "mean"): "50 tumours, 30 columns, rate 0.3 on the mean loss",
}
BAYES_NORM = 32**0.5
USUAL = (0.1, 1.0)
LOSSES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)  # for the axes


@style()
def draw_growth(tables):
    """The norm of the weights by step, and how often a line parts the classes."""
    figure = Figure(figsize=(9.6, 6.6), layout="constrained")
    axes = figure.subplots(2, 2).flat
    margins = tables["samples"].groupby("data")["margin"].median()
    for ax, (case, title) in zip(axes, TITLES.items(), strict=False):
        runs = tables["runs"].query("data == @case[0] and rate_for == @case[1] and step > 0")
        for penalty, label in NAMES.items():
            by = runs[runs["penalty"] == penalty].pivot(index="step", columns="seed", values="norm")
            color = PENALTY_COLORS[penalty]
            if case[1] == "sum" and penalty == "none":  # the first step decides: some seeds
                ax.plot(by.iloc[:, ::3], color=color, lw=0.8)
            else:
                low, high = by.min(axis=1), by.max(axis=1)
                ax.fill_between(by.index, low, high, color=color, alpha=0.15, lw=0)
            ax.plot(by.median(axis=1), color=color, lw=3, label=label)
            if penalty == "none":
                draw_slope(ax, by.median(axis=1), margins[case[0]])
        if case[0] == "clouds":
            ax.axhline(BAYES_NORM, color="black", ls=":", lw=1.5, label="(0, 4, 4)")
        ax.set(xscale="log", title=title, ylim=(0, None))
        ax.set(xlabel="step", ylabel="norm of the weights")
    axes[1].legend(loc="upper left")
    axes[0].annotate("thin: every third seed", (1.2, 29), size="small")
    axes[1].annotate("bands: all seeds", (1.2, 3.4), size="small")
    shares = tables["separable"].groupby("rows")["separable"].agg(["mean", "count"])
    error = np.sqrt(shares["mean"] * (1 - shares["mean"]) / shares["count"])
    axes[3].errorbar(shares.index, 100 * shares["mean"], 100 * error, fmt="o-", color="black")
    axes[3].set(xscale="log", xlabel="rows", ylabel="samples that a line parts (%)", ylim=(0, 105))
    axes[3].set_title("where the best weights are infinite: two clouds")
    axes[3].set_xticks(shares.index, [f"{n}" for n in shares.index])
    axes[3].minorticks_off()
    return figure


def draw_slope(ax, norm, margin):
    """The growth that theory has in the end: by 1 / margin whenever the steps grow e-fold."""
    steps = norm.index[-1] / np.array([10.0, 1.0])
    ends = norm.iloc[-1] + np.log(steps / steps[-1]) / margin
    label = "log(step) / margin"
    ax.plot(steps, ends, "--", color=LINE_COLORS[1], lw=2, zorder=3, label=label)


@style()
def draw_limits(tables):
    """The cross-entropy by the norm of the weights; the loss of fresh rows by λ."""
    figure = Figure(figsize=(12.5, 4.4), layout="constrained")
    left, *panels = figure.subplots(1, 3)
    looks: dict[str, dict[str, Any]] = {
        LOGITS: {"color": LINE_COLORS[2], "lw": 6, "alpha": 0.45},
        CHOSEN: {"color": LINE_COLORS[0]},
        PROBABILITIES: {"color": LINE_COLORS[4]},
        FORMULA: {"color": LINE_COLORS[1], "lw": 2.5},
    }
    costs = tables["costs_by_norm"].pivot(index="norm", columns="form", values="cross_entropy")
    for form, look in looks.items():
        left.plot(costs[form].where(costs[form] > 0), label=form, **look)
    ends = costs[FORMULA].last_valid_index()
    left.plot(ends, costs[FORMULA][ends], "x", color=LINE_COLORS[1], ms=11, mew=3, zorder=3)
    left.annotate(
        "NaN from here", (ends, costs[FORMULA][ends]), xytext=(8, 4), textcoords="offset points"
    )
    left.set(xscale="log", yscale="log", ylim=(1e-16, 3), title="float32, training rows, one run")
    left.set(xlabel="norm of the weights", ylabel="mean cross-entropy")
    left.legend(loc="lower left", fontsize="small")
    for ax, (data, losses) in zip(panels, tables["strengths"].groupby("data"), strict=True):
        by = losses.groupby("strength")["fresh_loss"]
        middle, low, high = by.median(), by.quantile(0.1), by.quantile(0.9)
        ax.axvspan(*USUAL, color="0.9", label="0.1 to 1")
        ax.fill_between(middle.index, low, high, color=PENALTY_COLORS["l2"], alpha=0.2, lw=0)
        ax.plot(middle, color=PENALTY_COLORS["l2"], label="L2: median, 10 to 90 %")
        best = losses.loc[losses.groupby("seed")["fresh_loss"].idxmin()]
        ax.plot(
            best["strength"], best["fresh_loss"], "o", color="black", ms=4, label="best of a seed"
        )
        if data == "clouds":
            least = tables["points"].set_index("weight")["fresh_loss"][4]
            ax.axhline(least, color="black", ls=":", lw=1.5, label="(0, 4, 4)")
        ax.set(
            xscale="log",
            yscale="log",
            title={"clouds": "two clouds", "tumours": "50 tumours"}[data],
        )
        ax.set(xlabel="λ of the sum of the losses", ylabel="mean loss of fresh rows")
        first, last = ax.get_ylim()
        ticks = [tick for tick in LOSSES if first < tick < last]
        ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        ax.tick_params(axis="y", which="minor", labelleft=False)
        ax.legend(loc="upper center", fontsize="small")
    return figure
