"""Checks of the tables that figures are drawn from. Every error is one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kerasreg.arguments import some_of, unknown_name

if TYPE_CHECKING:
    import pandas as pd


# The columns of tidy tables that hold names; all others hold numbers.
_TEXTS = ("variable", "split", "quantity")


def check_columns(name: str, table: Any, columns: tuple[str, ...]) -> None:
    """Raises unless `table` is a table with a row at least and with all the columns."""
    expected = f"Invalid value for argument `{name}`: expected a table with the columns"
    received = getattr(table, "columns", None)
    if received is None:
        raise ValueError(f"{expected} {list(columns)}. Received: {type(table).__name__}")
    missing = [column for column in columns if column not in received]
    if missing:
        raise ValueError(
            f"{expected} {list(columns)}. Missing: {missing}. Received: {list(received)}"
        )
    if not len(table):
        raise ValueError(f"Invalid value for argument `{name}`: expected at least one row")
    for column in columns:
        kind = getattr(table[column].dtype, "kind", "O")
        if column not in _TEXTS and kind not in "iufb":
            raise ValueError(
                f"Invalid value for argument `{name}`: expected numbers in the column {column!r}. "
                f"Received: {table[column].dtype}"
            )


def rows_of(column: str, name: Any, table: pd.DataFrame) -> pd.DataFrame:
    """The rows with a name in a column, for an argument that is called as the column.

    Raises:
        ValueError: If there are none.
    """
    known = sorted(table[column].unique())
    if name not in known:
        raise unknown_name(column, f"one of {known}", name, known)
    return table[table[column] == name]


def check_strengths(name: str, table: pd.DataFrame) -> None:
    """Raises unless the column `strength` fits a logarithmic axis."""
    strengths = table["strength"]
    fits = np.isfinite(strengths) & (strengths > 0)
    if not fits.all():
        raise ValueError(
            f"Invalid value for argument `{name}`: expected finite strengths > 0, for their axis "
            f"is logarithmic. Received: {strengths[~fits].iloc[0]:g} among them. Pass "
            f'{name}[{name}["strength"] > 0]'
        )


def check_splits(name: str, table: pd.DataFrame) -> None:
    """Raises unless there is a split that is drawn."""
    splits = sorted(table["split"].unique())
    if not {"train", "validation"} & set(splits):
        raise ValueError(
            f"Invalid value for argument `{name}`: expected a split 'train' or 'validation'. "
            f"Received: {some_of(splits)}"
        )


def grid_of(name: str, table: pd.DataFrame, column: str) -> pd.DataFrame:
    """The column as a grid with `w_2` as its rows and `w_1` as its columns, both ascending.

    Raises:
        ValueError: If the points are no grid of two by two at least, each of them once.
    """
    grid = table.groupby(["w_2", "w_1"])[column].agg(["first", "size"]).unstack("w_1")
    n_2, n_1 = grid["size"].shape
    if min(n_1, n_2) < 2 or n_1 * n_2 != len(table) or (grid["size"] != 1).any(axis=None):
        raise ValueError(
            f"Invalid value for argument `{name}`: expected one row for each point of a grid, "
            f"every `w_1` with every `w_2`, two of each at least. Received: {len(table)} rows "
            f"with {n_1} values of `w_1`, {some_of(grid['size'].columns)}, and {n_2} of `w_2`"
        )
    values = grid["first"].astype(float)
    if not np.isfinite(values).any(axis=None):
        raise ValueError(f"Invalid value for argument `{name}`: expected a finite `{column}`")
    return values.where(np.isfinite(values))
