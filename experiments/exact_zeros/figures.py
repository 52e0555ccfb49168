"""The figures of `exact_zeros`, drawn from its tables."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from experiments.exact_zeros.roads import ROADS
from kerasreg.plots import OTHER_COLORS, PENALTY_COLORS, style

# All roads but one are to the minimum under L1: its colour is for Keras's own way there.
SUBGRADIENT, PROXIMAL, OTHER = PENALTY_COLORS["l1"], "#000000", PENALTY_COLORS["none"]


def color_of(road):
    colors = {"subgradient": SUBGRADIENT, "proximal": PROXIMAL, "L2,": PENALTY_COLORS["l2"]}
    return colors.get(road.split()[0], OTHER)


@style()
def draw(tables):
    return {
        "exact_zeros_roads": draw_roads(tables["roads"]),
        "exact_zeros_microscope": draw_microscope(tables["last_steps"]),
        "exact_zeros_steps": draw_steps(tables["logistic"]),
    }


def draw_roads(runs):
    """A row a road, a point a seed."""
    runs = runs.assign(
        percent_zero=100 * runs["zero_share"],
        percent_near_zero=100 * runs["near_zero_share"],
        percent_right=100 * runs["right_share"],
        excess=runs["excess"].clip(lower=1e-8),
    )
    least = runs.groupby(["dataset", "seed"])["objective"].transform("min")
    runs["above_best"] = runs["objective"] / least - 1
    panels = [
        ("diabetes", "percent_zero", "% of weights exactly zero"),
        ("diabetes", "percent_right", "% rightly zero or not"),
        ("diabetes", "excess", "objective above minimum (relative)"),
        ("diabetes", "held_out_score", "R² on test data"),
        ("digits", "percent_zero", "% of weights exactly zero"),
        ("digits", "percent_near_zero", "% of weights within 0.001 of zero"),
        ("digits", "above_best", "objective above the best (relative)"),
        ("digits", "held_out_score", "accuracy on test data"),
    ]
    figure = Figure(figsize=(15, 8), layout=ConstrainedLayoutEngine(wspace=0.06, hspace=0.06))
    axes = figure.subplots(2, 4, sharey=True)
    order = {road: -place for place, road in enumerate(ROADS)}
    for ax, (dataset, quantity, label) in zip(axes.flat, panels, strict=True):
        for road, run in runs[runs["dataset"] == dataset].groupby("road"):
            l2_under_l1 = road == "L2, Adam" and quantity in ("excess", "above_best")
            if l2_under_l1:  # it minimizes another objective
                continue
            look = {"color": color_of(road), "ls": "none"}
            values = run[quantity]
            ax.plot(values, [order[road]] * len(run), "o", alpha=0.35, **look)
            ax.plot(values.median(), order[road], "|", ms=18, mew=3, **look)
        ax.set(xlabel=label, title=dataset if quantity == "percent_zero" else "")
        if quantity == "excess":
            ax.set(xscale="log", xlim=(5e-9, 1), xticks=10.0 ** np.arange(-8, 1, 2))
        if quantity.startswith("percent"):
            ax.set_xlim(-6, 106)
        ax.set_yticks(list(order.values()), list(order))
        ax.grid(axis="y", alpha=0.15)
    # One road is far off: its median is written at the edge, and the others stay apart.
    ftrl = runs[(runs["dataset"] == "digits") & (runs["road"] == "Ftrl")].median(numeric_only=True)
    axes[1, 2].set_xlim(-0.05, 1.2)
    axes[1, 3].set_xlim(0.9, 1)
    for ax, quantity, side in (
        (axes[1, 2], "above_best", "right"),
        (axes[1, 3], "held_out_score", "left"),
    ):
        low, high = ax.get_xlim()
        if not low <= ftrl[quantity] <= high:
            text = f"{ftrl[quantity]:.1f} →" if side == "right" else f"← {ftrl[quantity]:.1f}"
            ax.annotate(
                text, (high if side == "right" else low, order["Ftrl"]), ha=side, va="center"
            )
    return figure


def draw_microscope(last):
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    roads = list(dict.fromkeys(last["road"]))
    roads.sort(key=list(ROADS).index)
    axes = figure.subplots(1, len(roads), sharey=True)
    for ax, road in zip(axes, roads, strict=True):
        ax.set_prop_cycle(color=(*OTHER_COLORS[:3], *list(PENALTY_COLORS.values())[:4]))
        for _, weight in last[last["road"] == road].groupby("weight"):
            ax.plot(weight["step"], weight["in_steps"], ".-", lw=1, ms=4)
        unit = "rate·λ" if "SGD" in road else "rate"
        ax.set(title=road, xlabel=f"step (weights in {unit})", ylim=(-2.4, 2.4))
    axes[0].set_ylabel("weights that should be 0, magnified")
    return figure


def draw_steps(logistic):
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    ax = figure.subplots()
    found = logistic["found"]
    places = -np.arange(len(logistic))
    ax.barh(places, logistic["steps"], color=np.where(found, PROXIMAL, SUBGRADIENT), height=0.6)
    for place, row in zip(places, logistic.itertuples(), strict=True):
        text = f"{row.steps:,} steps" + ("" if row.found else ", not there")
        ax.annotate(text, (row.steps, place), (6, 0), textcoords="offset points", va="center")
    ax.set_yticks(places, logistic["optimizer"])
    ax.set(xscale="log", xlim=(100, 10 * logistic["steps"].max()))
    ax.set_xlabel("steps to scikit-learn's support and an objective within 1e-5 of its minimum")
    ax.set_title("L1 logistic regression on breast cancer, proximal optimizers")
    return figure
