"""What an experiment hands back: tables, figures drawn from them, findings computed from them.

An experiment with claims has a function `findings(tables)` beside its `run`. The runner calls it
with the tables as they are written, six digits and all, so that whoever has the files can compute
every verdict again.
"""

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

#: The shares of the runs that `decide` reports.
SHARES = ("share of runs, literally", "share of runs, under the condition")

#: What a finding may say of a claim.
VERDICTS = ("confirmed", "qualified", "refuted")


@dataclass(frozen=True)
class Spread:
    """A number that was measured in several runs.

    Args:
        name: What it is, with its unit.
        median, least, largest: Over the runs.
        n_runs: How many runs it was measured in: seeds, splits, resamples; 1 if it is exact.
    """

    name: str
    median: float
    least: float
    largest: float
    n_runs: int

    @classmethod
    def of(cls, name: str, values: Any) -> Spread:
        """The spread of `values`, a number or one for each run; what is missing (NaN) is left out.

        Raises:
            ValueError: If there is no value.

        Example:

        >>> from experiments.outcome import Spread
        >>> Spread.of("accuracy", [0.9, 0.8, 0.95])
        Spread(name='accuracy', median=0.9, least=0.8, largest=0.95, n_runs=3)
        """
        numbers = np.ravel(np.asarray(values, np.float64))
        numbers = numbers[~np.isnan(numbers)]
        if not numbers.size:
            raise ValueError(f"Invalid values for '{name}': expected a number at least.")
        return cls(
            name,
            float(np.median(numbers)),
            float(numbers.min()),
            float(numbers.max()),
            len(numbers),
        )


@dataclass(frozen=True)
class Finding:
    """What the tables of an experiment say about one claim.

    Args:
        claim: The claim's name, such as `"C1"`.
        verdict: `"confirmed"`, `"qualified"` or `"refuted"`, computed from the tables.
        rule: The rule that decides, in words, with its thresholds.
        decisive: The number that decides, over the runs.
        numbers: Further numbers, by a name that carries the unit.
        statement: One sentence: what was found, under which conditions.

    Raises:
        ValueError: If `verdict` is none of the three words.

    Example:

    >>> from experiments.outcome import Finding, Spread
    >>> finding = Finding(
    ...     claim="C1",
    ...     verdict="confirmed",
    ...     rule="Confirmed if at least 90 % of the weights are zero.",
    ...     decisive=Spread.of("zero weights (%)", [93.5, 92.0, 95.0]),
    ...     numbers={"weights": 1200},
    ...     statement="L1 with a proximal step sets 93.5 % of the weights to zero.",
    ... )
    """

    claim: str
    verdict: str
    rule: str
    decisive: Spread
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
    """

    tables: dict[str, pd.DataFrame]
    figures: dict[str, Figure]


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
            The first is the one that decides.
        statement: One sentence.

    Returns:
        A finding that is confirmed where 95 % of the runs meet the claim, qualified where 95 %
        do so under the condition, and refuted otherwise.
    """
    shares = float(np.mean(literal)), float(np.mean(saved))
    verdict = (
        "confirmed" if shares[0] >= OFTEN else "qualified" if shares[1] >= OFTEN else "refuted"
    )
    spreads = [Spread.of(name, values) for name, values in numbers.items()]
    further = {
        f"{spread.name} ({statistic})": number
        for spread in spreads[1:]
        for statistic, number in [
            ("median", spread.median),
            ("min", spread.least),
            ("max", spread.largest),
        ]
    }
    return Finding(
        claim,
        verdict,
        rule=f"Confirmed if in at least {OFTEN:.0%} of the runs {rule}; refuted otherwise.",
        decisive=spreads[0],
        numbers=dict(zip(SHARES, shares, strict=True)) | further,
        statement=statement,
    )
