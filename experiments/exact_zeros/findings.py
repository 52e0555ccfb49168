"""What the tables of `exact_zeros` say about the claims."""

import numpy as np

from experiments.exact_zeros.roads import PROXIMAL
from experiments.outcome import decide

SUBGRADIENT = ("subgradient SGD", "subgradient Adam")


def findings(tables):
    runs = tables["roads"].set_index(["road", "dataset", "seed"]).sort_index()
    zeros = runs["zero_share"]
    descents = np.minimum(*(zeros[road] for road in SUBGRADIENT))
    none_in_l2 = zeros["L2, Adam"] == 0
    proximal = runs.loc[PROXIMAL]
    with_zeros = (proximal["right_share"].fillna(1) == 1) & (proximal["zero_share"] > 0)
    yield decide(
        "C1",
        (descents > 0) & none_in_l2,
        with_zeros & none_in_l2,
        "Keras's l1 ends in exact zeros under SGD and under Adam, on diabetes and on digits, and "
        "L2 in none; qualified if it does so under proximal Adam, where on diabetes the zeros "
        "have to be those of scikit-learn's solution",
        {"zero weights, the fewer of subgradient SGD and Adam (share)": descents}
        | {"zero weights, subgradient SGD (share)": zeros["subgradient SGD"]}
        | {"zero weights, subgradient Adam (share)": zeros["subgradient Adam"]}
        | {"zero weights, proximal Adam (share)": zeros[PROXIMAL]}
        | {"zero weights, L2 (share)": zeros["L2, Adam"]},
        f"L1 under SGD or Adam leaves {descents.max():.0%} of the weights at zero, L2 "
        f"{zeros['L2, Adam'].max():.0%}; the same L1 under proximal Adam "
        f"{zeros[PROXIMAL, 'diabetes'].median():.0%} on diabetes, those of the exact solution, "
        f"and {zeros[PROXIMAL, 'digits'].median():.0%} in the network for the digits.",
    )
    last = runs[["swing", "share_at_zero"]].xs("diabetes", level="dataset").dropna()
    sgd, proximal_sgd = last.loc["subgradient SGD"], last.loc["proximal SGD"]
    yield decide(
        "C4",
        sgd["share_at_zero"] == 1,
        sgd["swing"] <= 3,
        "the weights of diabetes that are zero in the exact solution are exactly zero in all of "
        "the last steps of SGD with Keras's l1; qualified if they stay within 3·rate·λ of zero",
        {"share of the last steps at zero, subgradient SGD": sgd["share_at_zero"]}
        | {"largest distance from zero, subgradient SGD (rate·λ)": sgd["swing"]}
        | {"share of the last steps at zero, proximal SGD": proximal_sgd["share_at_zero"]},
        "Subgradient descent does not stay at zero: its null weights rattle up to "
        f"{sgd['swing'].median():.1f}·rate·λ away, where the proximal step keeps them at exactly "
        f"zero in {proximal_sgd['share_at_zero'].min():.0%} of the last steps.",
    )
