"""Measuring how long things take on a machine that others use too.

The methods that are compared run in turn within one process, round after round, so that whatever
slows the machine down slows all of them. What is compared is the ratio of two times of the same
round; a median over the rounds and its quartiles are what is reported.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter

from experiments.number_format import fraction, plain
from experiments.outcome import no_progress
from kerasreg.plots import PENALTY_COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

MET, MISSED = PENALTY_COLORS["l2"], PENALTY_COLORS["l1"]


def seconds_of(function: Callable[[], object], calls: int = 1) -> float:
    """Mean wall-clock seconds of a call."""
    start = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - start) / calls


def interleaved(
    row: str | int,
    methods: Mapping[str, Callable[[], object]],
    repetitions: int,
    calls: int = 1,
    track: Callable = no_progress,
) -> pd.DataFrame:
    """Times methods in turn: columns `row`, `method`, `repetition`, `seconds` (of one call).

    Repetition 0 is the first call of each, with tracing and compilation: its cold start. The
    others, from 1, are warm; each round begins with another method, so that none always follows
    the same one.
    """
    names = list(methods)
    rows = [(row, name, 0, seconds_of(methods[name])) for name in names]
    for repetition in track(range(1, repetitions + 1), str(row)):
        first = repetition % len(names)
        rows.extend(
            (row, name, repetition, seconds_of(methods[name], calls))
            for name in names[first:] + names[:first]
        )
    return pd.DataFrame(rows, columns=["row", "method", "repetition", "seconds"])


def warm(times: pd.DataFrame, row: str | int, method: str, per: float = 1) -> pd.Series:
    """Seconds of `method`, divided by `per`, in each warm round."""
    chosen = (times["row"] == row) & (times["method"] == method) & (times["repetition"] > 0)
    return times[chosen].set_index("repetition")["seconds"] / per


def pair(
    times: pd.DataFrame, row: str | int, method: str, reference: str, per: float = 1
) -> tuple[pd.Series, pd.Series]:
    """The seconds of two methods, as `bar` compares them."""
    return warm(times, row, method, per), warm(times, row, reference, per)


def ratios(times: pd.DataFrame, row: str | int, method: str, reference: str) -> pd.Series:
    """Seconds of `method` over seconds of `reference` in each warm round."""
    return warm(times, row, method) / warm(times, row, reference)


def summary(times: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Medians and quartiles of the warm rounds, and of the ratios to the reference."""
    rows = []
    for (row, method), group in times.groupby(["row", "method"], sort=False):
        first_call = group.loc[group["repetition"] == 0, "seconds"].max()
        spread = warm(times, row, method).quantile([0.5, 0.25, 0.75])
        ratio = ratios(times, row, method, reference).quantile([0.5, 0.25, 0.75])
        rows.append((row, method, first_call, *spread, reference, *ratio))
    seconds, ratio = (
        [f"{name}{end}" for end in ("", "_q25", "_q75")] for name in ("seconds", "ratio")
    )
    columns = ["row", "method", "first_call_seconds", *seconds, "reference", *ratio]
    return pd.DataFrame(rows, columns=columns)


def bar(
    name: str,
    ours: pd.Series,
    peer: pd.Series,
    limit: float,
    asked: str = "",
    limited_by: str = "",
    *,
    quantity: str = "ratio",
) -> dict:
    """One line of a table `bars`: met if the median of ours ÷ peer is at most `limit`.

    Args:
        name: What is compared.
        ours: A number for each round: seconds, or a count.
        peer: The same of what it is compared with; empty for a count.
        limit: What the quantity may be at most.
        asked: What was asked for, in the words of the page of speeds; "" for a bar of our own.
        limited_by: What keeps ours from being faster, one sentence, shown where it is too slow.
        quantity: "ratio", ours ÷ peer, "difference", ours − peer in seconds, or "count", ours.
    """
    values = {"ratio": ours / peer, "difference": ours - peer, "count": ours}[quantity]
    middle, low, high = values.quantile([0.5, 0.25, 0.75])
    return {
        "asked": asked,
        "bar": name,
        "ours": ours.median(),
        "peer": peer.median(),
        "unit": "" if quantity == "count" else "s",
        "quantity": quantity,
        "value": middle,
        "value_q25": low,
        "value_q75": high,
        "limit": limit,
        "met": bool(middle <= limit),
        "limited_by": limited_by,
    }


def draw_times(ax: Axes, times: pd.DataFrame, scale: float, label: str) -> None:
    """Draws all warm times of one row as points, the medians as lines with their numbers."""
    warm = times[times["repetition"] > 0]
    names = list(times["method"].unique())
    for at, name in enumerate(names):
        values = warm.loc[warm["method"] == name, "seconds"] * scale
        ax.plot(values, [at] * len(values), "o", color=MET, alpha=0.3, ms=8, mew=0)
        middle = values.median()
        ax.plot(middle, at, "|", color=MET, ms=14, mew=3)
        annotate(ax, middle, at, (0, 9), "black", middle)
    _rows(ax, names, label)


def draw_bars(ax: Axes, bars: pd.DataFrame, label: str) -> None:
    """Draws ratios (points, quartiles as lines) and the limits they are held to (dashed)."""
    bars = bars[bars["value"].notna()]
    for at, line in enumerate(bars.itertuples()):
        color, verdict = (MET, "met") if line.met else (MISSED, "missed")
        ax.plot([line.limit] * 2, [at - 0.2, at + 0.2], color="black", lw=2, ls=(0, (2, 1)))
        ax.plot([line.value_q25, line.value_q75], [at, at], color=color, lw=4, alpha=0.5)
        ax.plot(line.value, at, "o", color=color, ms=11)
        text = f"{fraction(line.value)}  (bar: at most {fraction(line.limit)}, {verdict})"
        ax.annotate(text, ((line.limit * line.value) ** 0.5, at - 0.28), ha="center", color=color)
    _rows(ax, list(bars["bar"]), label)
    numbers = bars[["limit", "value", "value_q25", "value_q75"]].to_numpy()
    ax.set_xlim(numbers.min() / 3, numbers.max() * 3)  # room for the texts
    plain_ticks(ax.xaxis)


def draw_line(ax: Axes, rows: pd.DataFrame, quantity: str, line: str, color: str, label: str):
    """Draws medians against `row`, and the quartiles as a band."""
    ax.plot(rows["row"], rows[quantity], line, color=color, marker="o", label=label)
    low, high = rows[f"{quantity}_q25"], rows[f"{quantity}_q75"]
    ax.fill_between(rows["row"], low, high, color=color, alpha=0.15, lw=0)


def annotate(ax: Axes, x: float, y: float, offset: tuple, color: str, number=None) -> None:
    """Writes a number, `y` if none is given, at a distance in points from (x, y)."""
    text = plain(y if number is None else number)
    ax.annotate(text, (x, y), color=color, xytext=offset, textcoords="offset points", ha="center")


def plain_ticks(axis: Axis, at: Sequence[float] | None = None) -> None:
    """Plain numbers on a logarithmic axis, at the given places or as many as there is room for."""
    low, high = axis.get_view_interval()
    named = (1, 1.5, 2, 3, 5, 7) if high / low < 4 else (1, 2, 5) if high / low < 50 else (1,)
    names = LogLocator(subs=named)
    axis.set_major_locator(names if at is None else FixedLocator(at))
    axis.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
    axis.set_minor_formatter(NullFormatter())


def _rows(ax: Axes, names: list[str], label: str) -> None:
    ax.set(xscale="log", xlabel=label, yticks=range(len(names)), yticklabels=names)
    ax.set_ylim(len(names) - 0.5, -0.75)
    ax.margins(x=0.15)
    ax.grid(visible=False, axis="y")
    plain_ticks(ax.xaxis)
