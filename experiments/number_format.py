"""Numbers as texts, in figures, on pages and in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def plain(number: float) -> str:
    """Three digits, never as a power of ten."""
    return f"{number:.3g}" if abs(number) < 1000 else f"{number:,.0f}"


def fraction(number: float) -> str:
    """A small ratio as a fraction, as it is spoken of: 1/30."""
    return f"1/{plain(1 / number)}" if 0 < number < 0.2 else plain(number)


def middle(values: pd.Series) -> str:
    """The median, to three digits."""
    return f"{values.median():.3g}"
