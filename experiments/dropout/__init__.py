"""Dropout: the error, how far units rely on one another, and the average over all sub-networks.

Networks of one ReLU layer, a narrow and a wide one, learn 100 digits with Adam, the rest are held
out; each rate p of dropping has as many runs as seeds, which draw the split, the weights and the
dropped units. Keras divides what is left by 1 − p in training, the note leaves it and scales
outputs at test time; both are measured. Then small networks of one and of two hidden layers, of
which all 2ⁿ sub-networks are computed, before and after training.
"""

from dataclasses import dataclass
from itertools import product

import pandas as pd

from experiments.dropout.ensemble import ensemble_rows
from experiments.dropout.figures import draw_ensemble, draw_networks
from experiments.dropout.findings import findings as findings
from experiments.dropout.measures import OneHidden
from experiments.networks_with_dropout.members import Members
from experiments.networks_with_dropout.one_network import Network, parts_of
from experiments.outcome import Outcome, no_progress
from kerasreg import datasets

QUESTION = "What does dropout do to a network, in training and at test time?"
SYSTEMS = ("S17", "S18")
CLAIMS = ("C27", "C28", "C29", "C38")


@dataclass(frozen=True)
class Settings:
    data: str = "digits"
    seeds: tuple[int, ...] = tuple(range(20))
    keras_seeds: int = 5  # of which the same is done with Keras's own layers
    n_train: int = 100  # few, so that without dropout it overfits
    n_validation: int = 300
    n_test: int = 1300  # of those that are left
    n_train_keras: int = 1000  # where the losses that Keras reports are followed
    keras_epochs: int = 15
    widths: tuple[int, ...] = (16, 128)
    rates: tuple[float, ...] = (0.0, 0.2, 0.5, 0.65, 0.8)
    small: tuple[tuple[int, ...], ...] = ((10,), (5, 5))  # hidden units: 1024 sub-networks each
    small_rates: tuple[float, ...] = (0.2, 0.5)
    n_images: int = 50  # of the test, for the sub-networks
    epochs: int = 60
    batch_size: int = 50
    learning_rate: float = 0.01


QUICK = Settings(
    seeds=(0, 1),
    keras_seeds=1,
    n_train=50,
    n_validation=50,
    n_test=50,
    n_train_keras=100,
    keras_epochs=2,
    widths=(4, 16),
    rates=(0.0, 0.5),
    small=((4,), (2, 2)),
    small_rates=(0.5,),
    n_images=10,
    epochs=4,
)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    def load(seed, n_train=None):
        return parts_of(datasets.load(settings.data, seed=seed), settings, n_train)

    data = {seed: load(seed) for seed in settings.seeds}
    networks, scaling, ensembles, curves = [], [], [], []
    cases = [((width,), False) for width in settings.widths]
    for units, small in track([*cases, *((n, True) for n in settings.small)], "networks"):
        rates = settings.small_rates if small else settings.rates
        members = Members(data, settings, units, rates)
        if small:
            ensembles += ensemble_rows(members, settings, units, "before")
        members.train(settings.epochs, seed=0)
        if small:
            ensembles += ensemble_rows(members, settings, units, "after")
            continue
        weights = members.weights()
        for (s, seed), (c, rate) in product(enumerate(settings.seeds), enumerate(rates)):
            parts = {part: (x[:, s], y[:, s]) for part, (x, y) in members.parts.items()}
            network = OneHidden(parts, [w[s, c] for w in weights], rate, seed)
            keys = {"data": settings.data, "n_train": settings.n_train}
            keys |= {"units": units[0], "seed": seed, "rate": rate}
            networks.append(keys | network.performance() | network.reliance())
            if rate > 0:
                scaling.append(keys | network.scaling() | network.sampled_average())
    few, many = settings.n_train, settings.n_train_keras
    last, of_keras = [], [(0.5, few, settings.epochs)]
    of_keras += [(rate, many, settings.keras_epochs) for rate in (0.0, 0.5)]
    n_features = data[settings.seeds[0]]["train"][0].shape[1]
    for rate, n_train, epochs in track(of_keras, "with Keras's layers"):
        one = Network(n_features, settings.widths[-1:], rate, settings.learning_rate)
        for seed in settings.seeds[: settings.keras_seeds]:
            keys = {"n_train": n_train, "seed": seed, "rate": rate}
            logs = log_dir and f"{log_dir}/dropout-{n_train}-{rate:g}-{seed}"
            found, losses = one.curves(load(seed, n_train), settings, epochs, seed, logs)
            curves.append(found.assign(**keys))
            last.append(keys | losses)
    tables = {
        "networks": pd.DataFrame(networks),
        "scaling": pd.DataFrame(scaling),
        "ensembles": pd.DataFrame(ensembles),
        "keras_curves": pd.concat(curves, ignore_index=True),
        "keras_losses": pd.DataFrame(last),
    }
    return Outcome(tables, {"networks": draw_networks(tables), "ensemble": draw_ensemble(tables)})
