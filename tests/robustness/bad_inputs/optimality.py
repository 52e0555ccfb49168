"""Certificates of models and samples that they cannot take."""

import numpy as np

from kerasreg.optimality import duality_gap, stationarity, strength_max
from tests.robustness.bad_inputs.case import Case
from tests.robustness.bad_inputs.subjects import (
    LABELS,
    NAN,
    NAN_X,
    SPARSE,
    X,
    Y,
    deep,
    filled,
    linear,
    unbuilt,
)

CASES = [
    Case(
        "stationarity of a text",
        lambda: stationarity("model", X, Y, "mse"),
        TypeError,
        "Invalid type for argument `model`: expected a keras.Model. Received: str",
    ),
    Case(
        "stationarity of an unbuilt model",
        lambda: stationarity(unbuilt(), X, Y, "mse"),
        ValueError,
        (
            "The model 'unbuilt' is not built, so it has no variables yet. Build it with "
            "`model.build(input_shape)`, or call it on a batch of data"
        ),
    ),
    Case(
        "stationarity of NaN",
        lambda: stationarity(linear(), NAN_X, Y, "mse"),
        ValueError,
        (
            "Invalid value for argument `x`: expected finite numbers. Received: 1 of 24 are NaN "
            "or infinite, the first at index (2, 1)"
        ),
    ),
    Case(
        "stationarity of too few targets",
        lambda: stationarity(linear(), X, Y[:3], "mse"),
        ValueError,
        (
            "Arrays of different length: expected one target and one weight a sample. Received: "
            "len(x)=8, len(y)=3"
        ),
    ),
    Case(
        "stationarity of too few features",
        lambda: stationarity(linear(), X[:, :2], Y, "mse"),
        ValueError,
        (
            "Invalid shape for argument `x`: the model 'linear' expects (None, 3). Received: "
            "x.shape=(8, 2)"
        ),
    ),
    Case(
        "stationarity of too many targets a sample",
        lambda: stationarity(linear(), X, np.ones((8, 2)), "mse"),
        ValueError,
        (
            "Invalid shape for argument `y`: the loss mean_squared_error expects the shape of "
            "the model's output, (None, 1). Received: y.shape=(8, 2)"
        ),
    ),
    Case(
        "stationarity of texts",
        lambda: stationarity(linear(), np.full((8, 3), "a"), Y, "mse"),
        ValueError,
        (
            "Invalid value for argument `x`: expected an array of numbers. Received: x='array of "
            "<U1'"
        ),
    ),
    Case(
        "stationarity of objects",
        lambda: stationarity(linear(), X.astype(object), Y, "mse"),
        ValueError,
        (
            "Invalid value for argument `x`: expected an array of numbers. Received: x='array of "
            'object\'. Pass it as np.asarray(…, dtype="float32")'
        ),
    ),
    Case(
        "stationarity of complex numbers",
        lambda: stationarity(linear(), X.astype(complex), Y, "mse"),
        ValueError,
        (
            "Invalid value for argument `x`: expected an array of numbers. Received: x='array of "
            "complex128'"
        ),
    ),
    Case(
        "stationarity of labels outside the classes",
        lambda: stationarity(linear(3), X, LABELS + 1, SPARSE),
        ValueError,
        (
            "Invalid value for argument `y`: expected whole labels from 0 to 2, for the model "
            "has 3 outputs. Received: labels from 1 to 3"
        ),
    ),
    Case(
        "stationarity of a dict of inputs",
        lambda: stationarity(linear(), {"a": X}, Y, "mse"),
        ValueError,
        (
            "Invalid value for argument `x`: expected one array for the model 'linear'. "
            "Received: a dict with the keys ['a']"
        ),
    ),
    Case(
        "stationarity of numbers beyond float32",
        lambda: stationarity(linear(), np.full((8, 3), 1e300), Y, "mse"),
        ValueError,
        (
            "Invalid value for argument `x`: expected numbers that float32 can hold. Received: "
            "1e+300 among them. Scale them"
        ),
    ),
    Case(
        "stationarity of a misspelt loss",
        lambda: stationarity(linear(), X, Y, "mean_squared_eror"),
        ValueError,
        (
            "Invalid value for argument `loss`: expected the name of a Keras loss, a "
            "keras.losses.Loss or a callable. Received: loss='mean_squared_eror'. Did you mean "
            "'mean_squared_error'?"
        ),
    ),
    Case(
        "stationarity without a loss",
        lambda: stationarity(linear(), X, Y, None),
        ValueError,
        (
            "Invalid value for argument `loss`: expected the name of a Keras loss, a "
            "keras.losses.Loss or a callable. Received: loss=None"
        ),
    ),
    Case(
        "stationarity, tolerance negative",
        lambda: stationarity(linear(), X, Y, "mse", tolerance=-1),
        ValueError,
        (
            "Invalid value for argument `tolerance`: expected a finite float >= 0. Received: "
            "tolerance=-1"
        ),
    ),
    Case(
        "stationarity, no batch",
        lambda: stationarity(linear(), X, Y, "mse", batch_size=0),
        ValueError,
        ("Invalid value for argument `batch_size`: expected an int >= 1. Received: batch_size=0"),
    ),
    Case(
        "stationarity, training a text",
        lambda: stationarity(linear(), X, Y, "mse", training="yes"),
        ValueError,
        ("Invalid value for argument `training`: expected True or False. Received: training='yes'"),
    ),
    Case(
        "stationarity, weights in a matrix",
        lambda: stationarity(linear(), X, Y, "mse", sample_weight=X),
        ValueError,
        (
            "Invalid shape for argument `sample_weight`: expected one weight a sample, (8,). "
            "Received: sample_weight.shape=(8, 3)"
        ),
    ),
    Case(
        "strength_max of a deep model",
        lambda: strength_max(deep(), X, Y, "mse"),
        ValueError,
        (
            "strength_max needs a model with one layer of weights, for at zero weights every "
            "gradient of a deeper one vanishes. Choose its strengths by a path. Received: the "
            "weights ['dense/kernel', 'dense/bias', 'output/kernel', 'output/bias']"
        ),
    ),
    Case(
        "strength_max without a regularizer",
        lambda: strength_max(linear(1, None), X, Y, "mse"),
        ValueError,
        "The weights 'dense/kernel' have no regularizer, so no strength makes them zero",
    ),
    Case(
        "strength_max of no samples",
        lambda: strength_max(linear(), X[:0], Y[:0], "mse"),
        ValueError,
        ("Invalid value for argument `x`: expected at least one sample. Received: x.shape=(0, 3)"),
    ),
    Case(
        "duality gap of a deep model",
        lambda: duality_gap(deep(), X, Y, "mse"),
        ValueError,
        (
            "duality_gap needs a model of exactly one Dense layer, where the objective is "
            "convex. Received: the layers ['Dense', 'Dense']"
        ),
    ),
    Case(
        "duality gap of another loss",
        lambda: duality_gap(linear(), X, Y, "hinge"),
        ValueError,
        (
            "Invalid value for argument `loss`: expected mean squared error or binary "
            "cross-entropy, a mean over the samples. Received: loss='hinge'"
        ),
    ),
    Case(
        "duality gap of too few features",
        lambda: duality_gap(linear(), X[:, :2], Y, "mse"),
        ValueError,
        (
            "Arrays that do not fit the Dense layer: expected x of shape (samples, 3) and y of "
            "shape (samples, 1). Received: x.shape=(8, 2), y.shape=(8,)"
        ),
    ),
    Case(
        "duality gap of NaN weights",
        lambda: duality_gap(filled(NAN), X, Y, "mse"),
        ValueError,
        "The weights of the model 'linear' are not finite",
    ),
]
