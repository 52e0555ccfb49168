"""The figures of `fine_tune`, drawn from its tables."""

from matplotlib.figure import Figure

from experiments.timing import plain_ticks
from kerasreg.plots import OTHER_COLORS, PENALTY_COLORS, style

# Color, marker and line of each method; those of single weights are dashed.
LOOKS = {
    "group lasso": (PENALTY_COLORS["group_lasso"], "o", "-"),
    "pruned units": (PENALTY_COLORS["l2"], "s", "-"),
    "small from the start": (PENALTY_COLORS["none"], "D", "-"),
    "l1": (PENALTY_COLORS["l1"], "^", "--"),
    "pruned weights": (OTHER_COLORS[0], "v", "--"),
}
FAILED = 0.8
STAGES = ("trained", "fine-tuned", "refit", "shrunk")


@style()
def draw_accuracy(sizes):
    """Accuracy against what is left: a point a seed, a line through the medians."""
    networks = list(dict.fromkeys(sizes["network"]))
    figure = Figure(figsize=(7 * len(networks), 5.6), layout="constrained")
    axes = figure.subplots(1, len(networks), sharey=True, squeeze=False)[0]
    for ax, network in zip(axes, networks, strict=True):
        own = sizes[(sizes["network"] == network) & (sizes["accuracy"] > FAILED)]
        own = own.assign(accuracy=100 * own["accuracy"])
        whole = own[own["method"] == "whole"]
        middle, least, largest = whole["accuracy"].quantile([0.5, 0, 1])
        ax.axhspan(least, largest, color="black", alpha=0.07, lw=0)
        ax.axhline(
            middle,
            color="black",
            lw=1.2,
            ls=":",
            label="whole network, as many epochs (band: all seeds)",
        )
        for method, (color, marker, line) in LOOKS.items():
            runs = own[own["method"] == method]
            what = "non_zero" if line == "--" else "parameters"
            ax.plot(runs[what], runs["accuracy"], marker, color=color, alpha=0.25, mew=0)
            medians = runs.groupby("strength")[[what, "accuracy"]].median()
            look = {"marker": marker, "color": color, "ls": line, "ms": 8, "label": method}
            if len(medians):
                ax.plot(medians[what], medians["accuracy"], **look)
        ax.set(
            xscale="log",
            xlabel="parameters left (dashed: those that are not zero)",
            title=f"{network} network",
        )
        whole_size = whole["parameters"].iloc[0]
        ax.axvline(whole_size / 4, color="black", lw=0.8, alpha=0.5)
        ax.annotate(" a quarter", (whole_size / 4, 0.08), xycoords=("data", "axes fraction"))
        plain_ticks(ax.xaxis)
    axes[0].set(ylabel="accuracy on test digits (%)")
    _zoomed(axes, [sizes[sizes["network"] == network] for network in networks])
    figure.suptitle("Accuracy and what is left of the network, by five roads (points: seeds)")
    # The first network has all methods.
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


@style()
def draw_stages(stages):
    """The accuracy after each stage, a line a strength, a point a seed."""
    groups = stages[stages["method"] == "group lasso"]
    networks = list(dict.fromkeys(groups["network"]))
    figure = Figure(figsize=(7 * len(networks), 5), layout="constrained")
    axes = figure.subplots(1, len(networks), sharey=True, squeeze=False)[0]
    for ax, network in zip(axes, networks, strict=True):
        own = groups[groups["network"] == network]
        some = sorted(own["strength"].unique())
        for at, strength in enumerate(some):
            runs = own[own["strength"] == strength]
            shade = 0.35 + 0.65 * (at + 1) / len(some)
            color = LOOKS["group lasso"][0]
            table = 100 * runs.pivot(index="stage", columns="seed", values="accuracy")
            table = table.loc[list(STAGES)]
            places = [place + 0.06 * (at - (len(some) - 1) / 2) for place in range(len(STAGES))]
            ax.plot(places, table, "o", color=color, alpha=0.35 * shade, mew=0)
            look = {"color": color, "alpha": shade, "lw": 1 + at, "label": f"λ = {strength:g}"}
            ax.plot(places, table.median(axis=1), "o-", **look)
        ax.set(xticks=range(len(STAGES)), title=f"{network} network")
        ax.set_xticklabels(["trained,\nno penalty", "fine-tuned,\ngroup lasso", "refit", "shrunk"])
        ax.legend(loc="lower left")
    figure.suptitle("What each stage takes and gives back (points: seeds; lines: medians)")
    axes[0].set(ylabel="accuracy on test digits (%)")
    _zoomed(axes, [groups[groups["network"] == network] for network in networks])
    return figure


def _zoomed(axes, tables):
    """Leaves out the runs that have failed altogether, and says how many they are."""
    good = min(table.loc[table["accuracy"] > FAILED, "accuracy"].min() for table in tables)
    axes[0].set_ylim(100 * good - 1, 100)
    for ax, table in zip(axes, tables, strict=True):
        failed = table[table["accuracy"] <= FAILED]
        if len(failed):
            n = failed[["method", "strength", "seed"]].drop_duplicates().shape[0]
            text = f"not shown: {n} below {FAILED:.0%}, down to {failed['accuracy'].min():.0%}"
            ax.annotate(text, (0.98, 0.02), xycoords="axes fraction", ha="right", fontsize="small")
