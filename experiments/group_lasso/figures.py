"""The figures of `group_lasso`, drawn from its tables."""

import numpy as np
from matplotlib.figure import Figure

from kerasreg.plots import PENALTY_COLORS, style

# Color, marker and line of each penalty.
LOOKS = {
    "none": (PENALTY_COLORS["none"], "P", ""),
    "l1": (PENALTY_COLORS["l1"], "o", "-"),
    "sparse groups": (PENALTY_COLORS["sparse_group_lasso"], "s", "-"),
    "groups of pixels": (PENALTY_COLORS["group_lasso"], "D", "-"),
    "groups of units": (PENALTY_COLORS["group_lasso"], "^", "--"),
}


@style()
def draw_pixels(tables, n_seeds):
    """A row a penalty, a column a strength: which pixels are left, over the mean digit."""
    runs = tables["runs"].groupby(["penalty", "strength"]).median()
    ink = np.reshape(tables["mean_digit"]["ink"], (8, 8))
    penalties = list(dict.fromkeys(tables["pixels"]["penalty"]))
    columns = tables["pixels"].groupby("penalty")["strength"].nunique().max()
    size = (2.2 * columns + 0.6, 2.5 * len(penalties) + 1)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(penalties), columns, squeeze=False)
    places = np.unravel_index(np.arange(64), (8, 8))[::-1]
    for row, penalty in zip(grid, penalties, strict=True):
        chosen = tables["pixels"][tables["pixels"]["penalty"] == penalty]
        for ax, (strength, pixels) in zip(row, chosen.groupby("strength"), strict=True):
            ax.imshow(ink, cmap="Greys", vmax=1.6)
            area = 130 * pixels["seeds"] / n_seeds
            ax.scatter(*places, area, color=LOOKS[penalty][0], marker="s", lw=0)
            number = runs.loc[penalty, strength]
            percent = 100 * number["accuracy_again"]
            ax.set_title(f"{number['pixels']:.0f} pixels: {percent:.1f} %")
            _bare(ax, "0.72")
        row[0].set_ylabel(penalty, fontsize="large")
    free = runs.loc["none", 0.0]
    figure.suptitle(
        "Pixels that a network keeps under ever stronger penalties "
        f"(full square: in all {n_seeds} seeds), over the mean digit"
    )
    figure.supxlabel(
        "stronger penalty →     %: test accuracy of a network trained anew, without a penalty, on "
        f"the pixels left (on all 64: {100 * free['accuracy']:.1f} %)",
        fontsize="medium",
    )
    return figure


@style()
def draw_units(tables, n_units):
    """A row a strength, a column a hidden unit: its input weights, where it is left."""
    runs = tables["runs"].groupby(["penalty", "strength"])
    rows = list(tables["units"].groupby(["penalty", "strength"], sort=False))
    lives = tables["units"].groupby("unit")["strength"].nunique()
    order = lives.sort_values(ascending=False, kind="stable").index  # who stays longest, first
    figure = Figure(figsize=(15, 0.62 * len(rows) + 1.1), layout="constrained")
    grid = figure.subplots(len(rows), n_units, squeeze=False)
    for axes, ((penalty, strength), weights) in zip(grid, rows, strict=True):
        images = {
            unit: np.reshape(rows["weight"], (8, 8)) for unit, rows in weights.groupby("unit")
        }
        for unit, ax in zip(order, axes, strict=False):
            if unit in images:
                largest = np.abs(images[unit]).max()
                ax.imshow(images[unit], cmap="RdBu", vmin=-largest, vmax=largest)
        for ax in axes:
            _bare(ax, "0.85")
        run = runs.get_group((penalty, strength)).iloc[0]  # the first seed, as in the images
        label = f"λ = {strength:g}: {run['units']:.0f} units, {100 * run['accuracy']:.1f} %"
        axes[0].set_ylabel(label, rotation=0, ha="right", va="center")
    figure.suptitle("Hidden units that group lasso leaves, and accuracy on the test digits")
    figure.supxlabel(
        "A square shows the 64 weights into a unit: ink excites it where they are blue, and "
        "inhibits it where they are red. Empty: all 64 are zero",
        fontsize="medium",
    )
    return figure


@style()
def draw_price(runs):
    """Accuracy against what is left, a point a seed, the line through the medians."""
    panels = (
        ("pixels", "accuracy", "the penalized network", (15, 66)),
        ("pixels", "accuracy_again", "trained anew on its pixels, no penalty", (15, 66)),
        ("units", "accuracy", "the penalized network", (0, None)),
    )
    figure = Figure(figsize=(14, 5.4), layout="constrained")
    axes = figure.subplots(1, 3, sharey=True)
    names = {"pixels": "pixels that are left", "units": "hidden units that are left"}
    for ax, (what, score, title, limits) in zip(axes, panels, strict=True):
        for penalty, run in runs.groupby("penalty", sort=False):
            if run[score].isna().all():
                continue
            color, marker, line = LOOKS[penalty]
            ax.plot(run[what], 100 * run[score], marker, ls="", color=color, alpha=0.25, mew=0)
            middle = run.groupby("strength")[[what, score]].median()
            look = {"marker": marker, "color": color, "ls": line, "ms": 8, "label": penalty}
            ax.plot(middle[what], 100 * middle[score], **look)
        ax.set(xlabel=names[what], title=title, xlim=limits)
    lowest = 100 * runs["accuracy"].quantile(0.02)
    axes[0].set(ylabel="accuracy on test digits (%)", ylim=(max(lowest - 2, 0), 100))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


def _bare(ax, color):
    """A frame without ticks."""
    ax.set(xticks=[], yticks=[], box_aspect=1)
    ax.grid(visible=False)
    for spine in ax.spines.values():
        spine.set(visible=True, color=color)
