"""The figures of `solve_cost`, drawn from its tables."""

from matplotlib.figure import Figure

from experiments.solve_cost.measures import CLOSED, STEPS, SWEEPS, SYNTHETIC
from experiments.solve_cost.ratios import DATA, fastest, of_solvers, shares
from experiments.timing import plain_ticks
from kerasreg.plots import OTHER_COLORS, PENALTY_COLORS, style

LOOKS = {("l2", CLOSED): "-", ("l1", SWEEPS): "-", ("l2", STEPS): "--", ("l1", STEPS): "--"}
NAMES = {"l1": "L1", "l2": "L2"}


@style()
def draw_times(solutions):
    """A row for one strength and one for a path; against the number of rows and of columns."""
    synthetic = solutions[solutions["data"] == SYNTHETIC]
    sizes = synthetic[["n_samples", "n_features"]].drop_duplicates()
    # Three sweeps: the shapes that share the commonest number of columns, or a number of rows.
    columns = sizes["n_features"].mode().iloc[-1]
    heights = sizes["n_samples"].value_counts()
    fixed = [("n_features", columns)]
    fixed += [("n_samples", rows) for rows in sorted(heights.index[heights > 1], reverse=True)]
    figure = Figure(figsize=(4 * len(fixed), 6.8), layout="constrained")
    axes = figure.subplots(2, len(fixed), sharey="row", squeeze=False)
    for place, is_path in enumerate((False, True)):
        times = 1e3 * of_solvers(synthetic, is_path)
        for ax, (key, value) in zip(axes[place], fixed, strict=True):
            of = times[times.index.get_level_values(key) == value]
            other = "n_samples" if key == "n_features" else "n_features"
            for (penalty, solver), line in LOOKS.items():
                if (penalty, solver) not in of:
                    continue
                by = of[penalty, solver].groupby(other)
                color, middle = PENALTY_COLORS[penalty], by.median()
                ax.fill_between(middle.index, by.min(), by.max(), color=color, alpha=0.15, lw=0)
                label = f"{NAMES[penalty]}, {solver}"
                ax.plot(middle, line, color=color, marker="o", ms=4, label=label)
            ax.set(xscale="log", yscale="log")
            plain_ticks(ax.xaxis, at=list(middle.index))
            plain_ticks(ax.yaxis)
            what = ("rows", "columns") if other == "n_samples" else ("columns", "rows")
            if is_path:
                ax.set_xlabel(f"{what[0]} of X, with {value} {what[1]}")
    axes[0, 0].set_ylabel("one strength: milliseconds")
    axes[1, 0].set_ylabel(f"path of {solutions['n_strengths'].max()}: milliseconds")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


@style()
def draw_ratios(tables):
    """Where L1 is the cheaper: by strength on large data; and on the note's and real data."""
    figure = Figure(figsize=(12.5, 4.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for ((n, d), rows), color in zip(
        tables["strengths"].groupby(["n_samples", "n_features"], sort=False),
        OTHER_COLORS,
        strict=False,
    ):
        by = shares(rows).groupby("share_of_largest")
        middle = by.median()
        left.fill_between(middle.index, by.min(), by.max(), color=color, alpha=0.15, lw=0)
        left.plot(middle, "o-", color=color, label=f"{n:,} × {d:,}")
    left.set(xscale="log", yscale="log", xlabel="strength, as a share of λ_max")
    left.set_ylabel("time of one strength, L1 / L2\n(coordinate descent / closed form)")
    left.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=3, columnspacing=1, title="rows × columns"
    )
    real = tables["solutions"][tables["solutions"]["data"] != SYNTHETIC]
    for is_path, mark in ((False, "o"), (True, "s")):
        seconds = fastest(real, is_path)
        ratio = (seconds["l1"] / seconds["l2"]).groupby(DATA, sort=False)
        places = range(len(ratio))
        right.hlines(places, ratio.min(), ratio.max(), color=PENALTY_COLORS["l1"], alpha=0.4, lw=3)
        label = "a path" if is_path else "one strength"
        right.plot(ratio.median(), places, mark, color=PENALTY_COLORS["l1"], label=label)
    names = [f"{name}\n{n:,} × {d}" for name, n, d in ratio.median().index]
    right.set_yticks(places, [name.replace("_", " ") for name in names])
    right.set(xscale="log", xlabel="time, fastest solver of L1 / of L2")
    right.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    for line, ax in ((left.axhline, left), (right.axvline, right)):
        line(1, color="black", lw=1)
        plain_ticks(ax.xaxis)
        plain_ticks(ax.yaxis) if ax is left else None
    return figure
