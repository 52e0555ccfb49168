"""Models with units that are made dead, and shrinking that is checked."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers

from kerasreg.surgery.shrinking import shrink

# The analysis is NumPy's on every backend, and JAX compiles every initializer for every shape.
once = pytest.mark.tensorflow


def randomize(model, seed=0):
    """Weights of order 1, variances positive, so that nothing is zero by chance."""
    rng = np.random.default_rng(seed)
    for layer in model._flatten_layers():
        for variable in [*layer._trainable_variables, *layer._non_trainable_variables]:
            shape = tuple(variable.shape)
            values = rng.uniform(0.2, 0.8, shape) * rng.choice([-1, 1], shape)
            if "variance" in variable.name:
                values = np.abs(values) + 0.5
            variable.assign(values / np.sqrt(max(np.prod(shape[:-1]), 1)))
    return model


def put(layer, name="kernel", *, at, value=0.0):
    """Sets weights `layer.name[at]`."""
    variable = getattr(layer, name)
    values = np.array(keras.ops.convert_to_numpy(variable))
    values[at] = value
    variable.assign(values)


def kill(layer, units, axis=-1):
    """All weights of units and their biases to zero."""
    put(layer, at=(..., units) if axis == -1 else (..., units, slice(None)))
    if layer.bias is not None:
        put(layer, "bias", at=units)


def values(outputs):
    return [
        keras.ops.convert_to_numpy(value).astype(float) for value in keras.tree.flatten(outputs)
    ]


def inputs_of(model, seed=1, n=5):
    rng = np.random.default_rng(seed)
    drawn = [rng.normal(size=(n, *tensor.shape[1:])).astype("float32") for tensor in model.inputs]
    return drawn[0] if len(drawn) == 1 else drawn


def sizes(model, x=None, **settings):
    """Sizes of the layers after shrinking; the outputs are compared with other inputs as well."""
    before = [np.array(keras.ops.convert_to_numpy(variable)) for variable in model.variables]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Nothing could be removed")
        result = shrink(model, timed=False, **settings)
    x = inputs_of(model) if x is None else x
    for expected, received in zip(values(model(x)), values(result.model(x)), strict=True):
        assert expected.shape == received.shape
        assert np.max(np.abs(expected - received)) <= 1e-5 * np.max(np.abs(expected))
    for values_before, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(values_before, keras.ops.convert_to_numpy(variable))
    return dict(result.layers.set_index("layer")["after"])


def mlp(activation="relu", **settings):
    return randomize(
        keras.Sequential(
            [
                keras.Input((6,), name="x"),
                layers.Dense(8, activation=activation, name="first", **settings),
                layers.Dense(7, activation=activation, name="second", **settings),
                layers.Dense(2, name="out", **settings),
            ]
        )
    )


def conv_net(padding="same", data_format="channels_last", activation="relu"):
    shape = (3, 8, 8) if data_format == "channels_first" else (8, 8, 3)
    settings = {"data_format": data_format}
    axis = 1 if data_format == "channels_first" else -1
    return randomize(
        keras.Sequential(
            [
                keras.Input(shape),
                layers.Conv2D(6, 3, padding=padding, name="a", **settings),
                layers.BatchNormalization(axis=axis, name="normal"),
                layers.Activation(activation),
                layers.MaxPooling2D(**settings),
                layers.Conv2D(5, 2, padding=padding, activation="relu", name="b", **settings),
                layers.Flatten(**settings),
                layers.Dense(4, activation="relu", name="c"),
                layers.Dropout(0.5),
                layers.Dense(2, name="out"),
            ]
        )
    )
