"""Autoencoders of the digits, with and without a penalty on their codes.

From 64 pixels to 100 sigmoid units and back, with L1 on the units, with KL (the divergence of a
unit's mean activity from a small target), or with neither. The decoder has no negative weights:
a unit adds ink, and what it stands for can be seen. A little L2 on the decoder keeps the units
from escaping the penalty by small activities and large weights.
"""

from dataclasses import dataclass

import keras
import pandas as pd
from keras import ops

from experiments.outcome import Outcome, no_progress
from experiments.sparse_codes.figures import draw_codes, draw_features
from experiments.sparse_codes.measures import KEYS, compared, example, features, measured
from kerasreg import datasets, training
from kerasreg.regularizers import KLSparsity

QUESTION = "What does a penalty on its activities do to what an autoencoder learns?"
SYSTEMS: tuple[str, ...] = ()
CLAIMS: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)  # of the split, the initial weights and the order
    units: int = 100
    epochs: int = 60  # 1800 steps of Adam
    l1: tuple[float, ...] = (0.0003, 0.001, 0.003)
    kl: tuple[float, ...] = (0.001, 0.003, 0.01)
    target: float = 0.05  # the mean activity that KL wants of each unit
    jit_compile: bool = True


QUICK = Settings(seeds=(0, 1), epochs=3, l1=(0.001,), kl=(0.003,), jit_compile=False)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    penalties = {"l1": keras.regularizers.L1(1.0), "kl_sparsity": KLSparsity(1.0, settings.target)}
    cases = [("none", "l1", 0.0), *(("l1", "l1", strength) for strength in settings.l1)]
    cases += [("kl_sparsity", "kl_sparsity", strength) for strength in settings.kl]
    networks = {name: autoencoder(settings, penalty) for name, penalty in penalties.items()}
    data = {seed: datasets.digits(seed=seed) for seed in settings.seeds}
    starts = {seed: initial_weights(settings, seed) for seed in settings.seeds}
    found: dict[str, dict] = {"codes": {}, "activities": {}, "units": {}}
    weights = {}
    for penalty, name, strength in track(cases, "autoencoders"):
        model, scale, optimizer, untouched = networks[name]
        for seed in settings.seeds:
            # Set back to the start instead of made anew: all runs share one compiled program.
            model.set_weights(starts[seed])
            optimizer.set_weights(untouched)
            scale.assign(strength)
            x = data[seed].x_train
            training.train(
                *(model, x, x),
                optimizer=optimizer,
                loss="mean_squared_error",
                epochs=settings.epochs,
                batch_size=36,  # KL sees means of a batch: too small ones would be noise
                seed=seed,
                jit_compile=settings.jit_compile,
                log_dir=log_dir and f"{log_dir}/{penalty}-{strength:g}-{seed}",
            )
            key = penalty, strength, seed
            for table, rows in measured(model, data[seed].x_test).items():
                found[table][key] = rows
            weights[key] = model.get_weights()
    tables = {
        name: pd.concat(runs, names=KEYS).reset_index(KEYS).reset_index(drop=True)
        for name, runs in found.items()
    }
    model, first = networks["l1"][0], settings.seeds[0]
    chosen = {key: weights[*key, first] for key in compared(tables["codes"])}
    drawn = pd.MultiIndex.from_frame(tables["units"][KEYS[:2]]).isin(list(chosen))
    tables["units"] = tables["units"][drawn]  # the table would be large
    tables["features"] = features(model, chosen, data[first])
    tables["example"] = example(model, chosen, data[first])
    figures = {"codes": draw_codes(tables, settings), "features": draw_features(tables)}
    return Outcome(tables, figures)


def autoencoder(settings, penalty):
    """The network, the variable that has the strength, the optimizer and its untouched state."""
    strength = keras.Variable(0.0, trainable=False)

    def penalty_of(activities):
        return strength * penalty(activities)

    code = keras.layers.Dense(
        settings.units, activation="sigmoid", activity_regularizer=penalty_of, name="code"
    )
    ink = keras.layers.Dense(
        64, kernel_constraint="non_neg", kernel_regularizer=keras.regularizers.L2(1e-4), name="ink"
    )
    model = keras.Sequential([keras.Input((64,)), code, ink])
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build(model.trainable_variables)
    untouched = [ops.convert_to_numpy(v).copy() for v in optimizer.variables]
    return model, strength, optimizer, untouched


def initial_weights(settings, seed):
    keras.utils.set_random_seed(seed)
    layers = [keras.layers.Dense(settings.units), keras.layers.Dense(64)]
    return keras.Sequential([keras.Input((64,)), *layers]).get_weights()
