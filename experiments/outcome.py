"""What an experiment hands back: tables, figures drawn from them, findings computed from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

T = TypeVar("T")

OFTEN = 0.95  # the share of the runs in which something has to hold

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


def decide(
    claim: str,
    literal: Any,
    saved: Any,
    rule: str,
    numbers: Mapping[str, Any],
    statement: str,
) -> Finding:
    """A finding from which runs meet a claim, literally or under a condition that saves it.

    Args:
        claim: The claim's name.
        literal: One True or False for each run: it meets the claim as the text means it.
        saved: The same, under the condition.
        rule: What has to hold, in words: "Confirmed if in at least 95 % of the runs " goes before
            it. It names the condition.
        numbers: The values in all runs, by a name; their median, least and largest are reported.
        statement: One sentence.

    Returns:
        A finding that is confirmed where 95 % of the runs meet the claim, qualified where 95 %
        do so under the condition, and refuted otherwise.
    """
    shares = float(np.mean(literal)), float(np.mean(saved))
    verdict = (
        "confirmed" if shares[0] >= OFTEN else "qualified" if shares[1] >= OFTEN else "refuted"
    )
    names = ("share of runs, literally", "share of runs, under the condition")
    spread = {
        f"{name} ({statistic.__name__})": float(statistic(values))
        for name, values in numbers.items()
        for statistic in (np.median, np.min, np.max)
    }
    rule = f"Confirmed if in at least {OFTEN:.0%} of the runs {rule}; refuted otherwise."
    return Finding(claim, verdict, rule, dict(zip(names, shares, strict=True)) | spread, statement)
