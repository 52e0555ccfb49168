"""The figure of `two_features` on descents, drawn from its tables."""

from typing import Any

from matplotlib.figure import Figure

from kerasreg.plots import PENALTY_COLORS, plot_contours, style

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
    surface = tables["contours"].rename(columns={penalty: "value"})
    ends = tables["ends"].query("penalty == @penalty").iloc[0]
    steps = tables["steps"][tables["steps"]["penalty"] == penalty]
    looks: dict[str, dict[str, Any]] = {
        "subgradient": {"color": SUBGRADIENT, "marker": "o", "ms": 5},
        "proximal": {"color": PENALTY_COLORS[penalty], "marker": "s", "ms": 4},
    }
    plot_contours(
        surface,
        ax,
        minimum=(ends["exact_1"], ends["exact_2"]),
        path={way: steps[steps["way"] == way] for way in looks},
    )
    ax.get_legend().remove()  # there is one for the whole figure
    for line in ax.lines:
        if look := looks.get(line.get_label()):
            line.set(**look, lw=1.2, label="_")
    minima = tables["minima"].query("penalty == @penalty")
    ax.plot(minima["w_1"], minima["w_2"], color="black", lw=1.5, zorder=4)
    ax.set(ylim=(-0.6, 2.4))
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
