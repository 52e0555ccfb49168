"""The figures of `keras_layers`, drawn from its tables."""

from itertools import product

from matplotlib.figure import Figure

from experiments.keras_layers.findings import KEYS, OUTPUT, WEIGHT
from kerasreg import plots

MARKERS = {"none": "P", "kernel": "o", "bias": "s", "activity": "^"}


@plots.style()
def draw(tables, layers):
    names, colors = ("curves", "weight_histograms", "summary"), plots.PENALTY_COLORS
    figures = {name: Figure(figsize=(11, 6.5), layout="constrained") for name in names}
    grid = figures["curves"].subplots(2, 3, sharex=True, sharey="row")
    panels = product(("data_loss", "accuracy"), ("kernel", "bias", "activity"))
    for ax, (quantity, place) in zip(grid.flat, panels, strict=True):
        runs = tables["curves_digits"].query(f"quantity == '{quantity}'").set_index("place")
        ends = {}
        for (penalty, split), run in runs.loc[["none", place]].groupby(["penalty", "split"]):
            spread = run.groupby("epoch")["value"].agg(["median", "min", "max"])
            line, label = ("--" if split == "train" else "-"), f"{penalty}, {split}"
            ax.plot(spread["median"], line, color=colors[penalty], label=label)
            if split == "validation":  # the band goes from the least to the largest
                band = (spread.index, spread["min"], spread["max"])
                ax.fill_between(*band, color=colors[penalty], alpha=0.12, lw=0)
                ends[penalty] = spread["median"].iloc[-1]
        none, low, high = ends.pop("none"), min(ends.values()), max(ends.values())
        ax.set_title(f"{place}: ends at {low:.2f} to {high:.2f} (none {none:.2f})")
        ax.set(xlabel="epoch", ylabel=quantity.replace("_", " "))
        ax.label_outer()
    grid[1, 0].set_ylim(0.8, 1)
    handles = grid[0, 0].get_legend_handles_labels()
    figures["curves"].legend(*handles, loc="outside lower center", ncols=4)

    grid = figures["weight_histograms"].subplots(2, 2, sharex=True, sharey=True)
    runs = tables["weight_histograms"].groupby(KEYS, sort=False)
    for ax, (key, counts) in zip(grid.flat, runs, strict=False):
        near, zero = layers.loc[key, [("near_zero_share", WEIGHT), ("zero_share", WEIGHT)]]
        plots.plot_histograms(counts, WEIGHT, ax).set_ylabel("weight")
        ax.set_title(f"{key[2]}: {near:.1%} within 0.001 of zero, {zero:.1%} at zero")
        ax.label_outer()

    grid = figures["summary"].subplots(2, 2, sharex="col", sharey="col")
    for dataset, (left, right) in zip(("digits", "diabetes"), grid, strict=True):
        for (place, penalty), run in layers.loc[dataset].groupby(["place", "penalty"], sort=False):
            look = {"color": colors[penalty], "marker": MARKERS[place], "s": 60, "alpha": 0.7}
            look["label"] = place if place == "none" else f"{place}: {penalty}"
            left.scatter(run["percent_of_none", WEIGHT], run["percent_of_none", OUTPUT], **look)
            right.scatter(run["near_zero_share", WEIGHT], run["zero_share", OUTPUT], **look)
        left.set(
            ylabel="mean |output|, % of none's",
            title=f"{dataset}: kernel and activity penalties lower both",
        )
        right.set(
            ylabel="share of outputs at zero",
            title=f"{dataset}: small weights or zero outputs, not both",
        )
    left.set_xlabel("mean |weight|, % of none's")
    right.set_xlabel("share of weights within 0.001 of zero")
    figures["summary"].legend(*left.get_legend_handles_labels(), loc="outside right center")
    return figures
