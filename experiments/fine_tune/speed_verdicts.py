"""What the table `speed` of `fine_tune` says, and how a verdict is written down."""

import numpy as np
import pandas as pd

from experiments.outcome import OFTEN, Spread

QUARTER = 0.25


def speed_verdicts(tables):
    """The same about seconds, which differ from run to run."""
    speed = tables["speed"]
    single = speed[speed["method"].isin(["l1", "pruned weights"])]["ratio"]
    shares = [float(np.mean((single - 1).abs() <= limit)) for limit in (0.1, 0.2)]
    rows = [
        row(
            "Zeros of single weights save no time",
            "confirmed" if shares[0] == 1 else "qualified" if shares[1] == 1 else "refuted",
            "Confirmed if networks of the whole shape with zeros take 0.9 to 1.1 times the "
            "seconds of the whole network at every strength and batch; qualified if 0.8 to 1.2.",
            Spread.of("seconds with zeros / without", single),
        )
    ]
    groups = speed[speed["method"] == "group lasso"].copy()
    groups["share"] = groups["parameters"] / whole_parameters(speed)
    small = groups[groups["share"] <= QUARTER]
    small = small if len(small) else groups[groups["share"] == groups["share"].min()]
    fast = small["ratio"] <= 0.5
    large = fast[small["batch"] == speed["batch"].max()]
    verdict = "confirmed" if fast.all() else "qualified" if large.any() else "refuted"
    rows.append(
        row(
            "A quarter of the parameters takes at most half the time",
            verdict,
            "Confirmed if shrunk networks with at most a quarter of the parameters take at most "
            "half the seconds at every batch; qualified if one does at the largest batch.",
            Spread.of("seconds shrunk / whole", small["ratio"]),
        )
    )
    return pd.DataFrame(rows)


def row(finding, verdict, rule, spread):
    return {"finding": finding, "verdict": verdict, "rule": rule, "number": spread.name} | {
        name: getattr(spread, name) for name in ("median", "least", "largest", "n_runs")
    }


def whole_parameters(table):
    whole = table[table["method"] == "whole"]
    first = whole.drop_duplicates("network").set_index("network")["parameters"]
    return table["network"].map(first)


def decided(literal, saved):
    shares = np.mean(literal), np.mean(saved)
    return "confirmed" if shares[0] >= OFTEN else "qualified" if shares[1] >= OFTEN else "refuted"
