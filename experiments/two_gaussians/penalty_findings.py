"""What the tables of `two_gaussians` say about the penalty and its strength."""

import numpy as np

from experiments.number_format import middle
from experiments.outcome import decide

USUAL = (0.1, 1.0)  # the lecture's range
RUN = ["data", "seed"]


def penalty_findings(tables):
    runs = tables["runs"]
    runs = runs[(runs["rate_for"] == "sum") | (runs["data"] == "tumours")]
    last = runs["data"].map(runs.groupby("data")["step"].max())
    at, before = norms(runs[runs["step"] == last]), norms(runs[10 * runs["step"] == last])
    growth = at / before - 1
    clouds = at.index.get_level_values("data") == "clouds"
    parts = {"clouds": clouds, "tumours": ~clouds}
    cases = [(name, penalty) for name in parts for penalty in ("l2", "none")]
    exact = tables["strengths"].query("strength > 0.0999 and strength < 0.1001")
    off = at["l2"] / exact.set_index(RUN)["norm"] - 1
    finite = np.isfinite(runs[runs["penalty"] == "l2"].groupby(RUN)["norm"].max())
    yield decide(
        "C42",
        finite & (growth["l2"] < 1e-3),
        finite,
        "(data and a seed) with λ = 0.1 the norm of the weights is finite throughout and grows by "
        "less than 0.1 % over the last nine tenths of the steps; qualified if it is only finite",
        {"growth of the norm with λ = 0.1 over the last nine tenths (%)": 100 * growth["l2"]}
        | {
            f"growth of the norm over the last nine tenths, {name}, {penalty} (%)": 100
            * growth[penalty][parts[name]]
            for name, penalty in cases
        }
        | {
            f"norm at the end, {name}, {penalty}": at[penalty][parts[name]]
            for name, penalty in cases
        }
        | {"norm at the end, of that at the exact minimum, less 1": off},
        f"With λ = 0.1 the weights come to rest at a norm of {middle(at['l2'][clouds])} (clouds) "
        f"and {middle(at['l2'][~clouds])} (tumours), within {100 * off.abs().max():.1g} % of that "
        f"of the exact minimum; without a penalty it is {middle(at['none'][clouds])} and "
        f"{middle(at['none'][~clouds])} at the end of the run and has grown by "
        f"{growth['none'][clouds].median():.0%} and {growth['none'][~clouds].median():.0%} over "
        "the last nine tenths of the steps.",
    )
    taught = runs[runs["data"] == "clouds"]
    n, last = tables["printed"]["step"].max(), taught["step"].max()
    first, later = (norms(taught[taught["step"] == step]) for step in (n, last))
    start = norms(taught[taught["step"] == 1])["none"]
    ratio, end = first["l2"] / first["none"], later["l2"] / later["none"]
    yield decide(
        "C43",
        ratio <= 0.5,
        end <= 0.5,
        f"(a seed) after the lecture's {n} steps with λ = 0.1 the norm of the weights is at most "
        f"half of that without a penalty; qualified if so after {last} steps",
        {f"norm with penalty / without, {n} steps": ratio}
        | {f"norm with penalty / without, {last} steps": end}
        | {f"norm without a penalty, {n} steps": first["none"]}
        | {f"norm with λ = 0.1, {n} steps": first["l2"]}
        | {f"norm with λ = 0.1, {last} steps": later["l2"]}
        | {"norm after the first step": start}
        | {"largest difference of Keras's weights from the taught": tables["keras"]["difference"]},
        f"After {n} steps the norm is {middle(first['l2'])} with λ = 0.1 and "
        f"{middle(first['none'])} without, {ratio.median():.0%} of it (from {ratio.min():.0%} to "
        f"{ratio.max():.0%}), after {last} steps {end.median():.0%}: the first step of 0.1 on the "
        f"sum overshoots to {start.min():.2g} to {start.max():.2g}, as the random start has it, "
        "and without a penalty little changes after that.",
    )
    losses = tables["strengths"].pivot(index=RUN, columns="strength", values="fresh_loss")
    best, least = losses.idxmin(axis=1), losses.min(axis=1)
    inside = [s for s in losses if USUAL[0] * 0.999 <= s <= USUAL[1] * 1.001]
    over = losses[inside].min(axis=1) / least
    within = best.isin(inside)
    yield decide(
        "C44",
        within,
        over <= 1.05,
        "(data and a seed) the λ of the least loss on fresh rows is 0.1 to 1 on the lecture's "
        "scale (gradient of the sum, − λ·w); qualified if the best λ of that range has at most "
        "1.05 times the least loss",
        {f"best λ, {name}": best[here] for name, here in parts.items()}
        | {
            f"loss of the best λ of 0.1 to 1 / least, {name}": over[here]
            for name, here in parts.items()
        }
        | {
            f"loss of λ = {inside[i]:g} / least, {name}": (losses[inside[i]] / least)[here]
            for i in (0, -1)
            for name, here in parts.items()
        },
        f"The best λ on fresh rows is {spread(best[clouds])} for the clouds and "
        f"{spread(best[~clouds])} for the tumours, between 0.1 and 1 in "
        f"{within[clouds].mean():.0%} and {within[~clouds].mean():.0%} of the seeds; the best of "
        f"that range has {middle(over[clouds])} and {middle(over[~clouds])} times the least loss.",
    )


def norms(runs):
    """The norm of the weights, a row a run and a column a penalty."""
    return runs.pivot(index=RUN, columns="penalty", values="norm")


def spread(values):
    return f"{middle(values)} ({values.min():.2g} to {values.max():.2g})"
