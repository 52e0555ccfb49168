"""The callbacks on an ordinary network, beside a member of many."""

import keras
import numpy as np
import pandas as pd

from experiments.strength_schedule.penalties import PENALTIES
from experiments.strength_schedule.plan import Restarts
from kerasreg import optimizers
from kerasreg.callbacks import RegularizationMonitor, StrengthSchedule
from kerasreg.regularizers import scaled_regularizer

PENALTY = "l1"
QUANTITIES = ["strength_scale", "data_loss", "penalty"]


def ordinary(members, plan, trained, settings, log_dir=None):
    """Ordinary networks under L1 at the middle strength, first seed, each beside its member.

    Returns:
        A table: how far the weights are from the member's; and one of curves, by epoch.
    """
    data, strengths = members.data, members.strengths[PENALTY]
    at = len(strengths) // 2
    penalty = scaled_regularizer(PENALTIES[PENALTY], strengths[at])
    hidden = keras.layers.Dense(data.start[1].shape[-1], "tanh", kernel_regularizer=penalty)
    output = keras.layers.Dense(data.start[3].shape[-1], kernel_regularizer=penalty)
    model = keras.Sequential([keras.Input(data.x.shape[2:]), hidden, output])
    model.compile(
        optimizers.ProximalAdam(data.learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        steps_per_execution=data.steps,
        jit_compile=False,
    )
    starts = [values[0] for values in data.start]
    restarts = Restarts(plan, settings.epochs, model.weights, starts)
    monitor = RegularizationMonitor(log_dir)
    model.fit(
        data.x[:, 0],
        data.y[:, 0],
        batch_size=data.batch_size,
        epochs=restarts.epochs,
        shuffle=False,
        verbose=0,
        callbacks=[restarts, StrengthSchedule(restarts.schedule), monitor],
    )
    rows = []
    for schedule, weights in restarts.found.items():
        mine = np.concatenate([w.ravel() for w in weights])
        its = np.concatenate([w[at, 0].ravel() for w in trained[schedule][PENALTY]])
        row = {"schedule": schedule, "strength": strengths[at], "weights": mine.size}
        row["zero_in_both"] = int(np.sum((mine == 0) & (its == 0)))
        row["zero_in_one"] = int(np.sum((mine == 0) != (its == 0)))
        row["largest_difference"] = np.abs(mine - its).max()
        row["largest_weight"] = np.abs(mine).max()
        rows.append(row)
    curves = monitor.curves.pivot(index="epoch", columns="quantity", values="value")[QUANTITIES]
    kernels = monitor.weights[monitor.weights["variable"].str.endswith("kernel")]
    counts = kernels.groupby("epoch")[["n_zero", "n_weights"]].sum()
    curves["zero_share"] = counts["n_zero"] / counts["n_weights"]
    curves = curves.reset_index().rename_axis(columns=None)
    curves.insert(0, "schedule", np.repeat(list(plan), settings.epochs))
    curves["epoch"] = (curves["epoch"] - 1) % settings.epochs + 1
    return pd.DataFrame(rows), curves
