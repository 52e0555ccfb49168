"""The figures of `dropout`, drawn from its tables."""

from matplotlib.figure import Figure

from kerasreg.plots import LINE_COLORS, style

# Not the colours of L1 and L2, which no network here has.
NARROW, WIDE, OTHER = LINE_COLORS[4], LINE_COLORS[6], LINE_COLORS[3]


@style()
def draw_networks(tables):
    """Error, reliance of units on one another, and the two modes, against the rate."""
    figure = Figure(figsize=(8, 5.6), layout="constrained")
    (error, reliance), (scale, spread) = figure.subplots(2, 2)
    networks, scaling = tables["networks"], tables["scaling"]
    widths = sorted(networks["units"].unique())
    for units, color in zip(widths, (NARROW, WIDE), strict=True):
        own = networks[networks["units"] == units]
        label = f"{units} hidden units"
        band(error, own["rate"], 100 * own["test_error"], color=color, label=label)
        band(reliance, own["rate"], own["rise_without_half"], color=color, label=label)
        own = scaling[scaling["units"] == units]
        look = {"color": color, "label": f"sums behind {units} units"}
        band(spread, own["rate"], own["sum_deviation_ratio"], **look)
        look = {"color": color, "label": f"a unit of {units}", "ls": ":"}
        band(spread, own["rate"], own["unit_deviation_ratio"], **look)
    n_train, data = networks["n_train"].iloc[0], networks["data"].iloc[0]
    error.set(
        ylabel="test error (%)",
        title=f"{n_train} rows of {data} (bands: quartiles)",
        ylim=(0, None),
    )
    reliance.set(yscale="log", ylabel="rise of the test loss")
    reliance.set_title("half of the units removed")
    for name, label, color, line in (
        ("p", "the note: scaled by p", OTHER, "-"),
        ("keep", "scaled by 1 − p", LINE_COLORS[2], "-"),
        ("keras", "Keras", "black", ":"),
    ):
        band(
            scale, scaling["rate"], scaling[f"mean_ratio_{name}"], color=color, ls=line, label=label
        )
    scale.set(yscale="log", ylabel="mean, test / training")
    scale.set_yticks([0.25, 0.5, 1, 2, 4], labels=["¼", "½", "1", "2", "4"])
    scale.minorticks_off()
    scale.set_title("which scaling keeps the mean?")
    spread.set(ylabel="deviation, training / test", ylim=(0.9, None))
    spread.set_title("Keras: the spread is not kept")
    for ax in (error, reliance, scale, spread):
        ax.set_xlabel("rate p of dropping")
        if ax is not reliance:
            ax.legend(loc="upper left", fontsize="small")
    return figure


@style()
def draw_ensemble(tables):
    """One scaled network for all sub-networks; and the training loss that Keras reports."""
    figure = Figure(figsize=(13, 5), layout="constrained")
    distance, loss, reported = figure.subplots(1, 3, width_ratios=(1.15, 1.15, 1))
    trained = tables["ensembles"].query("training == 'after'")
    cases = {
        f"{layers} layer{'s' * (layers > 1)}\np = {rate:g}": runs
        for (layers, rate), runs in trained.groupby(["layers", "rate"])
    }
    ensemble_look = {
        "single": ("a sub-network", "0.55", "s"),
        "scaled": ("the scaled network", WIDE, "o"),
        "average": ("the average of all sub-networks", NARROW, "D"),
    }
    for x, runs in enumerate(cases.values()):
        for shift, (kind, (label, color, marker)) in enumerate(ensemble_look.items()):
            look = {"color": color, "marker": marker, "label": label if x == 0 else None}
            dots(loss, x + 0.25 * (shift - 1), runs[f"loss_{kind}"], **look)
            if kind != "average":
                gap = runs["average_gap" if kind == "scaled" else "single_gap"]
                dots(distance, x + 0.25 * (shift - 0.5), gap, **look)
    for ax in (distance, loss):
        ax.set_xticks(range(len(cases)), list(cases))
        ax.grid(visible=False, axis="x")
        ax.set_ylim(0, 1.3 * ax.get_ylim()[1])
        ax.legend(loc="upper left", fontsize="small")
    distance.set(ylabel="total variation of class probabilities", title="distance from the average")
    loss.set(ylabel="test loss", title=f"all 2ⁿ sub-networks, n = {trained['units'].iloc[0]}")
    curves = tables["keras_curves"]
    curves = curves[curves["n_train"] == curves["n_train"].max()]
    for rate, color in ((0.0, "0.35"), (0.5, WIDE)):
        own = curves[curves["rate"] == rate]
        for split, line in (("train", "--"), ("validation", "-")):
            label = f"p = {rate:g}, {'training' if split == 'train' else split}"
            band(reported, own["epoch"], own[split], color=color, ls=line, label=label)
    reported.set(yscale="log", xlabel="epoch", ylabel="loss")
    reported.set_title(f"as Keras reports them ({curves['n_train'].iloc[0]} rows)")
    reported.legend(loc="best", fontsize="small")
    return figure


def band(ax, x, values, **look):
    """Median over the seeds as a line, quartiles as a band."""
    quartiles = values.groupby(x).quantile([0.25, 0.5, 0.75]).unstack()
    ax.plot(quartiles[0.5], marker="o", ms=4, **look)
    low, high = quartiles[0.25], quartiles[0.75]
    ax.fill_between(quartiles.index, low, high, color=look["color"], alpha=0.18, lw=0)


def dots(ax, x, values, color, marker, label=None):
    """A dot a seed, the median larger."""
    ax.plot([x] * len(values), values, ".", color=color, alpha=0.35, mew=0)
    ax.plot(x, values.median(), marker, color=color, ms=9, mec="black", mew=0.8, label=label, ls="")
