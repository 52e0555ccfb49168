"""What an experiment hands back: tables, figures drawn from them, findings computed from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

T = TypeVar("T")

#: What a finding may say of a claim.
VERDICTS = ("confirmed", "qualified", "refuted")


@dataclass(frozen=True)
class Finding:
    """What the tables of an experiment say about one claim.

    Args:
        claim: The claim's name, such as `"C1"`.
        verdict: `"confirmed"`, `"qualified"` or `"refuted"`, computed from the tables.
        rule: The rule that decides, in words, with its thresholds.
        numbers: The numbers that decided, by a name that carries the unit.
        statement: One sentence: what was found, under which conditions.

    Raises:
        ValueError: If `verdict` is none of the three words.

    Example:

    >>> from experiments.outcome import Finding
    >>> finding = Finding(
    ...     claim="C1",
    ...     verdict="confirmed",
    ...     rule="Confirmed if at least 90 % of the weights are zero.",
    ...     numbers={"zero weights (%)": 93.5},
    ...     statement="L1 with a proximal step sets 93.5 % of the weights to zero.",
    ... )
    """

    claim: str
    verdict: str
    rule: str
    numbers: dict[str, float | int]
    statement: str

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(
                "Invalid value for argument `verdict`: expected one of "
                f"{', '.join(repr(verdict) for verdict in VERDICTS)}. "
                f"Received: verdict={self.verdict!r}"
            )


@dataclass(frozen=True)
class Outcome:
    """The result of one experiment, before anything is written.

    Args:
        tables: Tidy tables by name; written as `<name>.csv`.
        figures: Figures by name; written as `<name>.png`.
        findings: One or more findings for each claim that the experiment settles.
    """

    tables: dict[str, pd.DataFrame]
    figures: dict[str, Figure]
    findings: tuple[Finding, ...]


def no_progress(iterable: Iterable[T], description: str = "") -> Iterable[T]:
    """Return `iterable` as it is: the `track` of an experiment that nobody watches."""
    del description
    return iterable
