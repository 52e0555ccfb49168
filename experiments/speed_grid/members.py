"""Time against the number of members that are trained at once, beside models trained alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from experiments.digits_calls import digits, with_fit, with_grid, with_train
from experiments.outcome import no_progress
from experiments.timing import interleaved

FIT, TRAIN = "model.fit, one model", "train, one model"


@dataclass(frozen=True)
class Network:
    """A network for digits, how long it is trained, and how many members of it at once."""

    units: tuple[int, ...]
    n_members: tuple[int, ...]
    epochs: int
    n_samples: int | None = None  # None: all of digits' training part

    @property
    def name(self) -> str:
        return "-".join(map(str, (64, *self.units, 10)))


def grid_of(n_members: int) -> str:
    """The name of the method that trains so many members."""
    return f"train_grid, {n_members:,} members"


def times_of(
    network: Network, batch_size: int, rounds: int, track: Any = no_progress
) -> pd.DataFrame:
    """Times of calls in one process, in turn, with `n_members` and `steps` (of a member)."""
    call: dict[str, Any] = {"units": network.units, "n_samples": network.n_samples}
    call |= {"epochs": network.epochs, "batch_size": batch_size}
    grids = {grid_of(n): with_grid(n, **call) for n in network.n_members}
    calls = {FIT: with_fit(**call), TRAIN: with_train(**call)} | grids
    times = interleaved(network.name, calls, rounds, track=track)
    n_members = {grid_of(n): n for n in network.n_members} | {FIT: 1, TRAIN: 1}
    steps = network.epochs * -(-len(digits(network.n_samples)[0]) // batch_size)
    return times.assign(n_members=times["method"].map(n_members), steps=steps)


def per_member(times: pd.DataFrame) -> pd.DataFrame:
    """Milliseconds a member, and how many calls of `fit` and of `train` take as long as all.

    `first_call_ms` has tracing and compilation in it. A path of models that are trained alone
    would pay for these again and again; `n_fits` and `n_trains` leave them out on both sides.
    """
    rows = []
    for network, of_network in times.groupby("row", sort=False):
        warm = of_network[of_network["repetition"] > 0]
        middle = warm.groupby("method", sort=False)["seconds"].median()
        for method in of_network["method"].unique():  # first calls come in the order of numbers
            group = warm[warm["method"] == method]
            n_members = group["n_members"].iloc[0]
            first = of_network["method"].eq(method) & of_network["repetition"].eq(0)
            spread = group["seconds"].quantile([0.5, 0.25, 0.75]) * 1e3 / n_members
            rows.append(
                {
                    "row": network,
                    "method": method,
                    "n_members": n_members,
                    "steps": group["steps"].iloc[0],
                    "first_call_ms": of_network.loc[first, "seconds"].iloc[0] * 1e3 / n_members,
                    **dict(zip(("ms", "ms_q25", "ms_q75"), spread, strict=True)),
                    "step_us": spread[0.5] * 1e3 / group["steps"].iloc[0],
                    "n_fits": middle[method] / middle[FIT],
                    "n_trains": middle[method] / middle[TRAIN],
                }
            )
    return pd.DataFrame(rows)
