"""The data of `strength_schedule`, and the networks and regressions that are trained on them."""

from dataclasses import dataclass

import keras
import numpy as np

from kerasreg import datasets


@dataclass(frozen=True)
class Data:
    """Data and initial weights of all seeds, which are on axis 1 of x and y and on axis 0 of start.

    Attributes:
        seeds: What distinguishes them.
        x, y: For training, an epoch.
        x_test, y_test: For the test.
        start: Initial weights: kernels with their biases, or a kernel alone.
        true: Which columns matter, `(seeds, columns)`; None where nobody knows.
        n_train: Rows of x and y that are different; an epoch has them more than once.
        batch_size, steps, learning_rate: Rows a step, steps an epoch, and of the optimizer.
    """

    seeds: tuple[int, ...]
    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    start: list[np.ndarray]
    true: np.ndarray | None
    n_train: int
    batch_size: int
    steps: int
    learning_rate: float


def networks(settings):
    """A hidden layer on few digits, two batches to a pass."""
    digits = [datasets.digits(validation=0.1, test=0.6, seed=seed) for seed in settings.seeds]
    n, units, start = settings.n_train, settings.units, []
    for seed in settings.seeds:
        keras.utils.set_random_seed(seed)
        layers = [keras.layers.Dense(units), keras.layers.Dense(10)]
        start.append(keras.Sequential([keras.Input((64,)), *layers]).get_weights())
    x, y, x_test, y_test = (
        np.stack([getattr(d, part)[:rows] for d in digits], axis=1)
        for part, rows in {"x_train": n, "y_train": n, "x_test": None, "y_test": None}.items()
    )
    pace = (settings.steps[0], settings.learning_rates[0])
    return _data(settings.seeds, x, y, x_test, y_test, start, None, n // 2, *pace)


def regressions(settings):
    """Targets x·w + noise of variance 1, where most of the correlated columns have no weight."""
    n, n_test, columns = settings.n_rows, 1000, settings.n_columns
    places = np.arange(columns)
    root = np.linalg.cholesky(settings.correlation ** np.abs(places[:, None] - places))
    xs, ys, start, true = [], [], [], []
    seeds = tuple(seed + 1000 * i for i in range(settings.regressions) for seed in settings.seeds)
    for seed in seeds:
        random = np.random.default_rng(seed)
        w = np.zeros(columns)
        chosen = random.choice(columns, settings.n_true, replace=False)
        w[chosen] = random.choice([-1, 1], len(chosen)) * random.uniform(0.5, 1.5, len(chosen))
        x = random.normal(size=(n + n_test, columns)) @ root.T
        xs.append(x)
        ys.append(x @ w + random.normal(size=len(x)))
        true.append(w != 0)
        keras.utils.set_random_seed(seed)
        layer = keras.layers.Dense(1, use_bias=False)
        start.append(keras.Sequential([keras.Input((columns,)), layer]).get_weights())
    x, y = (np.stack(parts, 1).astype("float32") for parts in (xs, ys))
    pace = (settings.steps[1], settings.learning_rates[1])
    return _data(seeds, x[:n], y[:n], x[n:], y[n:], start, np.stack(true), n, *pace)


def _data(seeds, x, y, x_test, y_test, start, true, batch_size, steps, learning_rate):
    n, repeats = len(x), steps * batch_size // len(x)
    x, y = np.tile(x, (repeats, 1, 1)), np.tile(y, (repeats, 1))
    start = [np.stack(parts) for parts in zip(*start, strict=True)]
    return Data(seeds, x, y, x_test, y_test, start, true, n, batch_size, steps, learning_rate)
