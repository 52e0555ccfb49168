"""The rows of the page of speeds: numbers with units, verdicts, and words."""

from __future__ import annotations

import re
from typing import Any

HEAD = (
    "| what | ours | peer | ratio | limit | | measured by |",
    "| --- | ---: | ---: | ---: | ---: | --- | --- |",
)
MET = {"True": "✅ met", "False": "❌ missed"}
NOT_MEASURED = "not measured here"
UNITS = ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def row(name: str, line: Any, what: str) -> str:
    """A bar of the experiment `name` as a row of a table under `HEAD`."""
    show = number if line.quantity == "count" else seconds
    in_words = {"difference": seconds, "count": number}.get(line.quantity, ratio)
    limit, value = f"≤ {in_words(line.limit)}", NOT_MEASURED
    if line.value == line.value:
        spread = f" ({in_words(line.value_q25)} to {in_words(line.value_q75)})"
        value = in_words(line.value) + ("" if line.quantity == "count" else spread)
        value += " more" if line.quantity == "difference" else ""
    verdict = MET.get(line.met, "")
    ours, peer = (show(each) if each == each else "" for each in (line.ours, line.peer))
    return f"| {what} | {ours} | {peer} | {value} | {limit} | {verdict} | `{name}` |"


def seconds(value: float) -> str:
    scale, unit = next((each for each in UNITS if abs(value) >= each[0]), UNITS[-1])
    return f"{number(value / scale)} {unit}"


def ratio(value: float) -> str:
    return f"1/{number(1 / value)}" if 0 < value < 0.2 else number(value)


def number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def cell(text: str) -> str:
    """The text as a cell of a table; it makes no tags."""
    return re.sub(r"[|<]", r"\\\g<0>", " ".join(text.split()))
