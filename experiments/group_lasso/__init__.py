"""Group lasso on the first layer of a network for the digits: its pixels, or its hidden units.

A group is what becomes zero as a whole: all weights that leave a pixel, or all that enter a unit.
Against L1, which takes weights one by one, and sparse group lasso, which does both; all with
`ProximalAdam`, and with an L2 of the same strength on the second layer, which would else grow and
let the first one shrink. Then a network without a penalty learns from the pixels that are left.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from experiments.group_lasso.figures import draw_pixels, draw_price, draw_units
from experiments.group_lasso.networks import Network, initial_weights
from experiments.outcome import Outcome, no_progress
from kerasreg import datasets

QUESTION = "Which pixels and which hidden units does a network need to read digits?"
SYSTEMS: tuple[str, ...] = ()
CLAIMS: tuple[str, ...] = ()

L1, UNITS = "l1", "groups of units"
#: By penalty, up to where the network begins to fail.
STRENGTHS: dict[str, tuple[float, ...]] = {
    L1: (0.001, 0.005, 0.01, 0.015, 0.02),
    "sparse groups": (0.001, 0.002, 0.004, 0.008, 0.012),
    "groups of pixels": (0.001, 0.002, 0.004, 0.008, 0.011),
    UNITS: (0.001, 0.002, 0.004, 0.008, 0.011),
}


@dataclass(frozen=True)
class Settings:
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)  # of the split, the initial weights and the order
    strengths: dict[str, tuple[float, ...]] = field(default_factory=lambda: STRENGTHS)
    units: int = 24
    copies: int = 10  # of the data in an epoch: few long epochs are faster
    epochs: int = 3  # 255 steps
    batch_size: int = 128
    learning_rate: float = 0.03
    jit_compile: bool = True


QUICK = Settings(
    seeds=(0, 1),
    strengths={L1: (0.002,), "groups of pixels": (0.002,), UNITS: (0.002,)},
    units=6,
    copies=1,
    epochs=2,
    jit_compile=False,
)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    data = {seed: datasets.digits(seed=seed) for seed in settings.seeds}
    starts = initial_weights(settings)
    networks = {penalty: Network(penalty, starts, settings) for penalty in settings.strengths}
    cases = [("none", 0.0)]
    cases += [(penalty, value) for penalty, some in settings.strengths.items() for value in some]
    first, rows, units = settings.seeds[0], [], {}
    alive: dict = {}
    for penalty, strength in track(cases, "penalties"):
        network = networks[L1 if penalty == "none" else penalty]
        for seed in settings.seeds:
            logs = log_dir and f"{log_dir}/{penalty}-{strength:g}-{seed}".replace(" ", "-")
            accuracy = network.train(data[seed], strength, seed, log_dir=logs)
            kernel, row = network.kernel, {"penalty": penalty, "strength": strength, "seed": seed}
            pixels, row["accuracy"] = kernel.any(axis=1), accuracy
            row |= {"pixels": pixels.sum(), "units": kernel.any(axis=0).sum()}
            row["weights"] = np.count_nonzero(kernel)
            if penalty in ("none", UNITS) and seed == first:
                live = pd.DataFrame(kernel.T)[kernel.any(axis=0)]
                units[penalty, strength] = live.stack()
            elif penalty not in ("none", UNITS):
                again = data[seed], 0.0, seed, pixels
                row["accuracy_again"] = networks[L1].train(*again)
                alive[penalty, strength] = alive.get((penalty, strength), 0) + pixels.astype(int)
            rows.append(row)
    keys, counts = ["penalty", "strength"], {key: pd.Series(n) for key, n in alive.items()}
    mean = pd.Series(data[first].x_train.mean(axis=0)).rename_axis("pixel")
    tables = {
        "runs": pd.DataFrame(rows),
        "pixels": pd.concat(counts, names=[*keys, "pixel"]).reset_index(name="seeds"),
        "units": pd.concat(units, names=[*keys, "unit", "pixel"]).reset_index(name="weight"),
        "mean_digit": mean.reset_index(name="ink"),
    }
    figures = {
        "pixels": draw_pixels(tables, len(settings.seeds)),
        "units": draw_units(tables, settings.units),
        "price": draw_price(tables["runs"]),
    }
    return Outcome(tables, figures)
