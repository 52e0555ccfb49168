"""What the times of `speed_grid` say: the bars, and the costs of other programs."""

from __future__ import annotations

from typing import Any

import pandas as pd

from experiments.speed_grid_calls import CV, FIT, PATH
from experiments.speed_grid_lasso import LASSO, OURS, SKLEARN
from experiments.speed_grid_lassonet import LASSONET
from experiments.speed_grid_members import FIT as FIT_ONE
from experiments.speed_grid_members import TRAIN, grid_of
from experiments.timing import bar, ratios


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
    step = ratios(members, middle.name, grid_of(n), FIT_ONE)
    lines = [
        bar(f"{n} strengths\n/ one fit", "at most", 1, ratios(calls, row, PATH, FIT)),
        bar(f"{n} strengths × {folds} folds\n/ one fit", "at most", 4, ratios(calls, row, CV, FIT)),
        bar(f"a step of {n} at once\n/ a step of fit", "at most", n / 100, step),
    ]
    for count in wide.n_members:
        many = ratios(members, wide.name, grid_of(count), TRAIN) / count
        lines.append(bar(f"{wide.name}: {count} at once\n/ {count} × train", "at most", 1, many))
    return pd.DataFrame(lines)


def others_of(
    lasso: pd.DataFrame, errors: dict[str, float], lassonet: dict[str, Any], settings: Any
) -> pd.DataFrame:
    """Seconds of a path by other programs; of a model and step where both count the same things.

    `max_error` is that of a coefficient of the lasso, in standardized units.
    """
    warm = lasso[lasso["repetition"] > 0].groupby("method")["seconds"].median()
    row = {"row": LASSO, "n_models": settings.n_strengths}
    steps = {OURS: settings.lasso_epochs}
    rows = [
        {**row, "method": method, "steps": steps.get(method), "seconds": warm[method]}
        | {"max_error": errors[method], "note": note}
        for method, note in (
            (OURS, "one step an epoch, each of them recorded"),
            (SKLEARN, "coordinate descent, made for this problem"),
        )
    ]
    network = "-".join(map(str, (64, *settings.units, 10)))
    rows.append({"row": network, "method": LASSONET} | lassonet)
    table = pd.DataFrame(rows)
    for column in ("steps", "seconds", "max_error"):
        table[column] = pd.to_numeric(table.get(column))
    table["step_us"] = table["seconds"] * 1e6 / (table["n_models"] * table["steps"])
    first = ["row", "method", "n_models", "steps", "seconds", "step_us", "max_error", "note"]
    return table[first]
