"""What the table `sizes` of `fine_tune` says about zeros of single weights."""

import numpy as np

from experiments.fine_tune.speed_verdicts import decided, row
from experiments.outcome import OFTEN, Spread

POINT = 1.0  # of accuracy, in percent


def fewer_weights(sizes):
    whole = sizes[sizes["method"] == "whole"].set_index(["network", "seed"])
    reached = whole["accuracy"].rename("accuracy_whole")
    runs = sizes.join(reached, on=["network", "seed"])
    runs = runs[runs["network"].isin(runs.loc[runs["method"] == "l1", "network"])]
    good = runs[100 * (runs["accuracy_whole"] - runs["accuracy"]) <= POINT]
    least = good.groupby(["method", "network", "seed"])["non_zero"].min()
    # A method that loses more at every strength has to keep the whole network.
    everything = whole["parameters"].loc[least.loc["whole"].index]
    l1, groups = (
        (least.loc[name] if name in least.index else everything[:0]).reindex(everything.index)
        for name in ("l1", "group lasso")
    )
    ratio = l1.fillna(everything) / groups.fillna(everything)
    return row(
        "L1 needs fewer weights than group lasso",
        decided(ratio < 1, np.repeat(ratio.median() < 1, len(ratio))),
        "The least number of parameters that are not zero, over the strengths whose test accuracy "
        f"is at most {POINT:g} point below that of the whole network (all of them if there is "
        f"none). Confirmed if it is lower under L1 in {OFTEN:.0%} of the seeds; qualified if the "
        "median is.",
        Spread.of("parameters not zero, L1 / group lasso", ratio),
    )


def bytes_of_zeros(sizes):
    whole = sizes[sizes["method"] == "whole"].groupby("network")["file_bytes"].first()
    pruned = sizes[sizes["method"] == "pruned weights"]
    kept = pruned["file_bytes"] / pruned["network"].map(whole)
    return row(
        "Zeros of single weights save no bytes of the file",
        decided(kept >= 0.99, kept >= 0.9),
        "Confirmed if the file of a network with pruned weights has at least 99 % of the bytes of "
        f"the whole one in {OFTEN:.0%} of the runs; qualified if 90 %.",
        Spread.of("bytes of the file, pruned weights / whole", kept),
    )
