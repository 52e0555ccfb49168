"""The figure of `two_features` on its minima, their budgets and their gains."""

import numpy as np
from matplotlib.figure import Figure

from experiments.two_features.figures import NAMES
from kerasreg.plots import PENALTY_COLORS, style


@style()
def draw_minima(tables):
    """How many minima there are, what they spend, and what they gain."""
    figure = Figure(figsize=(12, 4.1), layout="constrained")
    splits, budget, gain = figure.subplots(1, 3)
    for penalty, label in NAMES.items():
        splits.plot(
            tables["splits"]["share_of_w_1"],
            tables["splits"][penalty],
            color=PENALTY_COLORS[penalty],
            label=label,
        )
    splits.set(xlabel="share of the weight on x₁, the rest on its copy")
    splits.set(ylabel="objective above its minimum", title="a feature and its copy")
    splits.legend(loc="upper center")
    draw_budget(budget, tables["budgets"])
    draw_gain(gain, tables["gains"])
    return figure


def draw_budget(ax, budgets):
    """The norm by strength, a line a draw; a ring where the budget has the same weights."""
    for (penalty, seed), run in budgets.query("problem == 'drawn'").groupby(["penalty", "seed"]):
        label = {"l1": "L1: |w₁| + |w₂|", "l2": "L2: w₁² + w₂²"}[penalty]
        look = {"color": PENALTY_COLORS[penalty], "label": label if seed == 0 else None}
        ax.plot(run["strength"], run["norm"], lw=0.8, alpha=0.6, **look)
        same = run[run["difference"] <= 1e-4]
        ax.plot(same["strength"], same["norm"], "o", mfc="none", ms=5, color=look["color"])
    ax.set(xscale="log", yscale="log", xlabel="strength λ: the price", ylabel="norm: the budget")
    ax.set_title("○ budget and price: same weights")
    ax.legend(loc="lower left")


def draw_gain(ax, gains):
    """Quartiles, and nine of ten draws, of the test error over that without penalty."""
    is_drawn = gains["signal_share"].notna()
    groups = [
        (f"signal\n{share:.0%}", group) for share, group in gains[is_drawn].groupby("signal_share")
    ]
    groups += [("pairs of\ndiabetes", gains[~is_drawn])]
    for shift, (penalty, label) in zip((-0.17, 0.17), NAMES.items(), strict=True):
        color = PENALTY_COLORS[penalty]
        boxes = ax.boxplot(
            [group[f"ratio_{penalty}"] for _, group in groups],
            positions=np.arange(len(groups)) + shift,
            widths=0.28,
            whis=(5, 95),
            showfliers=False,
            patch_artist=True,
            medianprops={"color": "black"},
        )
        for box in boxes["boxes"]:
            box.set(facecolor=color, alpha=0.6)
        ax.plot([], [], "s", color=color, alpha=0.6, label=label)
    ax.axhline(1, color="black", lw=1.2)
    ax.set_xticks(range(len(groups)), [label for label, _ in groups])
    ax.set(ylabel="test error with / without penalty")
    ax.set_title("λ by cross-validation (5 to 95 %)")
    ax.legend(loc="upper right", ncols=2)
