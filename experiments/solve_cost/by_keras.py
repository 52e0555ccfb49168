"""The same path in Keras, where L1 and L2 are both solved by gradient steps."""

import time

import keras
import numpy as np
import pandas as pd

from experiments.solve_cost.bounds import bound_of
from experiments.solve_cost.measures import largest_strength
from kerasreg.optimizers import ProximalSGD
from kerasreg.path import regularization_path


def in_keras(x, y, settings, track):
    """Keras's regularizers and ProximalSGD, all strengths at once in one compiled program.

    Repetition 0 compiles. After the same steps, the error of the worst strength.
    """
    n, d = x.shape
    path = largest_strength(x, y) * np.geomspace(settings.ratio, 1, settings.n_strengths)
    rate = float(1 / np.linalg.eigvalsh(2 * x.T @ x / n)[-1])
    options = {"strengths": path.tolist(), "loss": "mse", "epochs": settings.keras_steps}
    options |= {"batch_size": n, "verbose": 0}
    models, optimizers = {}, {}
    for penalty, regularizer in (
        ("l1", keras.regularizers.L1(1.0)),
        ("l2", keras.regularizers.L2(1.0)),
    ):
        dense = keras.layers.Dense(1, use_bias=False, kernel_regularizer=regularizer, name="output")
        models[penalty] = keras.Sequential([keras.Input((d,)), dense])
        optimizers[penalty] = ProximalSGD(rate, momentum=0.9, nesterov=True)
    arrays, rows = (x.astype("float32"), y.astype("float32")), []
    for repetition in track(range(settings.keras_repetitions + 1), "Keras"):
        for penalty in list(models)[:: 1 if repetition % 2 else -1]:
            start = time.process_time()
            found = regularization_path(
                models[penalty], *arrays, optimizer=optimizers[penalty], **options
            )
            seconds = time.process_time() - start
            table = found.coefficients.pivot(index="index", columns="strength", values="value")
            error = bound_of(penalty, table.to_numpy("float64"), x, y, table.columns.to_numpy())
            row = {"penalty": penalty, "repetition": repetition, "n_strengths": len(path)}
            rows.append(row | {"steps": settings.keras_steps, "error": error, "seconds": seconds})
    return pd.DataFrame(rows)
