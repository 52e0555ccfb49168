"""The figure of `noise_columns` on what harms and when, drawn from its tables."""

from matplotlib.figure import Figure

from experiments.noise_columns.covering import WHOLE
from experiments.noise_columns.figures import color_of, draw_band
from kerasreg.plots import LINE_COLORS, style

OTHERS = (*LINE_COLORS[4:], LINE_COLORS[3])  # not those of L1 and L2, which the first panel has


@style()
def draw_limits(tables):
    """One column of noise, weak factors, new targets at known inputs, and covered ranges."""
    figure = Figure(figsize=(8.8, 6.6), layout="constrained")
    (one, weak), (same, cover) = figure.subplots(2, 2)
    draw_one_more(one, tables["one_more"])
    draw_factors(weak, tables["weak_factors"])
    draw_same_inputs(same, tables)
    draw_covering(cover, tables["covering"])
    return figure


def draw_one_more(ax, runs):
    runs = runs[runs["problem"] == "diabetes"]
    for place, method in enumerate(("none", "l2", "l1")):
        chosen, color = runs[runs["method"] == method], color_of(method)
        for shift, gain, face in ((-0.15, "train_gain", "white"), (0.15, "held_out_gain", color)):
            gains = 1000 * chosen[gain]
            at = [place + shift] * len(gains)
            ax.plot(at, gains, "o", color=color, mfc=face, alpha=0.6)
            ax.plot(place + shift, gains.median(), "_", color="black", ms=22, mew=2.5)
    ax.set_xticks(range(3), ["least squares", "L2, λ = 0.1", "L1, λ = 0.1"])
    ax.axhline(0, color="0.3", lw=1)
    ax.set(xlim=(-0.6, 2.6), ylabel="mean change of R², in 1/1000")
    ax.set_title("A noise column (diabetes): ○ train, ● held out")


def draw_factors(ax, factors):
    for color, (problem, some) in zip(OTHERS, factors.groupby("problem"), strict=False):
        if problem == "diabetes":
            low, middle, high = some["held_out_gain"].quantile([0.25, 0.5, 0.75])
            bar = {"yerr": [[middle - low], [high - middle]], "capsize": 4, "zorder": 4}
            ax.errorbar(some["size"].iloc[0], middle, fmt="D", color=color, label=problem, **bar)
        else:
            draw_band(ax, some, "size", "held_out_gain", color, problem, marker="o", ms=4)
    ax.axhline(0, color="0.3", lw=1)
    ax.axvline(1, ymax=0.6, color="0.3", lw=1)
    ax.set(xlabel="weak weights, in standard errors σ/√N")
    ax.set(ylabel="held-out R² gained", title="Six weak factors beside four strong ones")
    ax.legend(loc="upper left")


def draw_same_inputs(ax, tables):
    lines = tables["same_inputs"].query("problem == 'strong signal'")
    free = tables["fits"].query("problem == 'strong signal' and method == 'none'")
    parts = {"training rows": (lines, "train_r2", OTHERS[0])}
    parts["same rows,\nnew targets"] = (lines, "same_inputs_r2", OTHERS[1])
    parts["new rows"] = (free, "held_out_r2", OTHERS[2])
    for name, (table, score, color) in parts.items():
        draw_band(ax, table, "n_columns", score, color, name, marker="o", ms=4)
    ax.axvline(100, color="0.3", lw=1)
    ax.set(xscale="log", ylim=(-0.6, 1.05), xlabel="columns, for 100 rows", ylabel="R²")
    ticks = [10, 20, 50, 100, 200, 400]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.set_title("Least squares, strong signal")
    ax.legend(loc="lower left", fontsize="small")


def draw_covering(ax, runs):
    runs = runs[runs["inputs"] == WHOLE]
    runs = runs.assign(loss=runs["train_r2"] - runs["held_out_r2"])
    drawn = runs[runs["data"] == "drawn"]
    shares = {"one cosine a row": 1, "one for two rows": 0.5, "one for ten rows": 0.1}
    chosen = {n: drawn[drawn["n_columns"] == s * drawn["n_rows"]] for n, s in shares.items()}
    chosen["ten cosines"] = drawn[drawn["n_columns"] == 10]
    for color, (name, some) in zip(OTHERS, chosen.items(), strict=False):
        draw_band(ax, some, "n_rows", "loss", color, name, marker="o")
    ax.axhline(0, color="0.3", lw=1)
    ax.set(xscale="log", xlabel="rows that cover the whole range", ylabel="R² lost, held out")
    sizes = sorted(drawn["n_rows"].unique())
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.minorticks_off()
    ax.set(title="One feature, covered everywhere", ylim=(-0.05, 1.15))
    ax.legend(loc="upper right", ncols=2, fontsize="small")
