"""The figure of `lambda_selection` on what shrinks with λ, drawn from its tables."""

from matplotlib.figure import Figure

from kerasreg.plots import PENALTY_COLORS

NAMES = {"l1": "L1", "l2": "L2"}
LEVELS = (0.1, 0.5, 0.9)  # quantiles over the splits: a band, and the line in it


def draw_band(ax, table, quantity, look="-", **options):
    """Median over the splits as a line, 10 to 90 % as a band, whose upper edge is returned."""
    low, middle, high = (table.groupby("strength")[quantity].quantile(q) for q in LEVELS)
    ax.fill_between(middle.index, low, high, color=options["color"], alpha=0.18, lw=0)
    ax.plot(middle, look, **options)
    return high


def draw_shrinkage(tables):
    """A column a problem; a row each for the norm, the degrees of freedom, the sensitivity."""
    rows = {
        "norm": "norm of the weights,\nshare of the largest",
        "degrees_of_freedom": "effective degrees\nof freedom",
        "output_change": "change of the output\nat input noise of 0.1",
    }
    problems = tables["problems"].set_index("problem")
    figure = Figure(figsize=(4.1 * len(problems), 9), layout="constrained")
    axes = figure.subplots(3, len(problems), sharex=True, squeeze=False)
    fits = tables["fits"][tables["fits"]["strength"] > 0]
    for (problem, penalty), fit in fits.groupby(["problem", "penalty"], sort=False):
        norm = fit[f"{penalty}_norm"]
        largest = norm.groupby(fit["seed"]).transform("max")
        fit = fit.assign(norm=norm / largest)
        column = axes[:, list(problems.index).index(problem)]
        for ax, quantity in zip(column, rows, strict=True):
            look = {"color": PENALTY_COLORS[penalty], "label": f"{NAMES[penalty]} (its own norm)"}
            draw_band(ax, fit, quantity, **look)
        unit = "of a probability" if problems.loc[problem, "is_logistic"] else "of the prediction"
        column[2].annotate(unit, (0.97, 0.9), xycoords="axes fraction", ha="right", size="small")
        column[0].set_title(problem)
        column[2].set(xscale="log", xlabel="strength λ of the mean loss")
    for ax, label in zip(axes[:, 0], rows.values(), strict=True):
        ax.set_ylabel(label)
    for ax in axes.flat:
        ax.set_ylim(bottom=0)
    axes[0, 0].legend(loc="upper right", fontsize="small")
    return figure
