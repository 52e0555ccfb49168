"""The figures of `lambda_selection`, drawn from its tables."""

import numpy as np
from matplotlib.figure import Figure

from experiments.lambda_selection.choices import SMALLEST_THAT_WORKS
from experiments.lambda_selection.shrinkage_figure import NAMES, draw_band, draw_shrinkage
from kerasreg.plots import PENALTY_COLORS, style

# From top to bottom, with the names that the figures give them.
CHOICES = {
    "min": "least loss",
    "one_standard_error": "largest within\none standard error",
    SMALLEST_THAT_WORKS: "smallest within\none standard error",
    "λ = 0.1": "λ = 0.1",
    "λ = 1": "λ = 1",
    "smallest of the grid": "smallest λ\nof the grid",
    "no penalty": "no penalty",
}


@style()
def draw(tables):
    return {
        "lambda_selection_paths": draw_paths(tables),
        "lambda_selection_costs": draw_costs(tables),
        "lambda_selection_shrinkage": draw_shrinkage(tables),
    }


def draw_paths(tables):
    """A column a problem, a row a penalty: training and cross-validated loss, and the choices."""
    problems = list(tables["problems"]["problem"])
    paths = tables["paths"][tables["paths"]["draw"] == 0]
    n_splits = paths["seed"].nunique()
    figure = Figure(figsize=(4.1 * len(problems), 8), layout="constrained")
    axes = figure.subplots(2, len(problems), sharex="row", squeeze=False)
    for (problem, penalty), path in paths.groupby(["problem", "penalty"], sort=False):
        ax = axes[list(NAMES).index(penalty), problems.index(problem)]
        color, top = PENALTY_COLORS[penalty], 0.0
        for split, look in (("validation", "-"), ("train", "--")):
            high = draw_band(ax, path, split, look, color=color, label=split)
            top = high.max() if split == "validation" else top
        # Small λ may be far worse than no weights at all; then the curve leaves through the top.
        top = min(top, 2.5 * path["validation"][path["strength"] == path["strength"].max()].mean())
        ax.set(xscale="log", ylim=(-0.17 * top, 1.05 * top))
        ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= top])
        marks_of_choices(ax, tables["choices"], problem, penalty, top)
        if penalty == "l1":
            ax.set_title(problem)
    for row, name in zip(axes, NAMES.values(), strict=True):
        row[0].set_ylabel(f"{name}: mean loss")
    for ax in axes[-1]:
        ax.set_xlabel("strength λ of the mean loss")
    axes[0, 0].legend(loc="upper left", fontsize="small", handlelength=1.6)
    figure.suptitle(
        f"5-fold cross-validation over {n_splits} random splits (median, 10 to 90 %).  "
        "● λ of the least loss   ○ largest λ within one standard error   "
        "(a mark a split, larger for more)",
        fontsize="medium",
    )
    return figure


def marks_of_choices(ax, choices, problem, penalty, top):
    """Below the curves, how often each λ was chosen, by rule."""
    of_run = choices[(choices["problem"] == problem) & (choices["penalty"] == penalty)]
    for rule, height, fill in (("min", -0.05, True), ("one_standard_error", -0.12, False)):
        counts = of_run.loc[of_run["choice"] == rule, "strength"].value_counts()
        color = PENALTY_COLORS[penalty]
        face = color if fill else "white"
        areas = 300 * counts / counts.sum() + 12
        ax.scatter(counts.index, [height * top] * len(counts), areas, ec=color, fc=face, zorder=3)
        at = of_run.loc[of_run["choice"] == rule, "strength"].median()
        ax.axvline(at, color="#333333", lw=1, ls="-" if fill else ":", zorder=1)


def draw_costs(tables):
    """A column a problem, a row a choice: test loss over that of the best λ in hindsight."""
    problems = list(tables["problems"]["problem"])
    figure = Figure(figsize=(4.1 * len(problems), 6.6), layout="constrained")
    axes = figure.subplots(1, len(problems), sharey=True, squeeze=False)[0]
    random = np.random.default_rng(0)
    places = {choice: -i for i, choice in enumerate(CHOICES)}
    for ax, problem in zip(axes, problems, strict=True):
        of_problem = tables["choices"][tables["choices"]["problem"] == problem]
        for (penalty, choice), runs in of_problem.groupby(["penalty", "choice"]):
            if choice not in places:
                continue
            center = places[choice] + (0.18 if penalty == "l1" else -0.18)
            heights = center + random.uniform(-0.09, 0.09, len(runs))
            look = {"color": PENALTY_COLORS[penalty], "ls": ""}
            ratios = runs["over_hindsight"]
            ax.plot(ratios, heights, ".", alpha=0.4, mew=0, ms=9, **look)
            label = NAMES[penalty] if choice == "min" else None
            ax.plot(ratios.median(), center, "|", ms=17, mew=3, label=label, **look)
        ax.axvline(1, color="#333333", lw=1)
        ax.set(xscale="log", title=problem)
        label_ratios(ax)
        ax.set_yticks(list(places.values()), list(CHOICES.values()))
        ax.grid(axis="y", visible=False)
    axes[0].legend(loc="lower right")  # where no penalty costs little
    figure.supxlabel("test loss / test loss of the best λ in hindsight", fontsize="medium")
    return figure


def label_ratios(ax):
    largest = ax.get_xlim()[1]
    known = (1, 1.2, 1.5, 2) if largest < 3 else (1, 2, 5, 10, 20, 50)
    ticks = [tick for tick in known if tick <= largest]
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
