"""The figure of `elastic_net`, drawn from its tables."""

from typing import Any

from matplotlib.figure import Figure

from kerasreg.plots import LINE_COLORS, PENALTY_COLORS, style

EVEN, RESCALED = LINE_COLORS[3], LINE_COLORS[4]
DIABETES = PENALTY_COLORS["none"]


@style()
def draw(tables):
    """Above, what is kept of a group and the test error; below, which features are kept."""
    runs, ratios = tables["runs"], sorted(tables["runs"]["l1_ratio"].dropna().unique())[::-1]
    figure = Figure(figsize=(10.6, 6.7), layout="constrained")
    (kept, error), maps = figure.subplots(2, 2, height_ratios=(1, 0.95))
    runs = runs.assign(plain=~runs["penalty"].str.endswith("rescaled"))
    groups = runs[(runs["data"] == "groups") & runs["plain"]]
    draw_bands(kept, groups, "kept_of_a_group", ratios, "weights that are not zero")
    look = {"color": EVEN, "marker": "s"}
    draw_bands(kept, groups, "even_in_a_group", ratios, "effective number (Σ|w|)²/Σw²", **look)
    kept.set(ylabel="of a group of five", ylim=(0, 5.3), title="five near copies that matter alike")
    kept.legend(loc="lower right")

    keys = ["data", "seed"]
    lasso = runs[runs["penalty"] == "l1"].set_index(keys)["test_error"]
    relative = runs.set_index(keys)["test_error"] / lasso.reindex(runs.set_index(keys).index)
    runs = runs.assign(relative=relative.to_numpy())
    drawn, real = (runs[runs["data"] == data] for data in ("groups", "diabetes"))
    cases: tuple[tuple[Any, str, dict[str, Any]], ...] = (
        (drawn[drawn["plain"]], "groups, as in Keras", {}),
        (drawn[~drawn["plain"]], "groups, rescaled", {"color": RESCALED, "marker": "s"}),
        (real[real["plain"]], "diabetes, as in Keras", {"color": DIABETES, "marker": "D"}),
    )
    for rows, label, look in cases:
        draw_bands(error, rows, "relative", ratios, label, **look)
    error.axhline(1, color="black", lw=0.8)
    free = drawn[drawn["penalty"] == "none"]["relative"].median()
    error.set(ylabel="test error / that of L1", ylim=(0.85, 1.85))
    error.set_title(f"test error (groups without a penalty: {free:.1f})")
    error.legend(loc="upper left")
    for ax in (kept, error):
        ax.set_xticks(range(len(ratios)), [name_of(ratio) for ratio in ratios])
        ax.set_xlabel("share of L1 in the penalty")
    for ax, data in zip(maps, ("groups", "diabetes"), strict=True):
        image = draw_selection(ax, tables, data, ratios)
    figure.colorbar(image, ax=maps, label="share of the draws that keep it", pad=0.01)
    return figure


def name_of(ratio):
    return {1.0: "1\n(L1)", 0.0: "0\n(L2)"}.get(ratio, f"{ratio:g}")


def draw_bands(ax, rows, column, ratios, label, color=PENALTY_COLORS["elastic_net"], marker="o"):
    """The median over the seeds, the quartiles as a band."""
    spread = rows.groupby("l1_ratio")[column].quantile([0.25, 0.5, 0.75]).unstack()
    places = [ratios.index(ratio) for ratio in spread.index]
    ax.plot(places, spread[0.5], marker=marker, color=color, label=label)
    ax.fill_between(places, spread[0.25], spread[0.75], color=color, alpha=0.18, lw=0)


def draw_selection(ax, tables, data, ratios):
    """How often each feature is kept; on the right, how stable that is."""
    rows = tables["features"][tables["features"]["data"] == data]
    names = list(dict.fromkeys(rows["feature"]))
    shares = rows.pivot(index="l1_ratio", columns="feature", values="share_kept")
    image = ax.imshow(shares.loc[ratios, names], vmin=0, vmax=1, aspect="auto", cmap="cividis")
    ax.set_yticks(range(len(ratios)), [name_of(ratio).replace("\n", " ") for ratio in ratios])
    stability = tables["stability"][tables["stability"]["data"] == data].set_index("l1_ratio")
    for place, ratio in enumerate(ratios):
        value = stability["stability"][ratio]
        text = "–" if value != value else f"{value:.2f}"
        ax.text(len(names) - 0.3, place, text, va="center", size=10)
    ax.text(len(names) - 0.3, -0.9, "stability", va="center", size=10)
    ax.grid(visible=False)
    if data == "groups":
        for edge in (4.5, 9.5, 14.5):
            ax.axvline(edge, color="white", lw=2)
        ax.set_xticks([7, 27], ["three groups of five", "25 columns of noise"])
        ax.set(ylabel="share of L1", title="which columns are kept: groups")
    else:
        ax.set_xticks(range(len(names)), names)
        ax.set(title="which measurements are kept: diabetes")
    return image
