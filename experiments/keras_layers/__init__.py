"""Keras's l1, l2 and l1_l2 on a layer's kernel, its bias, or its output.

The article's three regularizers in three places of a hidden ReLU layer, against none: its own
layer of ten units on diabetes, which has ten features, and one of 64 units on the digits."""

from dataclasses import dataclass
from itertools import product

import keras
import numpy as np
import pandas as pd

from experiments.keras_layers.figures import draw
from experiments.keras_layers.findings import IDLE, KEYS, OUTPUT, WEIGHT
from experiments.keras_layers.findings import findings as findings
from experiments.outcome import Outcome, no_progress
from kerasreg import datasets, training, variables

QUESTION = "What changes when a layer's kernel, its bias or its output is penalized?"
SYSTEMS = ("S9",)
CLAIMS = ("C23",)


@dataclass(frozen=True)
class Settings:
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)  # of the split, the initial weights and the order
    penalties: tuple[str, ...] = ("l1", "l2", "l1_l2")
    epochs: tuple[int, int] = (25, 61)  # on digits and diabetes: 850 and 549 steps of Adam


QUICK = Settings(seeds=(0, 1), penalties=("l1",), epochs=(2, 2))
TASKS: dict[str, tuple] = {  # features, hidden units, outputs and what they are, loss, metrics
    "digits": (64, 64, 10, "softmax", "sparse_categorical_crossentropy", ["accuracy"]),
    "diabetes": (10, 10, 1, "linear", "mean_squared_error", []),
}
PENALTIES = {"l1": keras.regularizers.l1(0.01), "l2": keras.regularizers.l2(0.01)}
PENALTIES["l1_l2"] = keras.regularizers.l1_l2(0.01, 0.01)


def run(settings: Settings, *, track=no_progress, log_dir: str | None = None) -> Outcome:
    cases = [("none", "none"), *product(("kernel", "bias", "activity"), settings.penalties)]
    names = ("curves_digits", "curves_diabetes", "weight_histograms", "layers")
    found: dict[str, dict] = {name: {} for name in names}
    for dataset, (place, penalty) in track(list(product(TASKS, cases)), "layers"):
        features, units, outputs, activation, loss, metrics = TASKS[dataset]
        chosen = {f"{place}_regularizer": PENALTIES[penalty]} if place != "none" else {}
        hidden = keras.layers.Dense(units, activation="relu", name="hidden", **chosen)
        output = keras.layers.Dense(outputs, activation=activation, name="output")
        model = keras.Sequential([keras.Input((features,)), hidden, output])
        optimizer, epochs = keras.optimizers.Adam(), settings.epochs[dataset == "diabetes"]
        optimizer.build(model.trainable_variables)
        untouched = [variables.values_of(v).copy() for v in optimizer.variables]
        options = {"optimizer": optimizer, "loss": loss, "metrics": metrics, "epochs": epochs}
        for seed in settings.seeds:
            # Set back to the start instead of made anew: all seeds share one compiled program.
            keras.utils.set_random_seed(seed)
            model.set_weights(keras.models.clone_model(model).get_weights())
            optimizer.set_weights(untouched)
            data, key = getattr(datasets, dataset)(seed=seed), (dataset, place, penalty, seed)
            options |= {"validation_data": (data.x_validation, data.y_validation), "seed": seed}
            options["log_dir"] = log_dir and f"{log_dir}/{dataset}-{place}-{penalty}-{seed}"
            record = training.train(model, data.x_train, data.y_train, jit_compile=False, **options)
            some = "epoch % 4 == 1 and not quantity.str.contains('/')"  # the tables stay small
            found[f"curves_{dataset}"][key] = record.curves.query(some)
            if dataset == "digits" and place in ("none", "kernel") and seed == settings.seeds[0]:
                some = "epoch % 4 == 1 and variable == @WEIGHT"
                found["weight_histograms"][key] = record.weight_histograms.query(some)
            found["layers"][key] = measured(model, data)
    layers = pd.DataFrame(found.pop("layers")).T.rename_axis(KEYS)
    mean = layers["mean_abs"]
    percent = 100 * mean / mean.groupby(["dataset", "seed"]).transform("first")  # none comes first
    layers = layers.join(pd.concat({"percent_of_none": percent}, axis=1))
    tables = {name: pd.concat(runs, names=KEYS).reset_index(KEYS) for name, runs in found.items()}
    tidy = layers.rename_axis(columns=["quantity", "part"]).stack([0, 1]).dropna()
    tables["layers"] = tidy.reset_index(name="value")
    return Outcome(tables, draw(tables, layers))


def measured(model, data):
    """Sizes and zeros of weights and outputs, and the penalty on two halves of the test data."""
    parts = {name: variables.values_of(v) for name, v in variables.named_variables(model)}
    parts[OUTPUT] = np.asarray(model.layers[0](data.x_test))
    parts[IDLE] = parts[WEIGHT][~data.x_train.any(axis=0)]
    found: dict = {("dead_unit_share", OUTPUT): np.mean(~parts[OUTPUT].any(axis=0))}
    for part, size in {part: np.abs(parts[part]) for part in parts if parts[part].size}.items():
        found |= {("mean_abs", part): np.mean(size), ("zero_share", part): np.mean(size == 0)}
        found["near_zero_share", part] = np.mean(size < 1e-3)  # less than Adam's step
    for half in (0, 1):
        model(data.x_test[half::2])
        found[f"penalty_of_half_{half}", "model"] = float(sum(model.losses))
    return found
