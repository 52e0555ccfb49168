"""Calls to measure: one network for digits, trained alone and many at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from kerasreg import datasets
from kerasreg.cross_validation import cross_validate
from kerasreg.grid import train_grid
from kerasreg.optimizers import ProximalAdam
from kerasreg.path import regularization_path
from kerasreg.training import train

LOSS = "sparse_categorical_crossentropy"
STRENGTH = 1e-4  # of the models that are trained alone: it makes no difference to the time


def strengths_of_path(number: int) -> list[float]:
    """From no effect to nothing left of the weights."""
    return [float(s) for s in np.geomspace(1e-5, 1e-1, number)] if number > 1 else [STRENGTH]


def digits(n_samples: int | None) -> tuple[Any, Any, Any]:
    """Inputs, labels and validation data; of n samples, a third as many validate."""
    d = datasets.digits()
    n_validation = None if n_samples is None else -(-n_samples // 3)
    x, y = d.x_train[:n_samples], d.y_train[:n_samples]
    return x, y, (d.x_validation[:n_validation], d.y_validation[:n_validation])


def all_digits() -> tuple[Any, Any]:
    """All 1797 images: for timing nothing is held out."""
    d = datasets.digits()
    x = np.concatenate([d.x_train, d.x_validation, d.x_test])
    return x, np.concatenate([d.y_train, d.y_validation, d.y_test])


def build(units: Sequence[int], strength: float) -> keras.Model:
    """A network for digits with an L1 penalty in every layer."""
    keras.utils.set_random_seed(0)
    penalty = keras.regularizers.L1(strength)
    model = keras.Sequential([keras.Input((64,))])
    for number, width in enumerate(units, start=1):
        name = f"hidden_{number}"
        model.add(keras.layers.Dense(width, "relu", kernel_regularizer=penalty, name=name))
    model.add(keras.layers.Dense(10, "softmax", kernel_regularizer=penalty, name="output"))
    return model


def with_fit(units: Sequence[int], n_samples: int | None, **settings: Any) -> Callable[[], Any]:
    """A call of `fit`, one model, with its defaults but for the progress bar."""
    x, y, validation = digits(n_samples)
    model = build(units, STRENGTH)
    model.compile(keras.optimizers.Adam(), LOSS)
    return lambda: model.fit(x, y, validation_data=validation, verbose=0, **settings)


def with_train(units: Sequence[int], n_samples: int | None, **settings: Any) -> Callable[[], Any]:
    """A call of `train`, one model, that uses its compiled program again."""
    x, y, validation = digits(n_samples)
    model = build(units, STRENGTH)
    settings |= {"optimizer": ProximalAdam(), "loss": LOSS, "validation_data": validation}
    return lambda: train(model, x, y, **settings).curves


def with_grid(
    n_members: int, units: Sequence[int], n_samples: int | None, **settings: Any
) -> Callable[[], Any]:
    """A call of `train_grid` that uses its compiled program again."""
    x, y, validation = digits(n_samples)
    model = build(units, 1.0)
    settings |= {"optimizer": ProximalAdam(), "loss": LOSS, "validation_data": validation}
    settings |= {"strengths": strengths_of_path(n_members)}

    def call():
        record = train_grid(model, x, y, **settings)
        return record.curves, record.weights

    return call


def with_path(
    strengths: Any, units: Sequence[int], n_samples: int | None, **settings: Any
) -> Callable[[], Any]:
    x, y, validation = digits(n_samples)
    model = build(units, 1.0)
    settings |= {"optimizer": ProximalAdam(), "loss": LOSS, "validation_data": validation}

    def call():
        path = regularization_path(model, x, y, strengths=strengths, **settings)
        return path.curves, path.weights

    return call


def with_folds(
    strengths: Any, folds: int, units: Sequence[int], n_samples: int | None, **settings: Any
) -> Callable[[], Any]:
    x, y, _ = digits(n_samples)
    model = build(units, 1.0)
    settings |= {"optimizer": ProximalAdam(), "loss": LOSS, "folds": folds}
    return lambda: cross_validate(model, x, y, strengths=strengths, **settings).summary
