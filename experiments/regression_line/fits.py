"""The lines of `regression_line`: as taught, exact, and by Keras."""

import keras
import numpy as np
import pandas as pd
from sklearn.linear_model import Lasso, LinearRegression, Ridge

from kerasreg import datasets, descent
from kerasreg.optimizers import ProximalSGD
from kerasreg.path import regularization_path

TAUGHT, TAUGHT_FREE = "as taught", "as taught, bias free"
PENALIZED, FREE = "exact, bias penalized", "exact, bias free"
TRUTH = np.array([4.0, 3.0])  # bias and slope
DESCENTS = {"l1": descent.lasso_descent, "l2": descent.ridge_descent}
KNOWN = (  # what the note's program prints, and the minima of its objective: bias, slope
    ("l1", 0.1, TAUGHT, 4.16437, 2.97406),
    ("l2", 0.1, TAUGHT, 3.72876, 3.09620),
    ("l1", 0.1, PENALIZED, 4.17989, 2.96028),
    ("l2", 0.1, PENALIZED, 3.72772, 3.09713),
    ("none", 0.0, FREE, 4.22215, 2.96847),
)


def note():
    return datasets.note_line()


def redrawn(seed):
    """The note's inputs with other noise and other initial weights."""
    random, x = np.random.default_rng(seed), datasets.note_line().x
    y = TRUTH[0] + TRUTH[1] * x[:, 0] + random.normal(size=len(x))
    return datasets.NoteLine(x, y, random.normal(size=2), random.normal(size=2))


def taught(data, penalty, strength, settings, penalize_bias=True):
    start = data.initial_weights if penalty == "l1" else data.second_initial_weights
    pace = {"learning_rate": settings.rate, "steps": settings.steps}
    descend = DESCENTS[penalty]
    return descend(data.x, data.y, strength, start, penalize_bias=penalize_bias, **pace).weights


def exact(data, penalty, strength, free_bias):
    """The minimum of mean squared error + λ·penalty, by scikit-learn: bias and slope."""
    if penalty == "none":
        model = LinearRegression()
    elif penalty == "l1":
        model = Lasso(strength / 2, tol=1e-13, max_iter=100_000)
    else:
        model = Ridge(strength * len(data.x))
    design = data.x if free_bias else np.column_stack([np.ones(len(data.x)), data.x])
    model.set_params(fit_intercept=free_bias).fit(design, data.y)
    return np.append([model.intercept_] if free_bias else [], model.coef_)


def lines(data, settings):
    """A row a line: penalty, strength and method, bias and slope, and how good it is."""
    found = {("none", 0.0, FREE): exact(data, "none", 0.0, True)}
    for penalty in DESCENTS:
        for strength in settings.strengths:
            found[penalty, strength, TAUGHT] = taught(data, penalty, strength, settings)
            found[penalty, strength, TAUGHT_FREE] = taught(data, penalty, strength, settings, False)
            found[penalty, strength, PENALIZED] = exact(data, penalty, strength, False)
            found[penalty, strength, FREE] = exact(data, penalty, strength, True)
    rows = []
    for key, w in found.items():
        training = np.mean((w[0] + w[1] * data.x[:, 0] - data.y) ** 2)
        off = w - TRUTH
        # The mean of (off₀ + off₁·x)² for x ~ U(0, 2), which has means 1 of x and 4/3 of x².
        excess = off[0] ** 2 + 2 * off[0] * off[1] + off[1] ** 2 * 4 / 3
        rows.append((*key, *w, training, excess))
    columns = ["penalty", "strength", "method", "bias", "slope", "training_error"]
    return pd.DataFrame(rows, columns=[*columns, "excess_error_of_new_points"])


def compare_known(data, settings):
    rows = []
    for penalty, strength, method, *known in KNOWN:
        if method == TAUGHT:
            found = taught(data, penalty, strength, settings)
        else:
            found = exact(data, penalty, strength, method == FREE)
        for name, one, other in zip(("bias", "slope"), known, found, strict=True):
            rows.append((penalty, strength, method, name, one, other, abs(one - other)))
    columns = ["penalty", "strength", "method", "weight", "known", "found", "difference"]
    return pd.DataFrame(rows, columns=columns)


def by_keras(data, settings):
    """A Dense unit for every strength, trained at once; the bias has no regularizer."""
    solvers = {
        ("l1", "SGD"): (keras.regularizers.L1(1.0), keras.optimizers.SGD),
        ("l2", "SGD"): (keras.regularizers.L2(1.0), keras.optimizers.SGD),
        ("l1", "proximal SGD"): (keras.regularizers.L1(1.0), ProximalSGD),
    }
    tables = []
    for (penalty, solver), (regularizer, optimizer) in solvers.items():
        layer = keras.layers.Dense(1, kernel_regularizer=regularizer, name="line")
        path = regularization_path(
            keras.Sequential([keras.Input((1,)), layer]),
            data.x.astype("float32"),
            data.y.astype("float32"),
            strengths=settings.strengths,
            optimizer=optimizer(settings.keras_rate),
            loss="mse",
            epochs=settings.keras_steps,
            batch_size=len(data.x),
            jit_compile=False,  # small models: compiling takes longer than the steps
        )
        table = path.coefficients.pivot(index="strength", columns="variable", values="value")
        table = table.rename(columns={"line/bias": "bias", "line/kernel": "slope"}).reset_index()
        best = [exact(data, penalty, strength, True) for strength in table["strength"]]
        off = np.abs(table[["bias", "slope"]].to_numpy() - best).max(axis=1)
        table = table.assign(difference_from_exact=off, penalty=penalty, solver=solver)
        tables.append(table.rename_axis(columns=None))
    return pd.concat(tables, ignore_index=True)
