"""The figure of `two_features` on descents, drawn from its tables."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from kerasreg.plots import PENALTY_COLORS, style

NAMES = {"l1": "L1", "l2": "L2"}
SUBGRADIENT = "#555555"


@style()
def draw_descents(tables):
    """Two landscapes with descents, and one weight step by step."""
    figure = Figure(figsize=(11.4, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 1, 0.9))
    for ax, penalty in ((left, "l1"), (middle, "l2")):
        draw_landscape(ax, tables, penalty)
    draw_second_weight(right, tables["steps"])
    for label, look in (
        ("subgradient steps", {"color": SUBGRADIENT, "marker": "o", "ms": 4}),
        ("proximal steps, L1", {"color": PENALTY_COLORS["l1"], "marker": "s", "ms": 4}),
        ("L2", {"color": PENALTY_COLORS["l2"], "marker": "s", "ms": 4}),
        ("the minimum, from λ = 0 up", {"color": "black"}),
        ("at this λ", {"ls": "", "marker": "*", "ms": 13, "color": "gold", "mec": "black"}),
    ):
        left.plot([], [], label=label, **look)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure


def draw_landscape(ax, tables, penalty):
    """Contours of the objective, both descents, and where the minimum goes as λ grows."""
    grid = tables["contours"].pivot(index="w_2", columns="w_1", values=penalty)
    ends = tables["ends"].query("penalty == @penalty").iloc[0]
    low = grid.to_numpy().min()
    levels = low + np.geomspace(0.05, np.ptp(grid.to_numpy()), 10)
    ax.contour(grid.columns, grid.index, grid, levels=levels, colors="0.75", linewidths=1)
    minima = tables["minima"].query("penalty == @penalty")
    ax.plot(minima["w_1"], minima["w_2"], color="black", lw=1.5, zorder=4)
    looks: dict[str, dict[str, Any]] = {
        "subgradient": {"color": SUBGRADIENT, "marker": "o", "ms": 5},
        "proximal": {"color": PENALTY_COLORS[penalty], "marker": "s", "ms": 4},
    }
    steps = tables["steps"][tables["steps"]["penalty"] == penalty]
    for way, look in looks.items():
        path = steps[steps["way"] == way]
        ax.plot(path["w_1"], path["w_2"], lw=1.2, **look)
    ax.plot(ends["exact_1"], ends["exact_2"], "*", color="gold", mec="black", ms=15, zorder=5)
    ax.axhline(0, color="0.3", lw=0.8)
    ax.axvline(0, color="0.3", lw=0.8)
    ax.grid(visible=False)
    ax.set(xlabel="w₁", ylabel="w₂", aspect="equal", ylim=(-0.6, 2.4), xlim=(-1.2, 2.4))
    ax.set_title(f"{NAMES[penalty]}, λ = {ends['strength']:g}: steps of Keras")


def draw_second_weight(ax, steps):
    looks: dict[tuple[str, str], dict[str, Any]] = {
        ("l1", "subgradient"): {"color": SUBGRADIENT, "marker": "o", "ms": 4},
        ("l1", "proximal"): {"color": PENALTY_COLORS["l1"], "marker": "s", "ms": 4},
        ("l2", "subgradient"): {"color": PENALTY_COLORS["l2"]},
    }
    for (penalty, way), look in looks.items():
        path = steps[(steps["penalty"] == penalty) & (steps["way"] == way)]
        ax.plot(path["step"], path["w_2"], lw=1.5, **look)
    ax.axhline(0, color="0.3", lw=0.8)
    ax.set(xlabel="step", ylabel="w₂", ylim=(-0.1, 1))
    ax.set_title("L1: only the prox stays at zero")
