"""What `strength_schedule` decides, by rules that were written before the full runs.

How many strengths and regressions there are, and at which shares of zeros they are compared, was
settled after the first of them.
"""

import pandas as pd

from experiments.outcome import Spread
from experiments.strength_schedule.ends import (
    CASE,
    convex,
    lower,
    memory,
    not_convex,
    released,
    row,
)
from experiments.strength_schedule.plan import ANNEALED, LATE, WARM_UP

MARGINS = {"digits": 0.5, "regression": 2.0}  # points of accuracy; per cent of the test loss
SEEDS = 0.8  # the share of the seeds that have to gain
CONVEX = ("regression", "l1")


def verdicts(tables):
    """A row for each statement: its rule, the verdict, and the number that decides."""
    rows = [_gains(tables["equal_zeros"], schedule) for schedule in (WARM_UP, LATE, ANNEALED)]
    rows += [_support(tables["equal_zeros"]), convex(tables["minima"])]
    rows += [not_convex(tables["minima"]), lower(tables["runs"])]
    rows += [memory(tables["runs"]), released(tables["runs"])]
    return pd.DataFrame(rows)


def _gains(scores, schedule):
    runs = scores[scores["schedule"] == schedule]
    gains = runs.groupby([*CASE, "seed"], sort=False)["gain"].mean()
    by_case = {case: some for case, some in gains.groupby(CASE, sort=False) if case != CONVEX}
    won = [case for case, some in by_case.items() if _is_won(some, MARGINS[case[0]])]
    lost = [case for case, some in by_case.items() if _is_won(-some, MARGINS[case[0]])]
    names = [" under ".join(case) for case in won], [" under ".join(case) for case in lost]
    return row(
        f"At equal shares of zeros, {schedule} is better than constant",
        "A case (data and penalty, but for the convex one) is won if at least "
        f"{SEEDS:.0%} of the seeds gain, their mean over the shares of zeros, and the median is at "
        f"least {MARGINS['digits']:g} points of accuracy, or {MARGINS['regression']:g} % of the "
        "test loss; lost if that much is lost. Confirmed if all are won, qualified if one is, "
        "refuted otherwise.",
        (len(won) == len(by_case), bool(won)),
        Spread.of("gain (points of accuracy or % of the test loss)", pd.concat(by_case)),
        f"won: {', '.join(names[0]) or 'none'}; lost: {', '.join(names[1]) or 'none'}",
    )


def _is_won(gains, margin):
    return bool((gains > 0).mean() >= SEEDS and gains.median() >= margin)


def _support(scores):
    runs = scores[scores["data"] == "regression"]
    keys = ["penalty", "schedule", "seed"]
    fewer = runs.groupby(keys, sort=False)["fewer_mistakes"].mean()
    groups = fewer.groupby(keys[:2], sort=False)
    won = [" under ".join(key[::-1]) for key, some in groups if _is_won(some, 0.5)]
    mcp = [key for key in won if key.endswith("mcp")]
    return row(
        "At equal shares of zeros, a schedule finds more of the true columns than constant",
        f"A schedule wins if at least {SEEDS:.0%} of the seeds mistake fewer columns (false or "
        "missed, the mean over the shares of zeros) and the median is half a column. Confirmed if "
        "every schedule wins under MCP, qualified if any does under any penalty, else refuted.",
        (len(mcp) == runs["schedule"].nunique(), bool(won)),
        Spread.of("columns, fewer mistaken", fewer),
        f"won: {', '.join(won) or 'none'}",
    )
