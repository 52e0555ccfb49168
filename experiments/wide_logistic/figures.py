"""The figures of `wide_logistic`, drawn from its tables."""

from matplotlib.figure import Figure

from kerasreg.plots import OTHER_COLORS, PENALTY_COLORS, style

COLORS = (PENALTY_COLORS["l2"], PENALTY_COLORS["l1"])


def draw_costs(tables):
    with style():
        figure = Figure(figsize=(13, 4.4), layout="constrained")
        *panels, rattling = figure.subplots(1, 3)
        shapes = tables["costs"].groupby("n_features")
        for panel, (d, shape) in zip(panels, shapes, strict=True):
            for color, (strength, runs) in zip(COLORS, shape.groupby("strength"), strict=True):
                by_step = runs.groupby("step")
                for cost, look in (
                    ("followed", {"lw": 5, "alpha": 0.4}),
                    ("printed", {"ls": "--"}),
                ):
                    curve = by_step[cost].median()
                    panel.plot(curve, color=color, label=f"λ = {strength:g}, {cost}", **look)
                    spread = by_step[cost].min(), by_step[cost].max()
                    panel.fill_between(curve.index, *spread, color=color, alpha=0.1, lw=0)
                same = tables["descents"].query("n_features == @d and strength == @strength")
                least = f"λ = {strength:g}, least possible"
                panel.axhline(same["minimum"].median(), color=color, ls=":", label=least)
            panel.set(xscale="log", yscale="log", xlabel="step", title=f"50 rows, {d} columns")
            panel.set(ylim=(0.06, 4.5))
            panel.set_yticks([0.1, 0.2, 0.5, 1, 2], ["0.1", "0.2", "0.5", "1", "2"])
            panel.minorticks_off()
        panels[0].set_ylabel("cost (followed: per sample)")
        panels[1].legend(fontsize="small", loc="upper right")
        rattling.axhspan(-2, 2, color="0.92")
        rattling.set_prop_cycle(color=OTHER_COLORS[:3])
        for j, weight in tables["rattling"].groupby("feature"):
            rattling.plot(weight["step"], weight["value_in_steps"], ".-", lw=1, label=f"column {j}")
        rattling.set(title="weights that should be 0", ylim=(-2.4, 3.6), xlabel="step")
        rattling.set_ylabel("weight, in units of rate·λ (λ = 10)")
        rattling.legend(ncols=3, fontsize="small", columnspacing=1, loc="upper center")
    return figure


def draw_weights(weights, fits):
    bars = {"no\npenalty": ("none", 0, "descent"), "L2\nλ = 2": ("l2", 2, "exact")}
    bars |= {"L1\nλ = 2": ("l1", 2, "exact"), "L1\nλ = 10": ("l1", 10, "exact")}
    with style():
        figure = Figure(figsize=(13, 8), layout="constrained")
        axes = figure.subplots(2, 3, width_ratios=(2, 2, 1.4))
        for row, (d, shape) in zip(axes, weights.groupby("n_features"), strict=True):
            for panel, (strength, run) in zip(row, shape.groupby("strength"), strict=False):
                by = run.pivot(index="feature", columns="method", values="value")
                true = run.groupby("feature")["true"].first()
                panel.plot(true, "_", color="0.6", ms=14, mew=3, label="true")
                panel.plot(by["descent"], ".", color=PENALTY_COLORS["l1"], label="L1 as taught")
                nonzero = by["exact"][by["exact"] != 0]
                panel.plot(nonzero, "o", color="black", mfc="none", label="L1 exact, where not 0")
                panel.set(title=f"50 rows, {d} columns, λ = {strength:g}", xlabel="column")
                panel.set_ylim(-0.6, 1.3)
            by = dict(tuple(fits.groupby(["n_features", "penalty", "strength", "method"])))
            for i, (penalty, *key) in enumerate(bars.values()):
                same = by[d, penalty, *key]
                color, middle = PENALTY_COLORS[penalty], same["train_accuracy"].median()
                row[2].plot([i] * len(same), same["held_out_accuracy"], "o", color=color, alpha=0.3)
                row[2].plot(i, middle, "_", color=color, ms=24, mew=3)
            row[2].set(xticks=range(4), xticklabels=bars, xlim=(-0.6, 3.6), ylim=(0.58, 1.02))
            row[0].set_ylabel("weight")
            row[2].set(title="accuracy: – train, ● held out")
        axes[0, 0].legend()
    return figure
