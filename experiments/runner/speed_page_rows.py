"""The rows of the page of speeds: numbers with units, verdicts, and words."""

from __future__ import annotations

from typing import Any

from experiments.number_format import fraction, plain

HEAD = (
    "| what | ours | peer | ratio | limit | | measured by |",
    "| --- | ---: | ---: | ---: | ---: | --- | --- |",
)
MET = {"True": "✅ met", "False": "❌ missed"}
UNITS = ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def row(name: str, line: Any, what: str) -> str:
    """A bar of the experiment `name` as a row of a table under `HEAD`."""
    show = plain if line.quantity == "count" else seconds
    in_words = {"difference": seconds, "count": plain}.get(line.quantity, fraction)
    limit = f"≤ {in_words(line.limit)}"
    spread = f" ({in_words(line.value_q25)} to {in_words(line.value_q75)})"
    value = in_words(line.value) + ("" if line.quantity == "count" else spread)
    value += " more" if line.quantity == "difference" else ""
    verdict = MET.get(line.met, "")
    ours, peer = (show(each) if each == each else "" for each in (line.ours, line.peer))
    return f"| {what} | {ours} | {peer} | {value} | {limit} | {verdict} | `{name}` |"


def seconds(value: float) -> str:
    scale, unit = next((each for each in UNITS if abs(value) >= each[0]), UNITS[-1])
    return f"{plain(value / scale)} {unit}"
