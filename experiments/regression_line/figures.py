"""The figure of `regression_line`, drawn from its tables."""

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from experiments.regression_line.fits import FREE, TAUGHT, TRUTH
from kerasreg.plots import PENALTY_COLORS, style

NAMES = {"l1": "L1", "l2": "L2"}
KERAS = {"SGD": "o", "proximal SGD": "+"}  # on the note's data
GRID = np.linspace(0, 2, 100)


@style()
def draw(tables):
    figure = Figure(figsize=(8.3, 6), layout="constrained")
    axes = figure.subplots(2, 2)
    lines = tables["lines"]
    of_note = lines[lines["data"] == "note"]
    for ax in axes.flat[:3]:
        ax.grid(visible=False)
        ax.plot(tables["points"]["x"], tables["points"]["y"], ".", color="0.75", ms=3.5)
        ax.set(xlabel="x", ylabel="y", xlim=(0, 2.55), xticks=(0, 0.5, 1, 1.5, 2), ylim=(0, 12.5))
    draw_note(axes[0, 0], of_note)
    for ax, method, title in (
        (axes[0, 1], FREE, "L2, bias free: the line turns"),
        (axes[1, 0], TAUGHT, "L2 as taught: the line sinks"),
    ):
        ax.set_title(title)
        fan = of_note[(of_note["method"] == method) & (of_note["penalty"] == "l2")]
        draw_fan(ax, of_note[of_note["penalty"] == "none"], fan.sort_values("strength"))
    draw_slopes(axes[1, 1], lines, tables["keras"])
    return figure


def draw_note(ax, lines):
    """The note's picture, λ = 0.1: its two lines, and those with a free bias."""
    lines = lines.set_index(["penalty", "strength", "method"]).sort_index()
    for penalty, name in NAMES.items():
        for method, look in ((FREE, "-"), (TAUGHT, "--")):
            line = lines.loc[penalty, 0.1, method]
            label = f"{name}, {'bias free' if method == FREE else 'as taught'}"
            values = line["bias"] + line["slope"] * GRID
            ax.plot(GRID, values, look, color=PENALTY_COLORS[penalty], label=label)
    ax.plot(GRID, TRUTH[0] + TRUTH[1] * GRID, ":", color="black", label="truth, 4 + 3·x")
    ax.set_title("the note's λ = 0.1")
    ax.legend(loc="lower right", fontsize="small")


def draw_fan(ax, straight, fan):
    """Lines for several strengths, each with its λ at its end."""
    shades = [PENALTY_COLORS["none"], *colormaps["viridis"](np.linspace(0.1, 0.85, len(fan)))]
    rows = [*straight.itertuples(), *fan.itertuples()]
    ends = [row.bias + row.slope * 2 for row in rows]
    places = spread(ends, 0.8)
    for row, color, end, place in zip(rows, shades, ends, places, strict=True):
        ax.plot(GRID, row.bias + row.slope * GRID, color=color)
        label = f"λ = {row.strength:g}"
        ax.annotate(label, (2, end), (2.06, place), color=color, va="center", size="small")


def spread(heights, gap):
    """The heights moved down where they are less than `gap` below the one before."""
    found = [heights[0] + gap / 3]
    for height in heights[1:]:
        found.append(min(height, found[-1] - gap))
    return found


def draw_slopes(ax, lines, keras):
    for (penalty, method), runs in lines.groupby(["penalty", "method"]):
        if penalty == "none" or method not in (FREE, TAUGHT):
            continue
        by = runs.groupby("strength")["slope"]
        color, look = PENALTY_COLORS[penalty], "-" if method == FREE else "--"
        low, high = by.min(), by.max()
        ax.fill_between(low.index, low, high, color=color, alpha=0.12, lw=0)
        label = f"{NAMES[penalty]}, {'bias free' if method == FREE else 'as taught'}"
        ax.plot(by.median(), look, color=color, label=label)
        of_keras = keras[(keras["penalty"] == penalty) & (method == FREE)]
        for solver, look in KERAS.items():
            same = of_keras[of_keras["solver"] == solver]
            ax.plot(same["strength"], same["slope"], look, color=color, ms=7, mfc="white")
    for solver, look in KERAS.items():
        ax.plot([], [], look, color="black", ms=7, mfc="white", label=f"Keras, {solver}")
    ax.axhline(0, color="0.3", lw=0.8)
    ax.set(xscale="log", xlabel="λ of the mean loss", ylabel="slope")
    ax.set_title("slopes: median and range of all draws")
    ax.legend(loc="lower left", fontsize="small", labelspacing=0.15, handlelength=1.6)
