"""The figures of `strength_schedule`, drawn from its tables."""

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from experiments.strength_schedule.plan import ANNEALED, CONSTANT, LATE, RELEASED, WARM_UP
from experiments.strength_schedule.verdicts import CASE, MARGINS
from kerasreg.plots import LINE_COLORS, PENALTY_COLORS, style

# Color, marker and line of each schedule.
LOOKS = {
    CONSTANT: (PENALTY_COLORS["none"], "o", "-"),
    WARM_UP: (LINE_COLORS[0], "^", "--"),
    LATE: (LINE_COLORS[5], "v", "-."),
    ANNEALED: (LINE_COLORS[1], "s", "-"),
    RELEASED: (LINE_COLORS[3], "D", ":"),
}
SIZES = (12, 9, 7, 4, 6)  # that points in one place are all seen
TITLES = {
    ("digits", "l1"): "digits, network, L1",
    ("digits", "group_lasso"): "digits, network, group lasso",
    ("regression", "l1"): "regression, L1 (convex)",
    ("regression", "mcp"): "regression, MCP",
}


@style()
def draw_schedules(curves):
    """What an ordinary network under each schedule records, by epoch."""
    figure = Figure(figsize=(11, 5.6), layout="constrained")
    panels = {
        "strength_scale": "λ is multiplied by",
        "zero_share": "share of zeros",
        "penalty": "penalty, at the λ of the epoch",
        "data_loss": "data loss",
    }
    axes = figure.subplots(2, 2, sharex=True).ravel()
    for ax, (quantity, title) in zip(axes, panels.items(), strict=True):
        for schedule, (color, _, line) in LOOKS.items():
            some = curves[curves["schedule"] == schedule]
            ax.plot(some["epoch"], some[quantity], line, color=color, label=schedule, lw=2.5)
        ax.set(title=title)
    axes[1].yaxis.set_major_formatter(PercentFormatter(1))
    axes[3].set_yscale("log")
    for ax in axes[2:]:
        ax.set_xlabel("epoch")
    figure.suptitle("One network for digits under L1, with StrengthSchedule and the monitor")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


@style()
def draw_prices(runs):
    """Scores against zeros: medians over the seeds, a point a strength, with their quartiles."""
    figure = Figure(figsize=(9.6, 6.4), layout="constrained")
    cases = list(runs.groupby(CASE, sort=False))
    for ax, (case, some) in zip(figure.subplots(2, 2).ravel(), cases, strict=True):
        is_digits = case[0] == "digits"
        score, factor = ("accuracy", 100) if is_digits else ("test_loss", 1)
        for size, (schedule, (color, marker, line)) in zip(SIZES, LOOKS.items(), strict=True):
            own = some[(some["schedule"] == schedule) & (some["zero_share"] < 1)]
            groups = own.groupby("strength")
            x = 100 * groups["zero_share"].median()
            low, y, high = (factor * groups[score].quantile(q) for q in (0.25, 0.5, 0.75))
            # Its share of zeros is the same, whatever λ was.
            look = {"marker": marker, "ms": size, "ls": "" if schedule == RELEASED else line}
            errors = {"yerr": (y - low, high - y), "elinewidth": 0.8}
            ax.errorbar(x, y, **errors, color=color, label=schedule, **look)
        dead = some[some["zero_share"] == 1].groupby("schedule").size()
        lost = ", ".join(f"{n} {schedule}" for schedule, n in dead.items())
        title = TITLES[case] + (f"\nnot shown, all weights zero: {lost}" if lost else "")
        ax.set(title=title, xlabel="weights that are zero (%)")
        if is_digits:
            ax.set(ylabel="accuracy on test digits (%)", ylim=(70, 92))
        else:
            ax.set(ylabel="test loss (the noise alone: 1)", yscale="log")
            ax.set_yticks([1, 1.5, 2, 3, 4], ["1", "1.5", "2", "3", "4"])
            ax.minorticks_off()
    handles = figure.axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=5)
    return figure


@style()
def draw_gains(scores):
    """Gains over the constant strength at equal zeros, a point a seed, the bar their median."""
    figure = Figure(figsize=(13, 4.2), layout="constrained")
    cases = list(scores.groupby(CASE, sort=False))
    schedules = (WARM_UP, LATE, ANNEALED)
    units = {"digits": "points of accuracy", "regression": "% of the test loss"}
    for ax, (case, some) in zip(figure.subplots(1, len(cases)), cases, strict=True):
        margin = MARGINS[case[0]]
        ax.axhspan(-margin, margin, color="0.9", lw=0)
        ax.axhline(0, color="0.5", lw=1)
        gains = some.groupby(["schedule", "seed"])["gain"].mean()
        for x, schedule in enumerate(schedules):
            color, marker, _ = LOOKS[schedule]
            own = gains[schedule]
            ax.plot([x] * len(own), own, marker, color=color, alpha=0.6, ms=8, mew=0)
            ax.plot(x, own.median(), "_", color=color, ms=30, mew=3)
        ax.set(title=TITLES[case], ylabel=units[case[0]], xlim=(-0.6, len(schedules) - 0.4))
        largest = 10 * margin
        ax.set_ylim(-largest, largest)
        beyond = int((gains.abs() > largest).sum())
        if beyond:
            note = {"ha": "right", "transform": ax.transAxes, "fontsize": "small"}
            ax.text(0.98, 0.02, f"{beyond} outside", **note)
        ax.set_xticks(range(len(schedules)), schedules)
        ax.grid(visible=False, axis="x")
    figure.suptitle("Gain over a constant λ at equal shares of zeros (gray: too little to count)")
    return figure
