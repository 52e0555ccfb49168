"""The figures of `penalty_shapes`, drawn from its tables."""

import numpy as np
from matplotlib.figure import Figure

from experiments.penalty_shapes.measures import FLAT, RISING, SMOOTH, drawn_row
from kerasreg.plots import PENALTY_COLORS, plot_contours, style

LOSS_STEPS = np.array([0.02, 0.06, 0.12, 0.2, 0.3])  # between the ellipses


def color_of(name):
    return PENALTY_COLORS.get(name, PENALTY_COLORS["none"])


def look(name, rank):
    """One color a penalty; those that coincide on single weights lie on one another, thinning."""
    width = (6.5, 4.5, 2.5, 1.5, 1.5)[min(rank, 4)]
    return {"color": color_of(name), "lw": width, "label": name}


@style()
def draw_shapes(tables):
    """A row a kind of penalty; value, slope, prox, descents."""
    kinds = tables["pulls"].drop_duplicates("penalty").set_index("penalty")["kind"]
    figure = Figure(figsize=(16, 10), layout="constrained")
    grid = figure.subplots(3, 4, sharex="col")
    titles = ("penalty of w", "slope", "prox, step size 1", "descents on the penalty alone")
    limits = ((-0.02, 0.5), (-0.5, 0.5), (-1.05, 1.05), (-0.05, 1))
    for axes, kind in zip(grid, (RISING, FLAT, SMOOTH), strict=True):
        for rank, name in enumerate(kinds.index[kinds == kind]):
            shape = tables["shapes"][tables["shapes"]["penalty"] == name]
            for ax, what in zip(axes, ("value", "slope", "prox"), strict=False):
                ax.plot(shape["w"], shape[what], **look(name, rank))
            runs = tables["descents"][tables["descents"]["penalty"] == name]
            for _, run in runs.groupby("start"):
                axes[3].plot(run["step"], run["by_gradient"], **look(name, rank))
                axes[3].plot(run["step"], run["by_prox"], "k:", lw=1.2)
        axes[0].set_ylabel(kind, fontsize="large")
        axes[0].legend(loc="best", fontsize="small")
        axes[2].axline((0, 0), slope=1, color="0.6", lw=1, zorder=0)
        for ax, limit in zip(axes, limits, strict=True):
            ax.axhline(0, color="0.4", lw=0.8, zorder=0)
            ax.set_ylim(limit)
    for ax, title in zip(grid[0], titles, strict=True):
        ax.set_title(title, fontsize="large")
    for ax in grid[2, :3]:
        ax.set_xlabel("w")
    grid[2, 3].set_xlabel("step (dotted: steps of the prox)")
    return figure


@style()
def draw_pulls(tables, settings):
    """The pull near zero, and what comes of it."""
    figure = Figure(figsize=(15, 5.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    kinds = tables["pulls"].drop_duplicates("penalty").set_index("penalty")["kind"]
    ranks = kinds.groupby(kinds).cumcount()
    pulls = tables["pulls"].query("w > 0 and slope > 0")
    runs = tables["descents"].query("start == start.max()").set_index("step")
    for name, rank in ranks.items():
        pull = pulls[pulls["penalty"] == name]
        left.loglog(pull["w"], pull["slope"] / settings.strength, **look(name, rank))
        run = runs[runs["penalty"] == name]
        right.semilogy(run["by_gradient"].abs(), **look(name, rank))
        right.semilogy(run["by_prox"].where(run["by_prox"] > 0), "k:", lw=1.2)
    left.set(xlabel="weight", ylabel="pull towards zero, in units of λ", ylim=(1e-6, 300))
    left.set_title("near zero only the smooth penalties stop pulling")
    right.set(xlabel="step (dotted: steps of the prox)", ylabel="|weight|", ylim=(3e-3, 1.2))
    right.set_title("descents on the penalty alone, from one weight")
    figure.legend(*left.get_legend_handles_labels(), loc="outside right center")
    return figure


@style()
def draw_contours(tables, settings):
    """Ellipses of the data loss, the ball of the penalty through the minimum, and its path."""
    names = settings.contours
    columns = min(3, len(names))
    figure = Figure(figsize=(4.6 * columns, 4.7 * -(-len(names) // columns)), layout="constrained")
    axes = figure.subplots(-(-len(names) // columns), columns, sharex=True, sharey=True)
    contours, axis_shares = tables["contours"], tables["axes"].set_index("penalty")
    axis_shares = axis_shares.query("feature_1 == @settings.drawn[0]")
    axis_shares = axis_shares.query("feature_2 == @settings.drawn[1]")["share_on_axis"]
    for ax, name in zip(axes.flat, names, strict=True):
        path = tables["paths"].query("penalty == @name").reset_index(drop=True)
        row = path.loc[drawn_row(path)]
        plot_contours(
            contours.rename(columns={"data_loss": "value", name: "penalty_value"}),
            ax,
            level=row["penalty_value"],
            minimum=(row["w_1"], row["w_2"]),
            path=path.rename(columns={"strength": "step"}),
            levels=[row["data_loss"], *(path["data_loss"].min() + LOSS_STEPS)],
            color=color_of(name),
        )
        ax.set_title(f"{name}: on an axis at {axis_shares[name]:.0%}")
        ax.set(xlabel=f"weight of {settings.drawn[0]}", ylabel=f"weight of {settings.drawn[1]}")
        ax.label_outer()
    figure.suptitle(
        "The least data loss (ring; grey: equal loss) and the minimum with a penalty as λ grows "
        "(black).\nStar: one of them, with the penalty's ball that reaches it. "
        "%: the share of the strengths at which one weight is zero"
    )
    return figure
