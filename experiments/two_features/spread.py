"""What the tables of `two_features` say of how even the weights are."""

import numpy as np
import pandas as pd

from experiments.outcome import decide


def spread_finding(spreads):
    runs = spreads.set_index(["penalty", "correlation", "seed"])
    free, l1, l2 = (runs.loc[penalty] for penalty in ("none", "l1", "l2"))
    size = free[["w_1", "w_2"]].abs().to_numpy()
    lost = size - l2[["w_1", "w_2"]].abs().to_numpy()
    large = np.arange(len(size)), size.argmax(axis=1)
    taxed = pd.Series(lost[large] > lost[large[0], 1 - large[1]], free.index)
    even = l2["effective_number"] >= 1.9
    few = (l1[["w_1", "w_2"]] == 0).any(axis=1)
    met = even & few & taxed
    close = met.index.get_level_values("correlation") >= 0.9
    number, apart = l2["effective_number"], ~close
    shown = {
        name: (frame["effective_number"][close].median(), frame["effective_number"][apart].median())
        for name, frame in {"none": free, "l1": l1, "l2": l2}.items()
    }
    return decide(
        "C36",
        met,
        met[close],
        "(a run is a draw at one of the correlations of the features, each penalty at the strength "
        "that costs the same mean squared error) the effective number (Σ|w|)²/Σw² of weights under "
        "L2 is at least 1.9 of 2, L2 takes more from the larger weight of least squares than from "
        "the smaller, and L1 sets one to zero; qualified if so at correlations from 0.9 on",
        {"effective number of two weights under L2": number}
        | {
            "effective number of weights under L1, correlation >= 0.9": l1["effective_number"][
                close
            ]
        }
        | {"effective number of weights under L2, correlation >= 0.9": number[close]}
        | {"effective number of weights under L2, correlation < 0.9": number[apart]}
        | {"effective number of weights without penalty": free["effective_number"]}
        | {"effective number of weights under L1": l1["effective_number"]}
        | {"share of draws, L2 takes more from the larger weight": share_of(taxed)}
        | {"share of draws, L1 sets a weight to zero": share_of(few)},
        f"At equal loss L2 takes more from the larger weight in {taxed.mean():.0%} of the runs and "
        f"L1 keeps one weight of two in {few.mean():.0%} (from a correlation of 0.9 on in "
        f"{few[close].mean():.0%}); L2 spreads weight evenly only over "
        f"correlated features: from 0.9 on it has effectively {shown['l2'][0]:.2f} weights of two "
        f"(least squares {shown['none'][0]:.2f}, L1 {shown['l1'][0]:.2f}), below that "
        f"{shown['l2'][1]:.2f} (least squares {shown['none'][1]:.2f}).",
    )


def share_of(met):
    """The share of the draws that meet something, by the correlation of the features."""
    return met.groupby("correlation").mean()
