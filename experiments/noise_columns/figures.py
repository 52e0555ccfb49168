"""The figure of `noise_columns` on the number of columns, drawn from its tables."""

from matplotlib.figure import Figure

from kerasreg.plots import PENALTY_COLORS, style

NAMES = {"none": "least squares", "l2": "L2, tuned", "l1": "L1, tuned", "l1 fixed": "L1, λ = 0.1"}
TOP = 30  # the peak of least squares is far above
TRAIN = {"ls": "--", "lw": 1.4, "alpha": 0.8}


def color_of(method):
    return PENALTY_COLORS[method.split()[0]]


def draw_band(ax, table, key, value, color, label=None, band=True, **look):
    """The median over the seeds, and a band between the quartiles."""
    groups = table.groupby(key)[value]
    if band:
        low, high = groups.quantile(0.25), groups.quantile(0.75)
        ax.fill_between(low.index, low, high, color=color, alpha=0.2, lw=0)
    ax.plot(groups.median(), color=color, label=label, **look)


@style()
def draw_sweep(tables):
    """A panel a data set: error on training and held-out rows against the number of columns."""
    fits = tables["fits"]
    fits = fits.assign(train=1 - fits["train_r2"], held_out=1 - fits["held_out_r2"])
    problems = list(fits.groupby("problem", sort=False))
    figure = Figure(figsize=(9.4, 7), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True, sharey=True)
    for ax, (problem, runs) in zip(axes.flat, problems, strict=True):
        ax.axvline(100, color="0.3", lw=1)
        ax.axhline(1, color="0.3", lw=1)
        for method, name in NAMES.items():
            chosen = runs[runs["method"] == method]
            look = {"color": color_of(method), "label": name}
            if method == "l1 fixed":
                draw_band(ax, chosen, "n_columns", "held_out", band=False, ls=":", **look)
                continue
            draw_band(ax, chosen, "n_columns", "held_out", marker="o", ms=4, **look)
            seen = chosen[chosen["train"] > 1e-3]  # an exact fit leaves a logarithmic scale
            draw_band(ax, seen, "n_columns", "train", color_of(method), band=False, **TRAIN)
        peak = runs[runs["method"] == "none"].groupby("n_columns")["held_out"].median()
        ax.text(91, 0.8 * TOP, f"up to {peak.max():.0f}", ha="right", va="top", size="small")
        ax.set(xscale="log", yscale="log", ylim=(0.1, TOP), title=problem)
    ticks = [10, 20, 50, 100, 200, 400]
    axes[1, 0].set_xticks(ticks, [str(tick) for tick in ticks])
    axes[1, 0].set_yticks([0.1, 1, 10], ["0.1", "1", "10"])
    axes[1, 0].minorticks_off()
    for ax in axes[1]:
        ax.set_xlabel("columns, for 100 rows")
    figure.supylabel("squared error / that of guessing the mean  (1 − R²)", fontsize="medium")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    n_seeds = fits["seed"].nunique()
    figure.suptitle(
        "Ten real columns and ever more columns of noise (below right: every column matters a "
        f"little)\nsolid: held out, dashed: training; median and quartiles of {n_seeds} seeds",
        fontsize="medium",
    )
    return figure
