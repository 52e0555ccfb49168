"""The figures of `sparse_codes`, drawn from its tables."""

from typing import Any

from matplotlib.figure import Figure

from experiments.sparse_codes.measures import ACTIVE, compared
from experiments.timing import plain_ticks
from kerasreg import plots

COLORS = plots.PENALTY_COLORS
NAMES = {"none": "no penalty", "l1": "L1", "kl_sparsity": "KL"}


@plots.style()
def draw_codes(tables, settings):
    figure = Figure(figsize=(14, 4.8), layout="constrained")
    cost, values, use = figure.subplots(1, 3)
    codes, chosen = tables["codes"], compared(tables["codes"])
    n_units = tables["units"]["rank"].max()
    for penalty, runs in codes.groupby("penalty", sort=False):
        color, x = COLORS[penalty], n_units * runs["active_share"]
        cost.plot(x, runs["error"], "o", color=color, alpha=0.35, mew=0)
        middle = runs.assign(n=x).groupby("strength")[["n", "error"]].median()
        cost.plot(middle["n"], middle["error"], "o-", color=color, ms=8, label=NAMES[penalty])
        beside = ((-11, -4), "right") if penalty == "l1" else ((11, -4), "left")
        for strength, (n, error) in middle[middle.index > 0].iterrows():
            look = {"xytext": beside[0], "textcoords": "offset points", "ha": beside[1]}
            cost.annotate(f"{strength:g}", (n, error), color=color, fontsize="small", **look)
    cost.set(xscale="log", yscale="log", xlabel=f"active units an image, of {n_units}")
    cost.set(ylabel="held-out squared error a pixel", title="what sparse codes cost (numbers: λ)")
    cost.margins(x=0.2)
    plain_ticks(cost.xaxis)
    plain_ticks(cost.yaxis, (0.01, 0.015, 0.02, 0.03, 0.04, 0.06))
    for penalty, strength in chosen:
        at, color = "penalty == @penalty and strength == @strength", COLORS[penalty]
        shares = tables["activities"].query(at).groupby("bin_left")["share"]
        spread = shares.agg(["median", "min", "max"])
        edges = [*spread.index, tables["activities"]["bin_right"].max()]
        values.stairs(spread["median"], edges, color=color, lw=2, label=named(penalty, strength))
        values.stairs(
            spread["max"], edges, baseline=spread["min"], color=color, alpha=0.2, fill=True
        )
        ranks = tables["units"].query(at).groupby("rank")["share_of_images"]
        spread = 100 * ranks.agg(["median", "min", "max"])
        use.plot(spread["median"], color=color, label=named(penalty, strength))
        use.fill_between(spread.index, spread["min"], spread["max"], color=color, alpha=0.2, lw=0)
    values.set(yscale="log", xlabel="activity", ylabel="share of all activities")
    values.set_title("how active units are")
    use.set(xlabel="units, the most used first", ylabel=f"images with activity > {ACTIVE:g} (%)")
    never = 100 * codes.groupby(["penalty", "strength"])["never_active_share"].median()
    texts = [f"{NAMES[penalty]} {never[penalty, strength]:.0f} %" for penalty, strength in chosen]
    use.set_title("never active: " + ", ".join(texts))
    cost.legend(loc="lower left")
    values.legend()
    use.legend()
    return figure


@plots.style()
def draw_features(tables):
    chosen = compared(tables["codes"])
    figure = Figure(figsize=(13, 8.2), layout="constrained")
    halves: Any = figure.subfigures(2, 1)
    tables_of_halves = (
        ("features", "rank", "What units stand for: those whose activity varies most"),
        ("example", "part", "A held-out image, what its main units add, and all units together"),
    )
    for part, (table, by, title) in zip(halves, tables_of_halves, strict=True):
        part.suptitle(title, fontweight="bold")
        names = list(tables[table][by].unique())
        grid = part.subplots(len(chosen), len(names))
        for row, (penalty, strength) in zip(grid, chosen, strict=True):
            of = tables[table].query("penalty == @penalty and strength == @strength")
            for ax, name in zip(row, names, strict=True):
                image = of[of[by] == name].pivot(index="row", columns="column", values="ink")
                ax.imshow(image, cmap="gray_r", vmin=0, vmax=1)
                ax.set(xticks=[], yticks=[])
                ax.grid(visible=False)
                ax.spines[:].set(visible=True, color=COLORS[penalty], lw=1.5)
            row[0].set_ylabel(
                named(penalty, strength).replace(", ", "\n"),
                rotation=0,
                ha="right",
                va="center",
                color=COLORS[penalty],
            )
        if table == "example":
            for ax, name in zip(grid[0], names, strict=True):
                ax.set_title({"rebuilt": "all units"}.get(name, name))
    return figure


def named(penalty, strength):
    return f"{NAMES[penalty]}, λ = {strength:g}" if strength else NAMES[penalty]
