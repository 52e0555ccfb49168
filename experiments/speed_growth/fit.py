"""Two straight lines that meet: where a cost that hardly grew begins to grow, and how fast."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Knee(NamedTuple):
    """Slopes on logarithmic axes below and above a size, and the cost at that size."""

    size: float
    cost: float
    slope_below: float
    slope_above: float

    def at(self, size: np.ndarray) -> np.ndarray:
        """The cost that the two lines give."""
        steps = np.log(np.asarray(size) / self.size)
        slope = np.where(steps < 0, self.slope_below, self.slope_above)
        return self.cost * np.exp(slope * steps)


def knee(sizes: np.ndarray, costs: np.ndarray) -> Knee:
    """The two lines through log cost against log size with the least squared error.

    The knee is looked for on a fine grid between the second size and the last but one, so that
    each line has two points at least.

    Args:
        sizes: Sizes, ascending, four at least.
        costs: Costs at these sizes.
    """
    x, y = np.log(np.asarray(sizes, float)), np.log(np.asarray(costs, float))
    best, found = np.inf, None
    for at in np.linspace(x[1], x[-2], 201):
        columns = [np.ones_like(x), np.minimum(x - at, 0), np.maximum(x - at, 0)]
        solution = np.linalg.lstsq(np.stack(columns, axis=1), y, rcond=None)[0]
        error = float(((np.stack(columns, axis=1) @ solution - y) ** 2).sum())
        if error < best:
            best, found = error, (at, *solution)
    at, level, below, above = found or (np.nan,) * 4
    return Knee(float(np.exp(at)), float(np.exp(level)), float(below), float(above))
