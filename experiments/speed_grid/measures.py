"""What the times of `speed_grid` say: what was asked for, and whether it was met."""

from __future__ import annotations

from typing import Any

import pandas as pd

from experiments.speed_grid.calls import CV, FIT, PATH
from experiments.speed_grid.members import FIT as FIT_ONE
from experiments.speed_grid.members import TRAIN, grid_of
from experiments.timing import bar, pair, warm

ASKED = "path of {} ÷ one `model.fit`, new processes"
LIMITED_BY_START = "Most of a first call is tracing and compiling the program of all members."
LIMITED_BY_STEP = "The small matrix products of many members, which fill the processor poorly."
LIMITED_BY_WIDTH = (
    "Weights, gradients and what the optimizer keeps of several members do not fit into the cache."
)


def bars_of(calls: pd.DataFrame, members: pd.DataFrame, settings: Any) -> pd.DataFrame:
    """What was asked for, as ratios of two times of the same round, and whether it was met.

    A path and a cross-validation against one `fit`, each in a new process; a step of all strengths
    against one of `fit`, compiled before, which is to be a hundredth for each; and wide networks,
    where little can be saved but nothing may be lost: a grid against as many calls of `train`.
    """
    (row,) = calls["row"].unique()
    n, folds = settings.n_strengths, settings.n_folds
    middle = next(each for each in settings.networks if each.units == settings.units)
    wide = settings.networks[-1]
    steps = members.loc[members["row"] == middle.name, "steps"].iloc[0]
    path, cv = pair(calls, row, PATH, FIT), pair(calls, row, CV, FIT)
    step = pair(members, middle.name, grid_of(n), FIT_ONE, steps)
    asked = (ASKED.format(n), LIMITED_BY_START)
    lines = [
        bar(f"{n} strengths\n/ one fit", *path, 1, *asked),
        bar(f"{n} strengths × {folds} folds\n/ one fit", *cv, 4, "", LIMITED_BY_START),
        bar(f"a step of {n} at once\n/ a step of fit", *step, n / 100, "", LIMITED_BY_STEP),
    ]
    for count in wide.n_members:
        many = warm(members, wide.name, grid_of(count))
        one_by_one = warm(members, wide.name, TRAIN, 1 / count)
        name = f"{wide.name}: {count} at once\n/ {count} × train"
        lines.append(bar(name, many, one_by_one, 1, "", LIMITED_BY_WIDTH))
    return pd.DataFrame(lines)
