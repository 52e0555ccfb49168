"""The figures of `weight_decay`, drawn from its tables."""

from itertools import product

from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from experiments.weight_decay.measures import ERROR, NEAR, POWER
from kerasreg import plots

# Weight decay is no penalty: it has a colour of its own.
COLORS = {"l2": plots.PENALTY_COLORS["l2"], "weight decay": plots.OTHER_COLORS[0]}
COLORS["none"] = plots.PENALTY_COLORS["none"]
NAMES = {"l2": "L2(d/2) in the loss", "weight decay": "weight_decay = d"}
LINES = {"SGD": ":", "SGD, momentum": "--", "Adam": "-"}


@plots.style()
def draw_grids(tables):
    figure = Figure(figsize=(12, 8.6), layout="constrained")
    cells, summary = tables["cells"], tables["summary"].set_index(["optimizer", "penalty"])
    widths = cells.groupby("optimizer", sort=False)["learning_rate"].nunique()
    grid = figure.subplots(2, len(widths), sharey=True, width_ratios=widths, squeeze=False)
    for (i, penalty), (j, optimizer) in product(enumerate(NAMES), enumerate(widths.index)):
        ax, runs = grid[i, j], cells.query("optimizer == @optimizer and penalty == @penalty")
        mean = runs.pivot_table("validation_loss", "decay", "learning_rate", "mean")
        rates, decays = list(mean.columns), list(mean.index)
        image = ax.pcolormesh(mean, norm=LogNorm(0.35, 2.4), rasterized=True)
        ax.axhline(1, color="white", lw=4)
        decay, rate = mean.stack().idxmin()
        look = {"mec": "black", "mew": 0.8, "ls": ""}
        star = {"marker": "*", "color": plots.PENALTY_COLORS["l1"], "ms": 23, **look}
        ax.plot(rates.index(rate) + 0.5, decays.index(decay) + 0.5, **star)
        best = runs.loc[runs.groupby(["learning_rate", "seed"])["validation_loss"].idxmin()]
        for (rate, decay), n in best.groupby(["learning_rate", "decay"]).size().items():
            dot = {"marker": "o", "color": "white", "ms": 2.5 + 7 * n / len(set(runs["seed"]))}
            ax.plot(rates.index(rate) + 0.5, decays.index(decay) + 0.5, **dot, **look)
        numbers = summary.loc[(optimizer, penalty)].set_index("quantity")
        title = f"test error {_spread(numbers.loc[ERROR])} %"
        if POWER in numbers.index:
            title += f"\nbest d ∝ rateᵖ, p = {_spread(numbers.loc[POWER])}"
        ax.set_title(title, fontsize="small")
        ax.set_xticks([k + 0.5 for k in range(len(rates))], [f"{rate:g}" for rate in rates])
        ax.set_yticks([k + 0.5 for k in range(len(decays))], [f"{d:g}" for d in decays])
        ax.grid(visible=False)
        ax.tick_params(length=0)
        if i == 0:
            ax.annotate(
                optimizer,
                (0.5, 1.16),
                xycoords="axes fraction",
                ha="center",
                fontsize="large",
                fontweight="bold",
            )
        else:
            ax.set_xlabel("learning rate")
        if j == 0:
            ax.set_ylabel(f"{NAMES[penalty]}\ndecay d")
    label = "validation loss, mean over seeds"
    bar = figure.colorbar(image, ax=grid, label=label, aspect=40)
    bar.set_ticks([0.4, 0.6, 1, 1.5, 2.3], labels=["0.4", "0.6", "1", "1.5", "2.3 (chance)"])
    bar.minorticks_off()
    key = "★ least mean loss     ○ least loss of a seed at this rate, larger for more seeds"
    figure.supxlabel(f"{key}     d = 0: no penalty", fontsize="medium")
    return figure


@plots.style()
def draw_effects(tables):
    figure = Figure(figsize=(14, 5), layout="constrained")
    apart, left, error = figure.subplots(1, 3)
    cells = tables["cells"]
    rates = calm_rates(cells)
    named = {optimizer: f"{optimizer}, rate {rate:g}" for optimizer, rate in rates.items()}
    for (optimizer, ratio), runs in tables["differences"].groupby(["optimizer", "ratio"]):
        at_rate = runs[(runs["learning_rate"] == rates[optimizer]) & (runs["decay"] > 0)]
        label = f"{named[optimizer]}, weight_decay = " + ("d" if ratio == 1 else f"{ratio}·d")
        color = plots.OTHER_COLORS[2] if ratio == 1 else plots.OTHER_COLORS[4]
        _band(apart, at_rate, "relative_difference", color, LINES[optimizer], label)
    apart.set(yscale="log", ylabel="largest weight difference / largest weight")
    apart.set_title("L2(d/2) against decay: same weights?")
    for (optimizer, penalty), runs in cells.groupby(["optimizer", "penalty"], sort=False):
        at_rate = runs[(runs["learning_rate"] == rates[optimizer]) & (runs["decay"] > 0)]
        if optimizer != "SGD":
            look = COLORS[penalty], LINES[optimizer], f"{named[optimizer]}, {penalty}"
            _band(left, at_rate, "blank_pixel_weights_left", *look)
    left.set(ylabel="mean |weight| at the end / at the start", ylim=(-0.03, 1.03))
    left.set_title("blank pixels' weights: no data, penalty only")
    for ax in (apart, left):
        ax.set(xscale="log", xlabel="decay d")
    ticks = []
    for at, (_, runs) in enumerate(cells.groupby("optimizer", sort=False)):
        cases = {"none": runs[runs["decay"] == 0]}
        cases |= {penalty: runs[runs["penalty"] == penalty] for penalty in NAMES}
        for k, (penalty, some) in enumerate(cases.items()):
            best = some.loc[some.groupby("seed")["validation_loss"].idxmin()]
            errors, x, color = 100 * best["test_error"], 4 * at + k, COLORS[penalty]
            error.plot([x] * len(errors), errors, "o", color=color, alpha=0.5, mew=0)
            name = penalty if at == 0 else None
            error.plot(x, errors.median(), "_", color=color, ms=20, mew=3, label=name)
        ticks.append(4 * at + 1)
    error.set_xticks(ticks, [name.replace(", ", ",\n") for name in rates])
    error.set(ylabel="test error (%)", title="rate and d tuned on validation data")
    error.grid(visible=False, axis="x")
    for ax in (apart, left, error):
        ax.legend(
            fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.14), handlelength=3.5
        )
    return figure


def calm_rates(cells):
    """By optimizer, the least learning rate with a mean loss within 10 % of the least."""
    keys = ["optimizer", "learning_rate", "penalty", "decay"]
    mean = cells.groupby(keys, sort=False)["validation_loss"].mean()
    mean = mean.groupby(keys[:2], sort=False).min()
    return {
        name: (m[name] <= NEAR * m.min()).idxmax()
        for name, m in mean.groupby("optimizer", sort=False)
    }


def _band(ax, runs, quantity, color, line, label):
    """Median over the seeds as a line, least to largest as a band."""
    spread = runs.groupby("decay")[quantity].agg(["median", "min", "max"])
    ax.plot(spread["median"], line, color=color, marker="o", ms=4, label=label)
    ax.fill_between(spread.index, spread["min"], spread["max"], color=color, alpha=0.15, lw=0)


def _spread(numbers):
    return f"{numbers['median']:z.1f} ({numbers['min']:z.1f} to {numbers['max']:z.1f})"
