"""Models, data and settings that are refused, each in one line."""

import keras
import numpy as np
import pytest
from keras import layers

from kerasreg.optimality import (
    duality_gap,
    stationarity,
    strength_max,
)
from tests.optimality.linear_models import dense_model

X, Y = np.ones((4, 8)), np.ones(4)


@pytest.mark.parametrize("check", [stationarity, strength_max, duality_gap])
@pytest.mark.parametrize(
    ("x", "y", "loss", "message"),
    [
        (
            X,
            Y,
            "no_such_loss",
            "Invalid value for argument `loss`: expected the name of a Keras loss, a "
            "keras.losses.Loss or a callable. Received: loss='no_such_loss'",
        ),
        (
            X[:0],
            Y[:0],
            "mse",
            "Invalid value for argument `x`: expected at least one sample. "
            "Received: x.shape=(0, 8)",
        ),
        (
            X,
            Y[:3],
            "mse",
            "Arrays of different length: expected one target and one weight a sample. "
            "Received: len(x)=4, len(y)=3",
        ),
        (
            X,
            None,
            "mse",
            "Invalid value for argument `y`: expected an array of targets. Received: y=None",
        ),
        (
            X,
            np.array([1, np.nan, np.inf, 0]),
            "mse",
            "Invalid value for argument `y`: expected finite numbers. Received: 2 of 4 are NaN or "
            "infinite, the first at index (1,)",
        ),
    ],
)
def test_bad_data(check, x, y, loss, message):
    with pytest.raises(ValueError) as error:
        check(dense_model("l1"), x, y, loss)
    assert str(error.value) == message


@pytest.mark.parametrize("check", [stationarity, strength_max, duality_gap])
def test_bad_models(check):
    with pytest.raises(ValueError) as error:
        check(keras.Sequential([layers.Dense(1)], name="new"), X, Y, "mse")
    assert str(error.value) == (
        "The model 'new' is not built, so it has no variables yet. Build it with "
        "`model.build(input_shape)`, or call it on a batch of data"
    )
    with pytest.raises(TypeError) as error:
        check(layers.Dense(1), X, Y, "mse")
    assert str(error.value) == (
        "Invalid type for argument `model`: expected a keras.Model. Received: Dense"
    )


def test_bad_settings():
    model = dense_model("l1")
    for size in (0, 2.5, True):
        with pytest.raises(ValueError) as error:
            stationarity(model, X, Y, "mse", batch_size=size)
        assert str(error.value) == (
            "Invalid value for argument `batch_size`: expected an int >= 1. "
            f"Received: batch_size={size}"
        )
    with pytest.raises(ValueError) as error:
        stationarity(model, X, Y, "mse", tolerance=-1)
    assert str(error.value) == (
        "Invalid value for argument `tolerance`: expected a finite float >= 0. "
        "Received: tolerance=-1"
    )
    with pytest.raises(ValueError) as error:
        stationarity(model, X, Y, "mse", sample_weight=np.ones(3))
    assert str(error.value) == (
        "Arrays of different length: expected one target and one weight a sample. "
        "Received: len(x)=4, len(y)=4, len(sample_weight)=3"
    )
    model.trainable = False
    with pytest.raises(ValueError) as error:
        stationarity(model, X, Y, "mse")
    assert str(error.value) == (
        f"The model '{model.name}' has no trainable weights. Set `trainable = True` on the layers "
        "to check"
    )


def test_bad_outputs():
    inputs = keras.Input((8,))
    model = keras.Model(inputs, [layers.Dense(1, name=name)(inputs) for name in ("a", "b")])
    with pytest.raises(ValueError) as error:
        stationarity(model, X, Y, "mse")
    assert str(error.value) == (
        "Invalid value for argument `y`: expected targets for each of the outputs ['a', 'b']. "
        "Received: y='one array'"
    )
    for losses, received in ((["mse"] * 3, "3 of them"), ({"a": "mse"}, ["a"])):
        with pytest.raises(ValueError) as error:
            stationarity(model, X, [Y, Y], losses)
        assert str(error.value) == (
            "Invalid value for argument `loss`: expected one for each of the outputs ['a', 'b']. "
            f"Received: loss={received!r}"
        )
