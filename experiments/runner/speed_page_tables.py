"""The tables that the page of speeds is drawn from, as they are on disk."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from experiments.runner import storage

if TYPE_CHECKING:
    import pandas as pd

    from experiments.runner.results import Result

GROUP = "speed"
#: In the order in which things were asked for; others follow by name.
ORDER = tuple(
    f"{GROUP}_{name}"
    for name in ("loop", "grid", "lassonet", "lasso", "penalty", "optimizer", "monitor", "import")
)
WORDS = {  # the columns that a table needs to be shown, and those of them that are numbers
    "bars": ("asked", "bar", "quantity", "limited_by", "met"),
    "growth": ("timed", "grows", "limit_below", "limit_above"),
}
NUMBERS = {
    "bars": ("ours", "peer", "value", "value_q25", "value_q75", "limit"),
    "growth": ("slope_below", "knee", "seconds_at_knee", "slope_above", "share_of_limit"),
}


def place(name: str) -> tuple[int, str]:
    """Where an experiment stands on the page: a key to sort by."""
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)


def tables_of(results: Iterable[Result], name: str) -> dict[str, pd.DataFrame]:
    """The tables of this name by experiment; without those that an earlier version wrote."""
    found = {}
    for result in results:
        path = result.folder / f"{name}.csv"
        if not path.is_file():
            continue
        try:
            table = storage.table(path.read_bytes())
            if not {*WORDS[name], *NUMBERS[name]}.issubset(table.columns):
                continue
            numbers = {column: table[column].astype(float) for column in NUMBERS[name]}
            words = {
                column: table[column].astype(object).fillna("").astype(str)
                for column in WORDS[name]
            }
        except (OSError, ValueError) as error:
            experiment = storage.printable(result.folder.name)
            raise storage.CannotWrite(
                f"Cannot read '{storage.printable(path)}': {storage.printable(error)}. Delete the "
                f"folder, and run `python -m experiments {experiment}`."
            ) from error
        found[result.folder.name] = table.assign(**numbers, **words)
    return found
