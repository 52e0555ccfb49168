"""The networks of `coefficient_path`: 64 pixels, a ReLU layer, ten classes, under ProximalAdam."""

import keras
import numpy as np
import pandas as pd
from keras import ops
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedShuffleSplit

from kerasreg.grid import train_grid
from kerasreg.optimizers import ProximalAdam
from kerasreg.regularizers import GroupLasso

#: Penalties of the hidden and of the output layer. A group is what enters or leaves a unit.
NETWORKS = {
    "l1": (keras.regularizers.L1(1.0), keras.regularizers.L1(1.0)),
    "l2": (keras.regularizers.L2(1.0), keras.regularizers.L2(1.0)),
    "group_lasso": (GroupLasso(1.0, groups="outputs"), GroupLasso(1.0, groups="inputs")),
}
STRENGTHS = (1e-5, 1.0)
LEARNING_RATE, BATCH_SIZE = 3e-3, 64


def network_paths(settings, track, log_dir=None):
    """Accuracy on the test digits, and what is left, a row a penalty, strength, split and seed."""
    x, y = load_digits(return_X_y=True)
    x, y = (x / 16).astype("float32"), y.astype("int32")
    splits = [
        next(StratifiedShuffleSplit(1, test_size=0.25, random_state=k).split(x, y))
        for k in settings.splits
    ]
    rows = []
    for penalty in track(list(settings.networks), "networks"):
        into, out_of = NETWORKS[penalty]
        layers = [
            keras.layers.Dense(
                settings.hidden_units, "relu", kernel_regularizer=into, name="hidden"
            ),
            keras.layers.Dense(10, kernel_regularizer=out_of, name="output"),
        ]
        grid = train_grid(
            keras.Sequential([keras.Input((64,)), *layers]),
            *(x, y),
            strengths=np.geomspace(*STRENGTHS, settings.network_strengths).tolist(),
            folds=splits,
            seeds=settings.seeds,
            optimizer=ProximalAdam(LEARNING_RATE),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
            epochs=settings.epochs,
            batch_size=BATCH_SIZE,
            jit_compile=settings.jit_compile,
            verbose=0,
            log_dir=log_dir and f"{log_dir}/networks-{penalty}",
            log_members=8,  # of the first split and seed
        )
        scores = grid.curves.query("split == 'validation' and quantity == 'accuracy'")
        for row in scores[scores["epoch"] == settings.epochs].itertuples():
            key = row.strength, row.fold, row.seed
            left = what_is_left(x[splits[row.fold][0]], *grid.values(*key))
            rows.append((penalty, *key, row.value, *left))
    columns = ["penalty", "strength", "split", "seed", "accuracy", *LEFT]
    return pd.DataFrame(rows, columns=columns)


LEFT = ("n_weights", "n_nonzero", "n_zero_with_data", "units", "pixels", "pixels_with_ink")


def what_is_left(x, kernel, bias, output, _):
    """Counts of weights, of units that hear and are heard, and of pixels that are looked at.

    A weight has data if some training image has ink in its pixel while its unit is active; without
    that its gradient is zero, and in Adam's scaling a proximal step then shrinks it the most.
    """
    active = ops.cast(ops.matmul(x, kernel) + bias > 0, "float32")
    with_data = ops.convert_to_numpy(ops.matmul((x > 0).astype("float32").T, active)) > 0
    active = ops.convert_to_numpy(active)
    heard = np.broadcast_to(active.any(axis=0)[:, None], output.shape)
    zero = (kernel == 0) & with_data, (output == 0) & heard
    return (
        kernel.size + output.size,
        np.count_nonzero(kernel) + np.count_nonzero(output),
        sum(map(np.count_nonzero, zero)),
        np.count_nonzero(kernel.any(axis=0) & output.any(axis=1)),
        np.count_nonzero(kernel.any(axis=1)),
        np.count_nonzero(x.any(axis=0)),
    )
