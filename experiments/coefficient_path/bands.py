"""The figures of `coefficient_path` with many runs: medians, and bands of all of them."""

from matplotlib.figure import Figure

from experiments.coefficient_path.figures import NAMES as PATHS
from kerasreg import plots

NAMES = PATHS | {"group_lasso": "group lasso, a group a unit"}


@plots.style()
def draw_shrinking(tables):
    figure = Figure(figsize=(15, 5), layout="constrained")
    axes = figure.subplots(1, 3)
    for penalty, runs in tables["resamples"].groupby("penalty"):
        for ax, what in zip(axes, ("n_nonzero", "l1_norm"), strict=False):
            _band(ax, runs, what, penalty)
    l2 = tables["resamples"].query("penalty == 'l2'").groupby("strength")["l1_norm"].median()
    tail = l2[l2.index > 3]
    axes[1].plot(tail.index, 1.6 * tail.iloc[-1] * tail.index[-1] / tail.index, "k:", label="∝ 1/λ")
    axes[0].set(ylabel="weights that are not zero", ylim=(-0.3, 10.6))
    axes[1].set(ylabel="‖w‖₁", yscale="log", ylim=(1e-3, 6))
    for ax in axes[:2]:
        ax.set(xscale="log", xlabel="strength λ")
        ax.legend(loc="lower left")
    n = tables["entries"]["resample"].nunique()
    axes[0].set_title(f"Weights left (line: median of {n} resamples; band: all)")
    axes[1].set_title("L1 takes all to zero, L2 only towards it")
    for penalty, course in tables["convergence"].groupby("penalty", sort=False):
        excess = course[course["largest_excess"] > 0]
        look = {"color": plots.PENALTY_COLORS[penalty], "label": NAMES[penalty]}
        axes[2].plot(excess["step"], excess["largest_excess"], ".-", **look)
    axes[2].set(yscale="log", xlabel="steps", ylabel="largest objective − its last value")
    axes[2].set_title("Convergence (the record is in float32)")
    axes[2].legend()
    return figure


@plots.style()
def draw_networks(runs):
    figure = Figure(figsize=(13, 9), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True)
    runs = runs.assign(
        nonzero=100 * runs["n_nonzero"] / runs["n_weights"], percent=100 * runs["accuracy"]
    )
    panels = {"nonzero": "weights that are not zero (%)", "percent": "accuracy on test digits (%)"}
    panels |= {"units": "hidden units that live", "pixels": "pixels that are looked at"}
    for ax, (what, label) in zip(axes.flat, panels.items(), strict=True):
        for penalty, some in runs.groupby("penalty", sort=False):
            _band(ax, some, what, penalty)
        ax.set(xscale="log", ylabel=label, ylim=(0, None))
    for ax in axes[1]:
        ax.set_xlabel("strength λ")
    l2 = runs[runs["penalty"] == "l2"]
    kept = (100 - 100 * l2["n_zero_with_data"] / l2["n_weights"]).groupby(l2["strength"]).median()
    label = "L2, zeros without data not counted"
    axes[0, 0].plot(kept, ":", color=plots.PENALTY_COLORS["l2"], label=label)
    axes[0, 0].legend(loc="lower left", fontsize="small")
    for ax in axes[0]:
        ax.set_ylim(top=104)  # a share, in percent
    n = runs.groupby(["split", "seed"]).ngroups
    figure.suptitle(
        f"A network for digits under three penalties, with ProximalAdam "
        f"(median of {n} splits and seeds; bands: all)"
    )
    return figure


def _band(ax, runs, quantity, penalty):
    """Median over the runs as a line, least to largest as a band."""
    spread = runs.groupby("strength")[quantity].agg(["median", "min", "max"])
    look = {"color": plots.PENALTY_COLORS[penalty]}
    ax.plot(spread["median"], label=NAMES[penalty], **look)
    ax.fill_between(spread.index, spread["min"], spread["max"], alpha=0.2, lw=0, **look)
