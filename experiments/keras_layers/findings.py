"""The verdict of `keras_layers`, computed from its tables."""

from itertools import product

import numpy as np
import pandas as pd

from experiments.outcome import Finding, Spread

KEYS, WEIGHT, OUTPUT = ["dataset", "place", "penalty", "seed"], "hidden/kernel", "hidden/output"
IDLE = "hidden/kernel of blank pixels"  # weights that have no gradient of the data loss
RULE = """Refuted unless a kernel penalty is the same number on two halves of the test data and an \
activity penalty is not (every run), and mean |weight| is lower under a kernel penalty, mean \
|output| under an activity penalty, than without (>= 95 % of the runs, same seed); then qualified \
if a kernel penalty moves mean |output|, or an activity penalty mean |weight|, by > 10 % (median \
over seeds, any data set and penalty); else confirmed."""


def findings(tables):
    tidy = tables["layers"]
    layers = tidy.pivot(index=KEYS, columns=["quantity", "part"], values="value")
    same = layers["penalty_of_half_0", "model"] == layers["penalty_of_half_1", "model"]
    same, percent = same.groupby("place").mean(), layers["percent_of_none"]
    fell = 100 * (percent < 100).groupby("place").mean()
    fell = min(fell.loc["kernel", WEIGHT], fell.loc["activity", OUTPUT])
    median = percent[[WEIGHT, OUTPUT, IDLE]].groupby(["place", "dataset", "penalty"]).median()
    cross = pd.concat([median.loc["activity", WEIGHT], median.loc["kernel", OUTPUT]])
    cross = (cross - 100).abs().max()
    moved = (percent - 100).abs().groupby(["place", "seed"]).max()
    moved = np.maximum(moved.loc["activity", WEIGHT], moved.loc["kernel", OUTPUT])
    decisive = Spread.of("cross effect, the largest of a seed (% of none)", moved)
    numbers = {"runs with the direct effect (%)": fell, "largest cross effect (%)": cross}
    numbers["weights exactly zero, most in a run (%)"] = 100 * layers["zero_share", WEIGHT].max()
    span = {}
    for place, part in product(["kernel", "bias", "activity"], median):
        low, high = median.loc[place, part].min(), median.loc[place, part].max()
        numbers |= {f"mean |{part}|, {place} penalty, least (% of none)": low}
        numbers |= {f"mean |{part}|, {place} penalty, most (% of none)": high}
        span[place, part] = f"{low:.1f} to {high:.1f} %"
    statement = f"""A kernel penalty is a function of the weights alone and leaves \
{span["kernel", WEIGHT]} of mean |weight|, an activity penalty depends on the data and leaves \
{span["activity", OUTPUT]} of mean |output|; but the former also leaves {span["kernel", OUTPUT]} \
of mean |output|, and the latter, which acts through the weights that have data, \
{span["activity", WEIGHT]} of mean |weight|; a bias penalty leaves {span["bias", OUTPUT]} of mean \
|output|."""
    holds = same["kernel"] == 1 and same["activity"] == 0 and fell >= 95
    verdict = ("qualified" if cross > 10 else "confirmed") if holds else "refuted"
    yield Finding("C23", verdict, RULE, decisive, numbers, statement)
