"""Compares what experiments find with what is committed: `python -m experiments --verify`.

Counts, words and verdicts have to be the same, and floats within a tolerance. On one machine, with
the same versions, a rerun gives the same bytes; another processor rounds differently, and a ReLU
or an L1 whose weight crosses a kink carries that into the last digits of a trained network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from experiments.runner import ledger, results, storage

if TYPE_CHECKING:
    import pandas as pd

    from experiments.runner.discovery import Experiment

#: Floats are the same up to this share of the larger one,
RTOL = 1e-3
#: or up to this share of the largest in their column: what cancels has no digits of its own.
COLUMN_RTOL = 1e-5


def differences(experiment: Experiment, committed: Path, again: Path) -> Iterator[str]:
    """What differs between the committed results of an experiment and those of a rerun.

    Seconds (the tables and columns that the experiment names in `TIMED`), numbers in a finding that
    come from them, and figures are not compared.

    Args:
        experiment: The experiment.
        committed: Folder of all committed results.
        again: Folder of the results of the rerun.

    Yields:
        One line a difference.
    """
    name = experiment.name
    before, after = storage.contents(committed / name), storage.contents(again / name)
    if not before:
        yield f"{name}: there is nothing in {committed / name}"
        return
    tables = {file for file in before.keys() | after.keys() if file.endswith(".csv")}
    for file in sorted(tables):
        table = file.removesuffix(".csv")
        if file not in before or file not in after:
            yield f"{name}/{file}: only {'committed' if file in before else 'in the rerun'}"
        elif table not in experiment.timed and before[file] != after[file]:
            timed = {column for column in experiment.timed if column.startswith(f"{table}.")}
            try:
                old, new = (
                    storage.table(files[file]).drop(
                        columns=[c.partition(".")[2] for c in timed], errors="ignore"
                    )
                    for files in (before, after)
                )
            except ValueError as error:  # also what pandas raises where there is no table
                yield f"{name}/{file}: cannot be read: {storage.printable(error)}"
                continue
            yield from (f"{name}/{file}: {line}" for line in _table_differences(old, new))
    try:
        old_verdicts, new_verdicts = _verdicts(before), _verdicts(after)
    except (ValueError, TypeError, LookupError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else error
        yield f"{name}/{storage.FINDINGS}: cannot be read: {storage.printable(reason)}"
        return
    if old_verdicts != new_verdicts:
        yield f"{name}: verdicts were {old_verdicts}, are {new_verdicts}"


def ledger_differences(committed: Path, claims: Sequence[ledger.Claim]) -> Iterator[str]:
    """One line if the committed ledger is not that of the committed findings."""
    found = [result.found for result in results.results_in(committed)]
    path = committed / ledger.FILE
    if not path.is_file() or path.read_bytes() != ledger.as_csv(ledger.ledger(claims, found)):
        yield f"{path} is not the ledger of the findings in {committed}"


def _table_differences(old: pd.DataFrame, new: pd.DataFrame) -> Iterator[str]:
    if list(old.columns) != list(new.columns):
        before, after = (storage.printable(", ".join(each.columns)) for each in (old, new))
        yield f"columns were {before}, are {after}"
        return
    if len(old) != len(new):
        yield f"rows were {len(old):,}, are {len(new):,}"
        return
    for column in old.columns:
        before, after = old[column].to_numpy(), new[column].to_numpy()
        far = _far_apart(before, after)
        if far.any():
            row = int(np.flatnonzero(far)[0])
            yield (
                f"column {column} differs in {far.sum():,} of {len(far):,} rows, first in row "
                f"{row + 1}: was {storage.printable(before[row])}, is "
                f"{storage.printable(after[row])}"
            )


def _far_apart(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Which values differ: floats by more than the tolerance, everything else at all."""
    kinds = {before.dtype.kind, after.dtype.kind}
    if "f" not in kinds or not kinds <= set("fiu"):
        # A missing word is NaN, which does not equal itself.
        both_missing = np.array([a != a and b != b for a, b in zip(before, after, strict=True)])
        return (before != after) & ~both_missing
    finite = np.abs(before[np.isfinite(before)])
    atol = COLUMN_RTOL * (finite.max() if finite.size else 0.0)
    return ~np.isclose(after, before, rtol=RTOL, atol=atol, equal_nan=True)


def _verdicts(files: dict[str, bytes]) -> str:
    findings = storage.from_json(files[storage.FINDINGS])["findings"]
    verdicts = ", ".join(f"{finding['claim']} {finding['verdict']}" for finding in findings)
    return storage.printable(verdicts) or "none"
