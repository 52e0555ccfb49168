"""The figures of `early_stopping`, drawn from its tables."""

import numpy as np
from matplotlib.figure import Figure

from experiments.early_stopping.findings import BOUND
from kerasreg.plots import LINE_COLORS, PENALTY_COLORS, style

STOPPED = LINE_COLORS[4]
SIDES = {
    ("none", False): ("no regularization", "0.35"),
    ("none", True): ("dropout, p = {rate:g}", STOPPED),
    ("l2", False): ("L2, λ = {strength:g}", PENALTY_COLORS["l2"]),
    ("l2", True): ("both", "black"),
}


@style()
def draw_linear(tables):
    """Both paths' losses, their shrinkage by direction, and the risk of one over the other's."""
    figure = Figure(figsize=(10.8, 4.1), layout="constrained")
    losses, shrinkage, risk = figure.subplots(1, 3)
    paths = tables["paths"]
    steps = paths.groupby("steps")
    for name, label, color in (
        ("stopped", "stopped after τ steps", STOPPED),
        ("l2", "L2 with λ = 1/(2ητ)", PENALTY_COLORS["l2"]),
    ):
        for part, line in (("test", "-"), ("train", "--")):
            quartiles = steps[f"{part}_loss_{name}"].quantile([0.25, 0.5, 0.75]).unstack()
            what = "training" if part == "train" else part
            losses.plot(quartiles[0.5], line, color=color, label=f"{label}, {what}")
            losses.fill_between(
                quartiles.index, quartiles[0.25], quartiles[0.75], color=color, alpha=0.18, lw=0
            )
    losses.set(xscale="log", yscale="log", xlabel="steps τ", ylabel="mean squared error")
    losses.set_ylim(top=30)
    losses.set_title("diabetes with products")
    losses.legend(loc="best", fontsize="small")
    directions = tables["directions"]
    shades = np.linspace(0.85, 0.25, directions["steps"].nunique())
    for shade, (n, own) in zip(shades, directions.groupby("steps"), strict=True):
        look = {"lw": 2, "zorder": 2}
        shrinkage.plot(own["variance"], own["left_stopped"], color=mixed(STOPPED, shade), **look)
        l2 = mixed(PENALTY_COLORS["l2"], shade)
        shrinkage.plot(own["variance"], own["left_l2"], "--", color=l2, **look)
        at = own["variance"][np.abs(own["left_stopped"] - 0.9).idxmin()]
        shrinkage.text(at, 1.03, rf"$10^{{{np.log10(n):.0f}}}$", ha="center")
    shrinkage.text(2e-6, 1.03, "after τ =")
    shrinkage.set(xscale="log", xlabel="variance of the direction", ylabel="share of least squares")
    shrinkage.set(xlim=(1e-6, 30), ylim=(-0.03, 1.14))
    shrinkage.set_title("left of a weight: stopped (—), L2 (- -)")
    for _, own in paths.groupby("seed"):
        risk.plot(own["time"], own["risk_ratio"], color=STOPPED, lw=1, alpha=0.5)
    risk.axhline(BOUND, color="0.35", ls=":")
    risk.annotate(
        f"theory: at most {BOUND}",
        (paths["time"].min(), BOUND),
        (0, -14),
        textcoords="offset points",
    )
    risk.set(xscale="log", xlabel="time t = 2ητ = 1/λ", ylabel="risk, gradient flow / L2")
    risk.set_title("risk of the weights (a line a split)")
    return figure


@style()
def draw_networks(tables):
    """Losses by epoch, and the test loss of every method at what validation chose."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    curves, chosen = tables["curves"], tables["choices"]
    rate, strength = curves["rate"].max(), curves.query("penalty == 'l2'")["strength"].median()
    for (penalty, drops), (label, color) in SIDES.items():
        own = curves[(curves["penalty"] == penalty) & (curves["rate"] == rate * drops)]
        label = label.format(rate=rate, strength=strength)
        own = own[(penalty == "none") | (own["strength"] == strength)]
        own = own.pivot(index="epoch", columns="quantile")
        for split, line in (("validation", "-"), ("train", "--")):
            low, middle, high = (own[f"{split}_loss"][q] for q in (0.25, 0.5, 0.75))
            left.plot(middle, line, color=color, label=label if line == "-" else None)
            left.fill_between(own.index, low, high, color=color, alpha=0.12, lw=0)
    left.set(yscale="log", xlabel="epoch", ylabel="loss, without dropout and penalty")
    left.set_title("validation (—), training (- -)")
    left.legend(loc="lower left", fontsize="small")
    methods = list(chosen["method"].unique())[1:][::-1]
    ratios = chosen.pivot(index="seed", columns="method", values="test_loss")
    ratios = ratios.div(ratios["none"], axis=0)
    for at, method in enumerate(methods):
        color = PENALTY_COLORS[chosen.loc[chosen["method"] == method, "penalty"].iloc[0]]
        runs = ratios[method]
        right.plot(runs, [at] * len(runs), ".", color=color, alpha=0.45, mew=0, ms=10)
        low, middle, high = runs.quantile([0.25, 0.5, 0.75])
        right.plot([low, high], [at, at], color=color, lw=3, alpha=0.6)
        right.plot(middle, at, "|", color=color, ms=17, mew=3.5)
    right.axvline(1, color="0.35", lw=1, ls=":")
    right.set_yticks(range(len(methods)), methods)
    right.set_xlabel("test loss / that without any, same seed")
    right.set_title("chosen on validation data (bar: quartiles)")
    right.grid(visible=False, axis="y")
    return figure


def mixed(color, shade):
    """The color with white: shade 0 leaves it as it is."""
    from matplotlib.colors import to_rgb

    return tuple((1 - 0.7 * shade) * np.array(to_rgb(color)) + 0.7 * shade)
