"""The ledger: every claim of the texts with its verdict, computed from what the experiments wrote.

`claims.csv` beside this module lists the claims. The ledger has a row for each finding; a claim
that several experiments looked at is confirmed if all of them confirm it, refuted if all refute
it, and qualified otherwise.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.outcome import SHARES

FILE = "claims.csv"
COLUMNS = (
    "claim",
    "verdict",
    "number",
    "median",
    "least",
    "largest",
    "n_runs",
    "share_literally",
    "share_under_condition",
    "experiment",
    "finding",
    "rule",
    "statement",
)


@dataclass(frozen=True)
class Claim:
    """A claim in our words.

    Args:
        claim: Its name, such as `"C1"`.
        topic: The heading that it stands under.
        source: The texts that make it.
        text: What they claim.
        systems: The systems that it is about, such as `("S1", "S8")`.
    """

    claim: str
    topic: str
    source: str
    text: str
    systems: tuple[str, ...]


def read_claims(folder: Path) -> list[Claim]:
    """The claims that the package in `folder` lists, in their order; none if it has no list."""
    try:
        text = (folder / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    rows = csv.DictReader(io.StringIO(text))
    return [
        Claim(row["claim"], row["topic"], row["source"], row["text"], tuple(row["systems"].split()))
        for row in rows
    ]


def verdict_of(verdicts: Iterable[str]) -> str:
    """The verdict on a claim, from those of its findings."""
    different = set(verdicts)
    return different.pop() if len(different) == 1 else "qualified"


def ledger(claims: Sequence[Claim], results: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of the ledger.

    Args:
        claims: The claims, in the order of the ledger. A finding on another claim comes after
            them.
        results: What each experiment found, as its `findings.json` has it.

    Returns:
        A row for each finding, with the columns `COLUMNS`: `verdict` is that of the claim,
        `finding` that of this experiment alone. The shares are of the runs that meet the claim,
        literally and under the condition of a qualified one, where the rule counts runs.
    """
    order = {claim.claim: number for number, claim in enumerate(claims)}
    findings = [
        (found["experiment"], finding) for found in results for finding in found["findings"]
    ]
    findings.sort(key=lambda pair: (order.get(pair[1]["claim"], len(order)), pair[0]))
    of: dict[str, list[str]] = {}
    for _, finding in findings:
        of.setdefault(finding["claim"], []).append(finding["verdict"])
    return [
        _row(experiment, finding, verdict_of(of[finding["claim"]]))
        for experiment, finding in findings
    ]


def _row(experiment: str, finding: Mapping[str, Any], verdict: str) -> dict[str, Any]:
    decisive = finding["decisive"]
    values = (
        finding["claim"],
        verdict,
        decisive["name"],
        decisive["median"],
        decisive["least"],
        decisive["largest"],
        decisive["n_runs"],
        *(finding["numbers"].get(name, "") for name in SHARES),
        experiment,
        finding["verdict"],
        finding["rule"],
        finding["statement"],
    )
    return dict(zip(COLUMNS, values, strict=True))


def as_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The rows of a ledger as CSV.

    A text that a spreadsheet would take for a formula, and compute, has an apostrophe before it.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _no_formula(value) for name, value in row.items()} for row in rows)
    return text.getvalue().encode()


def _no_formula(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    value = value.replace("\r", " ")  # ends a row to some readers, and is not quoted
    if not value.lstrip().startswith(("=", "+", "-", "@")):
        return value
    try:
        float(value)  # minus infinity is written as a text
    except ValueError:
        return f"'{value}"
    return value
