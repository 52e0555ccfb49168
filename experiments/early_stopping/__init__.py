"""Early stopping against L2, then with L1, L2, elastic net and dropout in one table.

First linear regression, where both are known in closed form: diabetes with the squares and products
of its features, few rows. After τ steps of size η on the mean squared error, gradient descent from
zero shrinks a direction whose variance is s to 1 − (1 − 2ηs)^τ of its least squares value, Keras's
L2(λ) to s/(s + λ); compared at λ = 1/(2ητ). Then networks on 100 digits after TensorFlow's tutorial
"Overfit and underfit", with the seeds and spreads that it lacks: strengths, rates and epochs are
chosen on validation data and judged on the test. All members are trained at once, with Adam; some
again as users do it, with `fit` and `EarlyStopping`.
"""

from dataclasses import dataclass

import pandas as pd

from experiments.early_stopping.by_keras import fitted_by_keras, with_keras
from experiments.early_stopping.figures import draw_linear, draw_networks
from experiments.early_stopping.findings import findings as findings
from experiments.early_stopping.linear import Regression
from experiments.early_stopping.networks import choices, train_members
from experiments.networks_with_dropout.one_network import parts_of
from experiments.outcome import Outcome, no_progress
from kerasreg import datasets

QUESTION = "Is early stopping a penalty, and does it pay to combine it with penalties and dropout?"
SYSTEMS = ("S15", "S19")
CLAIMS = ("C26", "C48")


@dataclass(frozen=True)
class Settings:
    data: str = "digits"
    seeds: tuple[int, ...] = tuple(range(20))  # of the splits, the weights and what is dropped
    keras_seeds: int = 2
    n_rows: int = 80  # of diabetes, for 65 features
    decades: float = 5.0  # of steps, from 1
    times: int = 41
    keras_steps: tuple[int, ...] = (1, 10, 100)  # at which Keras's own descent is compared
    n_train: int = 100
    n_validation: int = 200
    n_test: int = 600
    units: int = 64
    rates: tuple[float, ...] = (0.0, 0.2, 0.5)
    l1: tuple[float, ...] = (3e-4, 1e-3, 3e-3)
    l2: tuple[float, ...] = (3e-4, 1e-3, 3e-3)
    l1_l2: tuple[float, ...] = (2e-4, 6e-4)  # each of both
    epochs: int = 50
    epochs_between: int = 5
    batch_size: int = 50
    learning_rate: float = 0.02


QUICK = Settings(
    seeds=(0, 1),
    keras_seeds=1,
    decades=3.0,
    times=7,
    keras_steps=(10,),
    n_train=50,
    n_validation=50,
    n_test=50,
    units=8,
    rates=(0.0, 0.5),
    l1=(1e-3,),
    l2=(1e-3,),
    l1_l2=(6e-4,),
    epochs=6,
    epochs_between=2,
)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    paths, directions = [], []
    for seed in track(settings.seeds, "regressions"):
        regression = Regression(seed, settings)
        paths.append(regression.paths().assign(seed=seed))
        directions.append(regression.directions().assign(seed=seed))
    data = {
        seed: parts_of(datasets.load(settings.data, seed=seed), settings) for seed in settings.seeds
    }
    checks = train_members(data, settings, track, log_dir)
    tables = {
        "paths": pd.concat(paths, ignore_index=True),
        "directions": directions[0],
        "keras_linear": with_keras(Regression(settings.seeds[0], settings), settings),
        "choices": choices(checks, settings),
        "curves": curves(checks),
    }
    tables["keras_networks"] = fitted_by_keras(data, tables["choices"], settings)
    return Outcome(tables, {"linear": draw_linear(tables), "networks": draw_networks(tables)})


def curves(checks):
    """Quartiles over the seeds of the losses by epoch, for each setting."""
    keys = ["penalty", "strength", "rate", "epoch"]
    losses = checks.groupby(keys, sort=False)[["train_loss", "validation_loss", "test_loss"]]
    found = losses.quantile([0.25, 0.5, 0.75]).rename_axis([*keys, "quantile"])
    return found.reset_index()
