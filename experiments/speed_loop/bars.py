"""What was asked of `speed_loop`, and what limits it."""

from __future__ import annotations

import pandas as pd

from experiments.timing import bar, pair

FIT, FIT_XLA = "fit", "fit, jit_compile=True"
XLA, GRAPH = "train", "train, jit_compile=False"
# What was asked of the small network and of the wide one, what share of fit's time each method may
# take, and what limits it.
ASKED: tuple[tuple[str, dict[str, float], str], ...] = (
    (
        "`train` ÷ `model.fit`, small network",
        {XLA: 1 / 30, GRAPH: 1 / 10},
        "A step is many operations on a few thousand numbers: starting them one after another "
        "takes longer than their arithmetic.",
    ),
    (
        "`train` ÷ `model.fit`, 2048 units wide",
        {XLA: 1, GRAPH: 1},
        "The matrix products, which are the same for both.",
    ),
)


def bars_of(times: pd.DataFrame, small: str, wide: str) -> pd.DataFrame:
    """A step of `train` against one of `fit`, with the small network and with the wide one."""
    lines = []
    for row, (what, limits, limited_by) in zip((small, wide), ASKED, strict=True):
        steps = times.loc[times["row"] == row, "steps"].iloc[0]
        for method, limit in limits.items():
            words = (what if method == XLA else "", limited_by)
            step = pair(times, row, method, FIT, steps)
            lines.append(bar(f"{row}, a step\n{method}", *step, limit, *words))
    return pd.DataFrame(lines)
