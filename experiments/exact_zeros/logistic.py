"""How many steps proximal optimizers need on the correlated columns of breast cancer."""

import keras
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

from kerasreg.optimizers import ProximalAdagrad, ProximalAdam, ProximalRMSprop, ProximalSGD
from kerasreg.training import train

STRENGTH = 0.01  # of the mean loss
TOLERANCE = 1e-5  # of the objective, relative to its minimum
OPTIMIZERS = {
    "SGD": lambda: ProximalSGD(0.15),  # half of 1 / (largest curvature of the loss)
    "SGD, momentum 0.97": lambda: ProximalSGD(0.15, momentum=0.97),
    "SGD, Nesterov 0.97": lambda: ProximalSGD(0.15, momentum=0.97, nesterov=True),
    "Adam": lambda: ProximalAdam(0.03),
    "RMSprop": lambda: ProximalRMSprop(0.01),
    "Adagrad": lambda: ProximalAdagrad(1.0),
}
STEPS_AN_EPOCH = 100


def steps_to_solution(most_steps, track):
    """Steps until objective and support are those of scikit-learn."""
    x, y = load_breast_cancer(return_X_y=True)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    solution = LogisticRegression(
        C=1 / (len(x) * STRENGTH), l1_ratio=1.0, solver="saga", tol=1e-10, max_iter=10**6
    ).fit(x, y)
    support = solution.coef_[0] != 0

    def objective(w, b):
        scores = x @ w + b
        return np.mean(np.logaddexp(0, scores) - y * scores) + STRENGTH * np.abs(w).sum()

    minimum = objective(solution.coef_[0], solution.intercept_[0])
    copies = np.tile(x, (STEPS_AN_EPOCH, 1)).astype("float32"), np.tile(y, STEPS_AN_EPOCH)
    options = {
        "loss": keras.losses.BinaryCrossentropy(from_logits=True),
        "batch_size": len(x),
        "shuffle": False,
    }
    rows = []
    for name, optimizer in track(list(OPTIMIZERS.items()), "breast cancer"):
        keras.utils.set_random_seed(0)
        dense = keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L1(STRENGTH))
        model = keras.Sequential([keras.Input((x.shape[1],)), dense])
        options["optimizer"] = optimizer()
        steps, found = 0, False
        while not found and steps < most_steps:
            train(model, *copies, epochs=1, **options)
            steps += STEPS_AN_EPOCH
            w, b = (np.asarray(v, "float64").ravel() for v in model.get_weights())
            excess = objective(w, b[0]) / minimum - 1
            same_support = bool(np.all((w != 0) == support))
            found = excess <= TOLERANCE and same_support
        rows.append((name, steps, excess, np.mean((w != 0) == support), found))
    columns = ["optimizer", "steps", "excess", "support_share", "found"]
    return pd.DataFrame(rows, columns=columns)
