"""The figure of `linear_parity`, drawn from its tables."""

from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from kerasreg import datasets
from kerasreg.plots import PENALTY_COLORS, style

COLORS = {"lasso": PENALTY_COLORS["l1"], "ridge": PENALTY_COLORS["l2"]}
COLORS["elastic net"] = PENALTY_COLORS["l1_l2"]
# Drawn one inside the other, so that all are seen where they coincide.
MARKERS = {"scikit-learn": ("o", 17), "Keras": ("s", 9), "kerasreg": ("+", 9), "NumPy": (".", 4)}


def draw(coefficients, differences):
    with style():
        figure = Figure(figsize=(12, 8), layout="constrained")
        axes = figure.subplot_mosaic([list(COLORS), ["pairs", "pairs", "line"]])
        chosen = coefficients.query(
            "system == 'S8' and stage == 'optimum' and coefficient != 'bias'"
        )
        for (penalty, solver), group in chosen.groupby(["penalty", "solver"]):
            marker, size = MARKERS[solver]
            look: dict[str, Any] = {
                "mec": COLORS[penalty] if size > 4 else "black",
                "mfc": "none",
                "mew": 1.5,
            }
            axes[penalty].plot(range(1, 11), group["value"], marker, ms=size, label=solver, **look)
            axes[penalty].set(title=f"{penalty}, S8", xlabel="feature", ylim=(-3, 122))
            axes[penalty].set_xticks(range(1, 11))
        axes["lasso"].set_ylabel("coefficient")
        axes["lasso"].legend(loc="upper right", ncols=2, columnspacing=1.0, handletextpad=0.2)
        draw_differences(axes["pairs"], differences)
        data, grid = datasets.note_line(), np.linspace(0, 2, 100)
        axes["line"].plot(data.x, data.y, ".", color="0.7")
        taught = coefficients.query("system == 'S16' and stage == 'taught' and solver == 'NumPy'")
        for penalty, (bias, slope) in taught.groupby("penalty")["value"]:
            label = f"{penalty}: {bias:.2f} + {slope:.2f}·x"
            axes["line"].plot(grid, bias + slope * grid, color=COLORS[penalty], label=label)
        axes["line"].set(title="the note's descents as taught, S16", xlabel="x", ylabel="y")
        axes["line"].legend()
    return figure


def draw_differences(panel, differences):
    problems = list(dict.fromkeys(zip(differences["system"], differences["penalty"], strict=True)))
    pairs = ["as taught – optimum", *(f"{a} – {b}" for a, b in combinations(MARKERS, 2))]
    for row in differences.itertuples():
        pair = f"{row.solver_a} – {row.solver_b}"
        height = pairs.index(pair) if pair in pairs else 0
        problem = problems.index((row.system, row.penalty))
        marker = "o" if row.system == "S8" else "^"
        fill = "none" if row.stage_a == row.stage_b == "taught" else COLORS[row.penalty]
        place = max(row.difference, 1e-17), height + 0.15 * (problem - 2)
        panel.plot(*place, marker, color=COLORS[row.penalty], mfc=fill)
    for marker, fill, label in (("o", "k", "S8"), ("^", "k", "S16"), ("^", "w", "S16, as taught")):
        panel.plot([], [], marker, color="black", mfc=fill, label=label)
    panel.axvline(5e-5, color="black", ls=":", lw=1.5, label="four decimals")
    panel.set(xscale="log", yticks=range(len(pairs)), yticklabels=pairs, ylim=(6.6, -0.6))
    panel.set(xlabel="largest difference of a coefficient (0 is drawn at 1e-17)", xlim=(3e-18, 200))
    panel.legend(loc="lower right")
