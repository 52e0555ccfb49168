"""The page of speeds in a folder of results: what was asked for, what it takes, what limits it.

It is drawn from the tables `bars` and `growth` of the experiments whose names begin with `speed_`,
as they are: no number on it is written by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from experiments.number_format import plain
from experiments.runner.markdown import cell
from experiments.runner.provenance import device_in_words
from experiments.runner.speed_page_rows import HEAD, MET, row, seconds
from experiments.runner.speed_page_tables import GROUP, WORDS, place, tables_of

if TYPE_CHECKING:
    import pandas as pd

    from experiments.runner.results import Result

PAGE = "speed.md"


def page(results: Iterable[Result]) -> str:
    """The page of these results; empty where none of them has speeds.

    Raises:
        CannotWrite: If a table is broken.
    """
    named = [result for result in results if result.folder.name.startswith(f"{GROUP}_")]
    named.sort(key=lambda result: place(result.folder.name))
    tables = {name: tables_of(named, name) for name in WORDS}
    if not any(tables.values()):
        return ""
    bars, runs = tables["bars"], {result.folder.name: result.run for result in named}
    lines = [*_head(runs, bars), *_asked(bars), *_growth(tables["growth"]), *_further(bars)]
    return "\n".join([*lines, *_provenance(runs)]) + "\n"


def _head(runs: dict[str, Any], bars: dict[str, pd.DataFrame]) -> Iterator[str]:
    yield "# How fast"
    yield ""
    if any(run["quick"] for run in runs.values()):
        yield "> **Quick settings.** These numbers only show that everything runs."
        yield ""
    verdicts = [line.met for table in bars.values() for line in table.itertuples() if line.asked]
    met, missed = (verdicts.count(verdict) for verdict in MET)
    yield (
        f"Of {len(verdicts)} bars, {met} are met and {missed} missed. Ours and the peer ran in "
        "turn in one run, so that whatever slows the machine down slows both; a number is the "
        "median over the rounds, a ratio that of ours ÷ the peer in the same round, with its "
        f"quartiles. All of it again: `python -m experiments {GROUP}`; a row: with the name beside "
        "it."
    )
    yield ""


def _asked(bars: dict[str, pd.DataFrame]) -> Iterator[str]:
    yield from HEAD
    reasons: list[str] = []
    for name, table in bars.items():
        for line in table[table["asked"] != ""].itertuples():
            yield row(name, line, f"**{cell(line.asked)}**<br>{cell(line.bar)}")
            if line.met == "False" and line.limited_by:
                reason = cell(line.limited_by)
                reasons.append(f"- **{cell(line.asked)}** ({cell(line.bar)}): {reason}")
    yield ""
    if reasons:
        yield "What limits those that are missed:"
        yield ""
        yield from reasons
        yield ""


def _growth(growth: dict[str, pd.DataFrame]) -> Iterator[str]:
    for name, table in growth.items():
        yield "## How it grows"
        yield ""
        yield f"![Time against size, and where its growth begins]({name}/{name}.png)"
        yield ""
        yield "Slopes on logarithmic axes: 0 where more costs nothing, 1 where twice is twice."
        yield ""
        yield "| time of | with | slope below | limited by | knee | slope above | limited by |"
        yield "| --- | --- | ---: | --- | ---: | ---: | --- |"
        for line in table.itertuples():
            yield (
                f"| {cell(line.timed)} | {cell(line.grows)} | {line.slope_below:.2f} | "
                f"{cell(line.limit_below)} | {plain(line.knee)} "
                f"({seconds(line.seconds_at_knee)}) | {line.slope_above:.2f} | "
                f"{cell(line.limit_above)}: {line.share_of_limit:.0%} of what the machine does |"
            )
        yield ""


def _further(bars: dict[str, pd.DataFrame]) -> Iterator[str]:
    yield "## Further bars"
    yield ""
    yield from HEAD
    for name, table in bars.items():
        for line in table[table["asked"] == ""].itertuples():
            yield row(name, line, cell(line.bar))
    yield ""


def _provenance(runs: dict[str, Any]) -> Iterator[str]:
    """Each way in which the numbers were made, with the experiments that were run so."""
    yield "## Made with"
    yield ""
    ways: dict[str, list[str]] = {}
    for name, run in runs.items():
        parts = [device_in_words(run["device"])]
        parts += [f"{package} {version}" for package, version in run["versions"].items()]
        ways.setdefault(", ".join(parts), []).append(f"`{name}`")
    for way, names in ways.items():
        yield f"- {cell(way)}: {', '.join(names)}"
    took = sum(run["seconds"] for run in runs.values())
    yield ""
    yield f"All of them together took {took / 60:.2g} minutes."
