"""What the tables of `two_gaussians` say about the computer."""

import numpy as np

from experiments.number_format import middle
from experiments.outcome import decide
from experiments.two_gaussians.penalty_findings import norms
from experiments.two_gaussians.precision import CHOSEN, FORMULA, LOGITS


def precision_finding(tables):
    failures, runs = tables["failures"], tables["runs"]
    taught = runs.query("data == 'clouds' and rate_for == 'sum'")
    reached = norms(taught[taught["step"] == taught["step"].max()]).droplevel("data")
    at = failures.set_index(["rows", "dtype", "form", "seed"])["norm_at_failure"]
    at = at.fillna(np.inf).sort_index()
    formula = at["training", "float32", FORMULA]
    stable = at.xs(LOGITS, level="form").groupby("seed").min()
    largest = failures.loc[failures["form"] == LOGITS, "largest_norm_that_works"].min()
    weights = ~np.isfinite(taught.groupby("seed")["norm"].max())

    def finite(values):
        return values.replace(np.inf, np.nan)

    return decide(
        "C33",
        weights | (stable <= reached["none"]),
        formula <= reached["none"],
        "(a seed) in the run without a penalty a weight becomes infinite or NaN, or the "
        "cross-entropy does so that Keras computes from logits; qualified if that of the formula "
        "−y·log p − (1 − y)·log(1 − p) does so in float32 at the weights that the run reaches",
        {"norm at which the formula fails, float32": finite(formula)}
        | {"norm at which the formula fails, float64": finite(at["training", "float64", FORMULA])}
        | {
            f"norm at which the {CHOSEN} fails on fresh rows, {dtype}": finite(
                at["fresh", dtype, CHOSEN]
            )
            for dtype in ("float32", "float64")
            if np.isfinite(at["fresh", dtype, CHOSEN]).any()
        }
        | {"largest norm tried from logits, without failure": largest}
        | {f"norm after the run, {name}": reached[name] for name in ("none", "l2")},
        f"The run without a penalty reaches a norm of {middle(reached['none'])} and its weights "
        "never fail; the cross-entropy's formula turns to NaN (0·log 0) from a norm of "
        f"{middle(finite(formula))} in float32 and "
        f"{middle(finite(at['training', 'float64', FORMULA]))} in float64, where (0, 4, 4) has "
        f"{32**0.5:.2f} and the penalized run {middle(reached['l2'])}, and Keras's from logits is "
        f"finite up to {largest:.0e}: the form fails, not the size of the weights.",
    )
