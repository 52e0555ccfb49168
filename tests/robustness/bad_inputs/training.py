"""The loop of one model with settings that it cannot take."""

import keras
import numpy as np

from kerasreg import descent
from tests.robustness.bad_inputs.case import Case
from tests.robustness.bad_inputs.subjects import (
    X,
    Y,
    dense,
    train,
)


def of_two_outputs():
    inputs = keras.Input((3,))
    other = keras.layers.Dense(1, kernel_initializer="ones", name="other")
    return keras.Model(inputs, [dense()(inputs), other(inputs)])


def dense_over_steps():
    return keras.Sequential([keras.Input((2, 3)), dense()])


CASES = [
    Case(
        "train a text",
        lambda: train(model="model"),
        TypeError,
        "Invalid type for argument `model`: expected a keras.Model. Received: str",
    ),
    Case(
        "train a layer",
        lambda: train(model=dense()),
        TypeError,
        "Invalid type for argument `model`: expected a keras.Model. Received: Dense",
    ),
    Case(
        "no epochs",
        lambda: train(epochs=0),
        ValueError,
        "Invalid value for argument `epochs`: expected an int >= 1. Received: epochs=0",
    ),
    Case(
        "epochs a bool",
        lambda: train(epochs=True),
        ValueError,
        "Invalid value for argument `epochs`: expected an int >= 1. Received: epochs=True",
    ),
    Case(
        "no batch",
        lambda: train(batch_size=0),
        ValueError,
        ("Invalid value for argument `batch_size`: expected an int >= 1. Received: batch_size=0"),
    ),
    Case(
        "seed negative",
        lambda: train(seed=-1),
        ValueError,
        "Invalid value for argument `seed`: expected an int >= 0 or None. Received: seed=-1",
    ),
    Case(
        "seed a bool",
        lambda: train(seed=True),
        ValueError,
        ("Invalid value for argument `seed`: expected an int >= 0 or None. Received: seed=True"),
    ),
    Case(
        "jit_compile a text",
        lambda: train(jit_compile="yes"),
        ValueError,
        (
            'Invalid value for argument `jit_compile`: expected True, False or "auto". Received: '
            "jit_compile='yes'"
        ),
    ),
    Case(
        "verbose 2",
        lambda: train(verbose=2),
        ValueError,
        'Invalid value for argument `verbose`: expected 0, 1 or "auto". Received: verbose=2',
    ),
    Case(
        "shuffle batches",
        lambda: train(shuffle="batch"),
        ValueError,
        ("Invalid value for argument `shuffle`: expected True or False. Received: shuffle='batch'"),
    ),
    Case(
        "optimizer misspelt",
        lambda: train(optimizer="adamm"),
        ValueError,
        (
            "Invalid value for argument `optimizer`: expected the name or an instance of a Keras "
            "optimizer. Received: optimizer='adamm'. Did you mean 'adam'?"
        ),
    ),
    Case(
        "optimizer None",
        lambda: train(optimizer=None),
        ValueError,
        (
            "Invalid value for argument `optimizer`: expected the name or an instance of a Keras "
            "optimizer. Received: optimizer=None"
        ),
    ),
    Case(
        "loss misspelt",
        lambda: train(loss="mean_squared_eror"),
        ValueError,
        (
            "Invalid value for argument `loss`: expected the name of a Keras loss, a "
            "keras.losses.Loss or a callable. Received: loss='mean_squared_eror'. Did you mean "
            "'mean_squared_error'?"
        ),
    ),
    Case(
        "loss None",
        lambda: train(loss=None),
        ValueError,
        (
            "Invalid value for argument `loss`: expected the name of a Keras loss, a "
            "keras.losses.Loss or a callable. Received: loss=None"
        ),
    ),
    Case(
        "metrics one text",
        lambda: train(metrics="mae"),
        ValueError,
        (
            'Invalid value for argument `metrics`: expected a list such as ["mae"], or a dict by '
            "output. Received: metrics='mae'"
        ),
    ),
    Case(
        "metric misspelt",
        lambda: train(metrics=["maee"]),
        ValueError,
        (
            "Invalid value for argument `metrics`: expected names of Keras metrics, "
            "keras.metrics.Metric or callables. Received: metrics='maee'. Did you mean 'mae'?"
        ),
    ),
    Case(
        "log folder a number",
        lambda: train(log_dir=3),
        ValueError,
        (
            "Invalid value for argument `log_dir`: expected the path of a folder, or None. "
            "Received: log_dir=3"
        ),
    ),
    Case(
        "descent by an unknown regularizer",
        lambda: descent.keras_descent(X, Y, "l3", np.zeros(3)),
        ValueError,
        (
            "Invalid value for argument `regularizer`: expected a Keras regularizer, a kerasreg "
            "penalty or None. Received: regularizer='l3'"
        ),
    ),
    Case(
        "descent by a misspelt loss",
        lambda: descent.keras_descent(X, Y, "l1", np.zeros(3), loss="msee"),
        ValueError,
        (
            "Invalid value for argument `loss`: expected the name of a Keras loss, a "
            "keras.losses.Loss or a callable. Received: loss='msee'. Did you mean 'mse'?"
        ),
    ),
    Case(
        "descent with weights too few",
        lambda: descent.keras_descent(X, Y, "l1", np.zeros(2)),
        ValueError,
        (
            "Invalid value for argument `initial_weights`: expected 3 finite numbers, shape "
            "(3,). Received: initial_weights=array([0., 0.])"
        ),
    ),
    Case(
        "descent with free_bias a text",
        lambda: descent.keras_descent(X, Y, "l1", np.zeros(3), free_bias="yes"),
        ValueError,
        (
            "Invalid value for argument `free_bias`: expected True or False. Received: "
            "free_bias='yes'"
        ),
    ),
    Case(
        "class weights of two targets",
        lambda: train(model=of_two_outputs(), y=[Y, Y], class_weight={0: 1.0}),
        ValueError,
        "Argument `class_weight` needs a single array of targets. Pass `sample_weight`",
    ),
    Case(
        "class weights of labels for each pixel",
        lambda: train(
            model=dense_over_steps(),
            x=np.stack([X, X], axis=1),
            y=np.zeros((8, 2, 1)),
            class_weight={0: 1.0},
        ),
        ValueError,
        "Argument `class_weight` needs one label a sample. Received: y.shape=(8, 2, 1)",
    ),
]
