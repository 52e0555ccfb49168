"""What the bad inputs are given to: models without any randomness, samples, tables."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
Y = X[:, 0].copy()
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 1])
NAN, INF = float("nan"), float("inf")
NAN_X = np.where(X[2, 1] == X, np.float32(NAN), X)
SPARSE = "sparse_categorical_crossentropy"
L1 = keras.regularizers.L1(1.0)

# The models that a case has made, with the weights that they had.
MADE: list[tuple[keras.Model, list[np.ndarray]]] = []


def remembered(model: keras.Model) -> keras.Model:
    MADE.append((model, model.get_weights()))
    return model


def dense(units: int = 1, regularizer: Any = L1, activation: Any = None) -> keras.layers.Layer:
    # The default initializer draws its seed when the layer is made.
    return keras.layers.Dense(
        units,
        activation,
        kernel_initializer="ones",
        kernel_regularizer=regularizer,
        name="dense",
    )


def linear(units: int = 1, regularizer: Any = L1, activation: Any = None) -> keras.Model:
    layers = [keras.Input((3,)), dense(units, regularizer, activation)]
    return remembered(keras.Sequential(layers, name="linear"))


def deep() -> keras.Model:
    output = keras.layers.Dense(1, kernel_initializer="ones", name="output")
    return remembered(keras.Sequential([keras.Input((3,)), dense(2), output], name="deep"))


def unbuilt() -> keras.Model:
    return keras.Sequential([dense()], name="unbuilt")


def compiled(optimizer: Any = "sgd", value: float | None = None) -> keras.Model:
    model = linear()
    if value is not None:
        model.set_weights([np.full_like(w, value) for w in model.get_weights()])
        MADE[-1] = (model, model.get_weights())
    model.compile(optimizer, "mse")
    return model


def filled(value: float) -> keras.Model:
    return compiled(value=value)


def fourth_powers(w: Any) -> Any:
    return keras.ops.sum(w**4)


class Called(keras.Model):
    """A subclassed model, built."""

    def __init__(self) -> None:
        super().__init__(name="called")
        self.inner = dense()
        self.build((None, 3))

    def build(self, input_shape: Any) -> None:
        self.inner.build(input_shape)
        self.built = True

    def call(self, x: Any) -> Any:
        return self.inner(x)


QUIET: dict[str, Any] = {"epochs": 1, "jit_compile": False, "verbose": 0, "optimizer": "sgd"}


def train(x: Any = X, y: Any = Y, model: Any = None, loss: Any = "mse", **settings: Any) -> Any:
    from kerasreg.training import train

    return train(linear() if model is None else model, x, y, loss=loss, **QUIET | settings)


def grid(x: Any = X, y: Any = Y, model: Any = None, loss: Any = "mse", **settings: Any) -> Any:
    from kerasreg.grid import train_grid

    settings = QUIET | {"strengths": [0.1]} | settings
    return train_grid(linear() if model is None else model, x, y, loss=loss, **settings)


def path(x: Any = X, y: Any = Y, model: Any = None, loss: Any = "mse", **settings: Any) -> Any:
    from kerasreg.path import regularization_path

    model = linear() if model is None else model
    return regularization_path(model, x, y, loss=loss, **QUIET | settings)


def validate(x: Any = X, y: Any = Y, model: Any = None, loss: Any = "mse", **settings: Any) -> Any:
    from kerasreg.cross_validation import cross_validate

    settings = QUIET | {"strengths": [0.1], "folds": 2} | settings
    return cross_validate(linear() if model is None else model, x, y, loss=loss, **settings)


def largest(model: Any = None, y: Any = Y, **settings: Any) -> float:
    from kerasreg.strength_range import largest_strength

    settings = QUIET | {"loss": "mse"} | settings
    return largest_strength(linear() if model is None else model, X, y, **settings)


def dataset() -> Any:
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(4)


def fit(callback: Any, **settings: Any) -> Any:
    model = compiled()
    return model.fit(X, Y, verbose=0, callbacks=[callback], shuffle=False, **settings)


def written(name: str, content: str) -> Callable[[], None]:
    """A function that writes a file, and folders above it."""

    def write() -> None:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(content)

    return write


COEFFICIENTS = pd.DataFrame(
    {"strength": [0.1, 1.0], "variable": "dense/kernel", "index": 0, "value": [1.0, 0.0]}
)
WEIGHTS = pd.DataFrame(
    {
        "strength": [0.1, 1.0],
        "epoch": 1,
        "variable": "dense/kernel",
        "n_weights": 3,
        "n_zero": [0, 3],
    }
)
SCORES = pd.DataFrame(
    {
        "strength": [0.1, 1.0],
        "fold": 0,
        "split": "train",
        "quantity": "data_loss",
        "value": [1.0, 2.0],
    }
)
CURVES = pd.DataFrame({"epoch": [1, 2], "split": "train", "quantity": "loss", "value": [1.0, 2.0]})
HISTOGRAMS = pd.DataFrame(
    {"epoch": [1], "variable": "dense/kernel", "bin_left": -1.0, "bin_right": 1.0, "count": 3}
)
SURFACE = pd.DataFrame(
    {
        "w_1": [0.0, 0.0, 1.0, 1.0],
        "w_2": [0.0, 1.0, 0.0, 1.0],
        "value": [0.0, 1.0, 2.0, 3.0],
        "penalty_value": [0.0, 1.0, 1.0, 2.0],
    }
)
