"""Descents of `two_features` by Keras, step by step, beside NumPy's and the exact minima."""

from typing import Any

import keras
import numpy as np
import pandas as pd

from experiments.two_features.data import draw, moments
from experiments.two_features.solutions import SOLVE, loss_of, penalty_of
from kerasreg import descent, optimizers, training

WAYS = {"subgradient": keras.optimizers.SGD, "proximal": optimizers.ProximalSGD}


def trained(x, y, penalty, strength, way, settings):
    """(w₁, w₂, b) before and after each full-batch step of a Dense unit, `(steps + 1, 3)`."""
    regularizer = {"l1": keras.regularizers.L1, "l2": keras.regularizers.L2}[penalty](strength)
    line = keras.layers.Dense(1, kernel_regularizer=regularizer)
    model = keras.Sequential([keras.Input((2,)), line])
    start = np.array(settings.start)
    line.set_weights([start[:, None], np.zeros(1)])
    pace: dict[str, Any] = {"optimizer": WAYS[way](settings.learning_rate), "loss": "mse"}
    pace |= {"batch_size": len(x), "shuffle": False, "jit_compile": False}
    path = [np.append(start, 0.0)]
    for _ in range(settings.steps):
        training.train(model, x, y[:, None], epochs=1, **pace)
        path.append(np.concatenate([np.ravel(w) for w in line.get_weights()]))
    return np.array(path)


def descents(settings):
    """A row a step; and how far Keras's subgradient steps are from the taught ones in NumPy."""
    (x,), (y,) = draw(settings.seeds[:1], settings)
    (a, b, _, _), paths, ends = moments(x, y), [], []
    for penalty, strength in settings.drawn_strengths.items():
        exact = SOLVE[penalty](a, b, np.asarray(strength))
        least = loss_of(a, b, exact) + strength * penalty_of(penalty, exact)
        for way in WAYS:
            path = trained(x, y, penalty, strength, way, settings)
            w = path[:, :2]
            table = pd.DataFrame({"penalty": penalty, "way": way, "step": range(len(path))})
            table["w_1"], table["w_2"], table["bias"] = path.T
            excess = loss_of(a, b, w) + strength * penalty_of(penalty, w) - least
            paths.append(table.assign(excess_at_best_bias=excess.clip(0)))
            row = {"penalty": penalty, "way": way, "strength": strength}
            row |= {"learning_rate": settings.learning_rate, "exact_1": exact[0]}
            row |= {"exact_2": exact[1], "distance_from_exact": np.abs(w[-1] - exact).max()}
            row |= {"exact_zeros": np.count_nonzero(w[-1] == 0), "difference_from_numpy": np.nan}
            if way == "subgradient":
                taught = descent.elastic_net_descent(
                    x,
                    y,
                    strength if penalty == "l1" else 0.0,
                    strength if penalty == "l2" else 0.0,
                    np.array([0.0, *settings.start]),
                    learning_rate=settings.learning_rate,
                    steps=settings.steps,
                    penalize_bias=False,
                )
                # Keras has float32 here.
                row["difference_from_numpy"] = np.abs(taught.path[:, 1:] - w).max().round(6)
            ends.append(row)
    return pd.concat(paths, ignore_index=True), pd.DataFrame(ends)


def contours(settings):
    """The two objectives around their minima; and the minima from no penalty to a strong one."""
    (x,), (y,) = draw(settings.seeds[:1], settings)
    a, b, _, _ = moments(x, y)
    # Zero, where L1 has its kink, is among 3·n + 1 points.
    side = (np.linspace(-1.2, 2.4, settings.contour_points) for _ in range(2))
    grid = np.stack(np.meshgrid(*side), axis=-1).reshape(-1, 2)
    table, minima = pd.DataFrame(np.round(grid, 4), columns=["w_1", "w_2"]), []
    for penalty, strength in settings.drawn_strengths.items():
        table[penalty] = loss_of(a, b, grid) + strength * penalty_of(penalty, grid) + np.var(y)
        top = 2 * np.abs(b).max()
        strengths = np.append(0, top * np.geomspace(1e-3, 1 if penalty == "l1" else 30, 60))
        w = SOLVE[penalty](a, b, strengths)
        path = pd.DataFrame({"penalty": penalty, "strength": strengths})
        path["w_1"], path["w_2"] = w.T
        minima.append(path)
    return table, pd.concat(minima, ignore_index=True)
