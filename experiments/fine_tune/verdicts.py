"""What the tables of `fine_tune` say: one sentence a row, with the rule that decides it.

These are no claims of the texts, so they are a table of their own and not in the ledger.
"""

import numpy as np
import pandas as pd

from experiments.fine_tune.speed_verdicts import QUARTER, decided, row, whole_parameters
from experiments.fine_tune.weights_verdicts import POINT, bytes_of_zeros, fewer_weights
from experiments.outcome import OFTEN, Spread

KEYS = ["network", "strength", "seed"]


def verdicts(tables):
    """A row a sentence about sizes and accuracy: what was asked, verdict, rule, numbers."""
    stages = tables["stages"].set_index(["method", *KEYS, "stage"])
    accuracy = 100 * stages["accuracy"].unstack("stage")
    sizes = tables["sizes"]
    score = (100 * sizes.set_index(["method", *KEYS])["accuracy"]).rename("accuracy")
    rows = [_same(stages["changed"].unstack("stage")["shrunk"], accuracy)]
    rows.append(_quarter(sizes))
    others = ("pruned units", "small from the start")
    rows += [_against(score.loc["group lasso"] - score.loc[other], other) for other in others]
    rows.append(_refit((accuracy["refit"] - accuracy["fine-tuned"]).loc["group lasso"]))
    rows += [fewer_weights(sizes), bytes_of_zeros(sizes)]
    return pd.DataFrame(rows)


def _same(changed, accuracy):
    same = (changed == 0) & (accuracy["refit"] == accuracy["shrunk"])
    return row(
        "shrink leaves the predictions as they are",
        "confirmed" if same.all() else "qualified" if (changed <= 1).all() else "refuted",
        "Confirmed if in every run each test image has the class that it had, and the accuracy is "
        "the same; qualified if at most one image of a run has not.",
        Spread.of("test images of another class", changed),
    )


def _quarter(sizes):
    whole = sizes[sizes["method"] == "whole"].set_index(["network", "seed"])["accuracy"]
    groups = sizes[sizes["method"] == "group lasso"].assign(share=sizes["parameters"])
    groups["share"] = groups["share"] / whole_parameters(sizes).loc[groups.index]
    small = groups[groups["share"] <= QUARTER].sort_values("strength")
    small = small.groupby(["network", "seed"]).first()["accuracy"]
    small = small if len(small) else groups.groupby(["network", "seed"])["accuracy"].last()
    loss = 100 * (whole.loc[small.index] - small)
    return row(
        "At a quarter of the parameters the loss of accuracy is below 1 point",
        decided(loss < POINT, np.repeat(loss.median() < POINT, len(loss))),
        "Of each network and seed, the weakest group lasso that leaves at most a quarter, if any. "
        f"Confirmed if in {OFTEN:.0%} of these its test accuracy is less than {POINT:g} point "
        "below that of the whole network; qualified if the median is.",
        Spread.of("loss of accuracy (points)", loss),
    )


def _against(difference, other):
    by_seed = difference.groupby("seed").mean()
    return row(
        f"Group lasso is at least as accurate as {other}, of the same size",
        decided(by_seed >= 0, by_seed > -POINT),
        "The difference of the test accuracy, mean over networks and strengths, by seed. Confirmed "
        f"if it is not negative in {OFTEN:.0%} of the seeds; qualified if in as many it is above "
        f"-{POINT:g} point.",
        Spread.of(f"accuracy, group lasso − {other} (points)", by_seed),
    )


def _refit(gain):
    return row(
        "The refit gives back accuracy that the penalty took",
        decided((gain >= 0) & (gain.median() > 0), np.repeat(gain.median() > 0, len(gain))),
        f"Confirmed if in {OFTEN:.0%} of the runs the test accuracy after the refit is not below "
        "that before it, and the median gain is positive; qualified if the median gain is.",
        Spread.of("accuracy gained by the refit (points)", gain),
    )
