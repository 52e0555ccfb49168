"""The figure of `fine_tune` of what a smaller network costs, drawn from its tables."""

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from experiments.fine_tune.figures import LOOKS
from kerasreg.plots import PENALTY_COLORS, style

ZEROS = ("l1", "pruned weights")
PALETTE = (PENALTY_COLORS["group_lasso"], PENALTY_COLORS["l1_l2"], PENALTY_COLORS["scad"])


@style()
def draw_costs(tables):
    """Bytes, operations and seconds against parameters, each as a share of the whole network's."""
    sizes, speed = tables["sizes"], tables["speed"]
    figure = Figure(figsize=(14, 5.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    for marker, (network, own) in zip("os", sizes.groupby("network", sort=False), strict=False):
        whole = own[own["method"] == "whole"].median(numeric_only=True)
        groups = own[own["method"] == "group lasso"]
        share = groups["parameters"] / whole["parameters"]
        for what, color in (("file_bytes", LOOKS["l1"][0]), ("flops", LOOKS["pruned units"][0])):
            name = {"file_bytes": "bytes of the file", "flops": "operations"}[what]
            look = {"color": color, "label": f"{name}, {network}", "alpha": 0.75, "ms": 8}
            left.plot(share, groups[what] / whole[what], marker, **look)
        times = speed[speed["network"] == network]
        total = times.loc[times["method"] == "whole", "parameters"].iloc[0]
        for batch, color in zip(sorted(times["batch"].unique()), PALETTE, strict=False):
            some = times[(times["batch"] == batch) & times["method"].isin(["whole", "group lasso"])]
            error = [some["ratio"] - some["ratio_q25"], some["ratio_q75"] - some["ratio"]]
            label = f"shrunk, batch of {batch}, {network}"
            look = {"fmt": f"{marker}-", "color": color, "label": label, "ms": 8}
            right.errorbar(some["parameters"] / total, some["ratio"], error, **look)
            zeros = times[(times["batch"] == batch) & times["method"].isin(ZEROS)]
            where = zeros.merge(_median_non_zero(sizes), on=["network", "method", "strength"])
            if len(where):
                label = f"zeros of single weights, {batch}"
                look = {"color": color, "ms": 9, "mew": 2, "label": label}
                right.plot(where["non_zero"] / total, where["ratio"], "x", **look)
    figure.suptitle(
        "What a smaller network saves; on the dotted line, as much as it has fewer weights"
    )
    for ax in (left, right):
        ax.plot([0, 1], [0, 1], color="black", lw=1, ls=":")
        ax.set(xlim=(0, 1.05), ylim=(0, 1.4), xlabel="parameters left (share of all)")
        ax.xaxis.set_major_formatter(PercentFormatter(1))
        ax.yaxis.set_major_formatter(PercentFormatter(1))
        ax.legend(fontsize="small", loc="lower right")
    left.set(ylabel="share of the whole network's", title="file and operations, after shrink")
    right.set(title="seconds of a prediction (median, quartiles as lines)")
    return figure


def _median_non_zero(sizes):
    return sizes.groupby(["network", "method", "strength"])["non_zero"].median().reset_index()
