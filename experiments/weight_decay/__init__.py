"""L2 in the loss against decoupled weight decay, for SGD and for Adam.

Every learning rate with every strength, on a small network and few digits, so that without a
penalty it overfits (after Loshchilov & Hutter, arXiv:1711.05101, figures 1 and 2). Keras multiplies
`weight_decay` by the learning rate, and so does every gradient step with L2; the paper tunes the
product. Biases are free throughout. All strengths and seeds of one learning rate are trained at
once, as members of one network that nothing connects.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from experiments.member_loss import sum_over_members
from experiments.outcome import Outcome, no_progress
from experiments.weight_decay.figures import draw_effects, draw_grids
from experiments.weight_decay.measures import differences, measured, summary
from experiments.weight_decay.members import (
    OPTIMIZERS,
    PENALTIES,
    initial_weights,
    network,
)
from kerasreg import datasets, training

QUESTION = "Is L2 in the loss the same as weight decay?"
SYSTEMS: tuple[str, ...] = ()
CLAIMS: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)  # of the split and the initial weights
    n_train: int = 100  # of the 1079 training digits: few, so that a penalty is worth something
    hidden_units: int = 32
    epochs: int = 60  # 240 steps
    # Decay d stands for L2(d/2), whose gradient is d·w, and for weight_decay=d. SGD diverges where
    # rate·d exceeds 2.
    decays: tuple[float, ...] = (0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
    sgd_rates: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3)
    momentum_rates: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1, 0.3)
    adam_rates: tuple[float, ...] = (0.001, 0.003, 0.01, 0.02, 0.05, 0.1)
    jit_compile: bool = True


FEW: dict = {"n_train": 50, "epochs": 6, "decays": (0.0, 0.01, 0.1), "jit_compile": False}
FEW |= {"sgd_rates": (0.1,), "momentum_rates": (), "adam_rates": (0.001, 0.01)}
QUICK = Settings(seeds=(0, 1), **FEW)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    data = [datasets.digits(seed=seed) for seed in settings.seeds]
    # Shape (samples, seeds, features); a label is told to every strength.
    x = np.stack([part.x_train[: settings.n_train] for part in data], axis=1)
    y = np.stack([part.y_train[: settings.n_train] for part in data], axis=1)
    y = np.repeat(y[:, None], len(settings.decays), axis=1)
    start = initial_weights(settings)
    networks = {case: network(settings, *case) for case in product(OPTIMIZERS, PENALTIES)}
    rates = (settings.sgd_rates, settings.momentum_rates, settings.adam_rates)
    runs = [(o, rate) for o, some in zip(OPTIMIZERS, rates, strict=True) for rate in some]
    cells, apart = {}, {}
    for name, rate in track(runs, "learning rates"):
        weights = {}
        for penalty in PENALTIES:
            model, optimizer, untouched = networks[name, penalty]
            # Set back to the start instead of made anew: all rates share one compiled program.
            model.set_weights(start)
            optimizer.set_weights(untouched)
            optimizer.learning_rate.assign(rate)
            training.train(
                *(model, x, y),
                optimizer=optimizer,
                loss=sum_over_members,
                epochs=settings.epochs,
                batch_size=25,
                jit_compile=settings.jit_compile,
                seed=0,  # the members have batches of the same rows, of their own data
                log_dir=log_dir and f"{log_dir}/{name}-{penalty}-{rate:g}".replace(" ", "-"),
            )
            weights[penalty] = model.get_weights()
            cells[name, penalty, rate] = measured(model, start, data, settings)
        apart[name, rate] = differences(weights, name, settings)
    keys = ["optimizer", "penalty", "learning_rate"]
    tables = {
        "cells": pd.concat(cells, names=keys).reset_index(),
        "differences": pd.concat(apart, names=keys[::2]).reset_index(),
    }
    tables["summary"] = summary(tables)
    figures = {"grids": draw_grids(tables), "effects": draw_effects(tables)}
    return Outcome(tables, figures)
