"""What the tables of `coefficient_path` say about the claims."""

import numpy as np

from experiments.coefficient_path.selection import linear_selection, network_selection
from experiments.outcome import decide

# A weight is right to 1e-7, see `differences`; what moves less than this has not moved.
STILL = 1e-5


def findings(tables):
    resamples = tables["resamples"].set_index("penalty")
    l1, l2 = (resamples.loc[name].sort_values(["resample", "strength"]) for name in ("l1", "l2"))
    yield linear_selection(l1, l2, tables)
    yield network_selection(tables["networks"])
    yield l1_shrinks(l1)
    yield l2_shrinks(l2)


def l1_shrinks(l1):
    runs = l1.groupby("resample")
    decade = int((l1["strength"].unique() < l1["strength"].min() * 10 * (1 - 1e-9)).sum())
    more = runs["n_nonzero"].diff().groupby(l1["resample"]).max()
    later = runs["n_nonzero"].diff(decade).groupby(l1["resample"]).max()
    norm = runs["l1_norm"].diff().groupby(l1["resample"]).max()
    growth = runs["largest_growth"].max()
    first, last = runs["n_nonzero"].first(), runs["n_nonzero"].last()
    return decide(
        "C20",
        (growth <= STILL) & (more <= 0),
        (norm <= STILL) & (last == 0) & (first > 0),
        "(L1, resamples of diabetes) from one strength to the next no weight grows in modulus by "
        f"more than {STILL:g} and the number of zeros never falls; qualified if ‖w‖₁ never grows "
        "and, from some weights at the smallest strength, none is left at the largest",
        {"largest growth of a weight from one strength to the next": growth}
        | {"largest growth of ‖w‖₁": norm, "most weights that come back at a step": more}
        | {"most weights more than at a tenth of the strength": later},
        "As λ grows L1 shrinks ‖w‖₁, always, and in the end all weights are zero; but single "
        f"weights grow on the way in {np.mean(growth > STILL):.0%} of the resamples, and come back "
        f"from zero in {np.mean(more > 0):.0%}: even a tenfold strength may have a zero less, in "
        f"{np.mean(later > 0):.0%}.",
    )


def l2_shrinks(l2):
    runs = l2.groupby("resample")
    last, before = runs.nth(-1).set_index("resample"), runs.nth(-2).set_index("resample")
    slope = np.log(last["l2_norm"] / before["l2_norm"]) / np.log(
        last["strength"] / before["strength"]
    )
    norm = runs["l2_norm"].diff().groupby(l2["resample"]).max()
    growth, least = runs["largest_growth"].max(), runs["n_nonzero"].min()
    return decide(
        "C20",
        (growth <= STILL) & (slope > -0.05) & (least == 10),
        (norm <= STILL) & (least == 10),
        "(L2, resamples of diabetes) no weight grows in modulus, none is zero, and they converge: "
        "at the largest strengths ‖w‖₂ ∝ λ^p with p > −0.05; qualified if ‖w‖₂ never grows and "
        "none is zero at any strength",
        {"p of ‖w‖₂ ∝ λ^p at the largest strengths": slope}
        | {"largest growth of a weight from one strength to the next": growth}
        | {"largest growth of ‖w‖₂": norm, "fewest weights that are not zero": least},
        "As λ grows L2 shrinks ‖w‖₂, though not each weight, and no weight is zero at any "
        f"strength; but they do not converge to non-zero values: in the end ‖w‖₂ ∝ "
        f"λ^{slope.median():.2f}, towards zero.",
    )
