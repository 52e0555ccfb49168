"""A trained network made small: a penalty on its units, a refit without it, the rest cut out.

Networks for the digits are trained without a penalty. Then `regularize` puts a group lasso on their
hidden kernels, `ProximalAdam` trains on until units are zero, a refit trains what is left without
the penalty, and `shrink` takes the dead units out. Other roads take as many epochs in all: the
units, or weights, of least norm are cut from the trained network before it trains on; a network is
small from the start; L1 takes weights one by one; and the whole network just trains on. The refit
holds zeros as `fixed_support` does, by a mask that all runs of one compiled program share.
"""

from dataclasses import dataclass, field

import pandas as pd

from experiments.fine_tune.cost_figure import draw_costs
from experiments.fine_tune.figures import draw_accuracy, draw_stages
from experiments.fine_tune.roads import GROUPS, L1, Roads
from experiments.fine_tune.speed import measure
from experiments.fine_tune.speed_verdicts import speed_verdicts
from experiments.fine_tune.training import Trainer
from experiments.fine_tune.verdicts import verdicts
from experiments.outcome import Outcome, no_progress
from kerasreg import datasets

QUESTION = "How small can a trained network be made, and at what price?"
SYSTEMS: tuple[str, ...] = ()
CLAIMS: tuple[str, ...] = ()
TIMED = ("speed", "speed_verdicts")

#: By network, from a few units less to about a quarter of the parameters.
STRENGTHS: dict[str, tuple[float, ...]] = {
    "dense": (0.001, 0.002, 0.004),
    "convolutional": (0.004, 0.01),
}
#: Where single weights are zeroed too.
L1_STRENGTHS: dict[str, tuple[float, ...]] = {"dense": (0.002, 0.006)}


@dataclass(frozen=True)
class Settings:
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)  # of the split, the initial weights and the order
    strengths: dict[str, tuple[float, ...]] = field(default_factory=lambda: STRENGTHS)
    l1_strengths: dict[str, tuple[float, ...]] = field(default_factory=lambda: L1_STRENGTHS)
    test: float = 0.4  # of the 1797 images: one of 719 is 0.14 points
    epochs: tuple[int, int, int] = (4, 3, 3)  # without a penalty, with it, and refitting
    copies: int = 5  # of the data in an epoch: few long epochs are faster
    batch_size: int = 128
    learning_rate: float = 0.01
    batches: tuple[int, ...] = (256, 4096)  # of the timed predictions
    repetitions: int = 20


QUICK = Settings(
    seeds=(0, 1),
    strengths={"dense": (0.004,)},
    l1_strengths={"dense": (0.004,)},
    epochs=(2, 2, 2),
    copies=2,
    batches=(256,),
    repetitions=2,
)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    data = {
        seed: datasets.digits(validation=0.1, test=settings.test, seed=seed)
        for seed in settings.seeds
    }
    stages: list[dict] = []
    sizes: list[dict] = []
    times: list[pd.DataFrame] = []
    for network, strengths in settings.strengths.items():
        free, grouped = Trainer(network, settings), Trainer(network, settings, GROUPS)
        cases = [(grouped, strength) for strength in strengths]
        if network in settings.l1_strengths:
            single = Trainer(network, settings, L1)
            cases += [(single, strength) for strength in settings.l1_strengths[network]]
        for seed in track(settings.seeds, network):
            roads = Roads(network, free, settings, data[seed], seed, log_dir)
            for trainer, strength in cases:
                roads.penalized(trainer, strength)
            stages, sizes = stages + roads.stages, sizes + roads.sizes
            if roads.models:
                times.append(measure(network, roads.models, data[seed].x_train, settings))
    tables = {
        "stages": pd.DataFrame(stages),
        "sizes": pd.DataFrame(sizes),
        "speed": pd.concat(times, ignore_index=True),
    }
    tables["verdicts"] = verdicts(tables)
    tables["speed_verdicts"] = speed_verdicts(tables)
    figures = {
        "accuracy": draw_accuracy(tables["sizes"]),
        "costs": draw_costs(tables),
        "stages": draw_stages(tables["stages"]),
    }
    return Outcome(tables, figures)
