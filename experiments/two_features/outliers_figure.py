"""The figure of `two_features` on outliers, drawn from its table."""

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from kerasreg.plots import style

ROWS = [(loss, p) for loss in ("squared", "absolute") for p in ("none", "l1", "l2")]
PENALTIES = {"none": "no penalty", "l1": "+ L1", "l2": "+ L2"}
SHORT = {"no outliers": "none", "y, one side": "y up", "y, both sides": "y up,\ndown"}
SHORT |= {"x": "x₁ up,\ndown"}
PROBLEMS = {"drawn": "drawn data", "diabetes": "diabetes, two features"}


@style()
def draw_outliers(outliers):
    """A cell a loss, penalty and kind of outlier: the median of the relative error, quartiles."""
    cases = outliers[["kind", "share"]].drop_duplicates()
    largest = cases["share"].max()
    cases = list(cases[cases["share"].isin([0, largest])].itertuples(index=False))
    names = [SHORT[kind] for kind, _ in cases]
    figure = Figure(figsize=(11, 4.4), layout="constrained")
    axes = figure.subplots(1, len(PROBLEMS), sharey=True)
    for ax, (problem, title) in zip(axes, PROBLEMS.items(), strict=True):
        rows = outliers[outliers["problem"] == problem]
        rows = rows.set_index(["kind", "share", "loss", "seed"]).sort_index()
        clean = rows.loc["no outliers", 0.0, "squared"]["error_none"]
        image = np.empty((len(ROWS), len(cases)))
        for i, (loss, penalty) in enumerate(ROWS):
            for j, case in enumerate(cases):
                ratio = rows.loc[(*case, loss)][f"error_{penalty}"] / clean
                low, image[i, j], high = ratio.quantile([0.25, 0.5, 0.75])
                color = "white" if image[i, j] > 2 else "black"
                ax.text(
                    j,
                    i - 0.14,
                    f"{image[i, j]:.2f}",
                    ha="center",
                    va="center",
                    color=color,
                    size=12,
                )
                spread = f"±{(high - low) / 2:.2f}"
                ax.text(j, i + 0.26, spread, ha="center", va="center", color=color, size=9)
        shown = ax.imshow(image, norm=LogNorm(1, 4), cmap="OrRd", aspect="auto")
        ax.set_xticks(range(len(cases)), names)
        labels = [f"{loss} error {PENALTIES[p]}" for loss, p in ROWS]
        labels = [label.replace("error no", "error, no") for label in labels]
        ax.set_yticks(range(len(ROWS)), labels)
        ax.axhline(2.5, color="black", lw=1.5)
        ax.grid(visible=False)
        ax.set_title(title)
    figure.supxlabel(f"outliers in {largest:.0%} of the training rows", fontsize="medium")
    bar = figure.colorbar(shown, ax=axes, ticks=[1, 1.5, 2, 3, 4], pad=0.01)
    bar.ax.set_yticklabels(["1", "1.5", "2", "3", "4"])
    bar.ax.minorticks_off()
    bar.set_label("clean test error / that of\nleast squares without outliers")
    figure.suptitle(
        "The loss makes a fit robust to outliers in y, not the penalty (each at its best strength; "
        "median ± half the quartiles' distance)",
        fontsize="medium",
    )
    return figure
