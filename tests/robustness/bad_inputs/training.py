"""The loop of one model with what it cannot take."""

import keras
import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from kerasreg import descent
from tests.robustness.bad_inputs.case import Case
from tests.robustness.bad_inputs.subjects import (
    INF,
    LABELS,
    NAN,
    NAN_X,
    SPARSE,
    X,
    Y,
    dense,
    linear,
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
        "inputs None",
        lambda: train(x=None),
        ValueError,
        (
            "Invalid value for argument `x`: expected an array of at least one sample. Received: "
            "x=None"
        ),
    ),
    Case(
        "targets None",
        lambda: train(y=None),
        ValueError,
        "Invalid value for argument `y`: expected an array of targets. Received: y=None",
    ),
    Case(
        "no samples",
        lambda: train(X[:0], Y[:0]),
        ValueError,
        ("Invalid value for argument `x`: expected at least one sample. Received: x.shape=(0, 3)"),
    ),
    Case(
        "inputs NaN",
        lambda: train(NAN_X),
        ValueError,
        (
            "Invalid value for argument `x`: expected finite numbers. Received: 1 of 24 are NaN "
            "or infinite, the first at index (2, 1)"
        ),
    ),
    Case(
        "targets infinite",
        lambda: train(y=np.where(Y[2] == Y, INF, Y)),
        ValueError,
        (
            "Invalid value for argument `y`: expected finite numbers. Received: 1 of 8 are NaN "
            "or infinite, the first at index (2,)"
        ),
    ),
    Case(
        "inputs beyond float32",
        lambda: train(np.full((8, 3), 1e300)),
        ValueError,
        (
            "Invalid value for argument `x`: expected numbers that float32 can hold. Received: "
            "1e+300 among them. Scale them"
        ),
    ),
    Case(
        "inputs texts",
        lambda: train(np.full((8, 3), "a")),
        ValueError,
        (
            "Invalid value for argument `x`: expected an array of numbers. Received: x='array of "
            "<U1'"
        ),
    ),
    Case(
        "inputs objects",
        lambda: train(X.astype(object)),
        ValueError,
        (
            "Invalid value for argument `x`: expected an array of numbers. Received: x='array of "
            'object\'. Pass it as np.asarray(…, dtype="float32")'
        ),
    ),
    Case(
        "inputs complex",
        lambda: train(X.astype(complex)),
        ValueError,
        (
            "Invalid value for argument `x`: expected an array of numbers. Received: x='array of "
            "complex128'"
        ),
    ),
    Case(
        "inputs dates",
        lambda: train(np.full((8, 3), "2020-01-01", "datetime64[D]")),
        ValueError,
        (
            "Invalid value for argument `x`: expected an array of numbers. Received: x='array of "
            "datetime64[D]'"
        ),
    ),
    Case(
        "inputs sparse",
        lambda: train(csr_matrix(X)),
        ValueError,
        (
            "Invalid value for argument `x`: expected an array of numbers. Received: x='array of "
            "object'. Pass x.toarray()"
        ),
    ),
    Case(
        "inputs of different lengths",
        lambda: train([[1, 2, 3], [1, 2]], [1, 2]),
        ValueError,
        (
            "Invalid value for argument `x`: expected an array of numbers, with as many in each "
            "row. Received: rows of different lengths"
        ),
    ),
    Case(
        "inputs a scalar",
        lambda: train(3.0),
        ValueError,
        "Invalid value for argument `x`: expected at least one sample. Received: x.shape=()",
    ),
    Case(
        "inputs a dict",
        lambda: train({"a": X}),
        ValueError,
        (
            "Invalid value for argument `x`: expected one array for the model 'linear'. "
            "Received: a dict with the keys ['a']"
        ),
    ),
    Case(
        "table with a column of texts",
        lambda: train(pd.DataFrame({"a": 1.0, "b": 2.0, "c": list("abcdefgh")})),
        ValueError,
        (
            "Invalid value for argument `x`: expected an array of numbers. Received: x='array of "
            "object', with 'a' at index (0, 2)"
        ),
    ),
    Case(
        "targets too few",
        lambda: train(y=Y[:5]),
        ValueError,
        (
            "Arrays of different length: expected one target and one weight a sample. Received: "
            "len(x)=8, len(y)=5"
        ),
    ),
    Case(
        "features too few",
        lambda: train(X[:, :2]),
        ValueError,
        (
            "Invalid shape for argument `x`: the model 'linear' expects (None, 3). Received: "
            "x.shape=(8, 2)"
        ),
    ),
    Case(
        "targets too many a sample",
        lambda: train(y=np.ones((8, 2))),
        ValueError,
        (
            "Invalid shape for argument `y`: the loss mean_squared_error expects the shape of "
            "the model's output, (None, 1). Received: y.shape=(8, 2)"
        ),
    ),
    Case(
        "labels outside the classes",
        lambda: train(y=LABELS + 1, model=linear(3), loss=SPARSE),
        ValueError,
        (
            "Invalid value for argument `y`: expected whole labels from 0 to 2, for the model "
            "has 3 outputs. Received: labels from 1 to 3"
        ),
    ),
    Case(
        "labels between the classes",
        lambda: train(y=LABELS + 0.5, model=linear(3), loss=SPARSE),
        ValueError,
        (
            "Invalid value for argument `y`: expected whole labels from 0 to 2, for the model "
            "has 3 outputs. Received: labels from 0.5 to 2.5"
        ),
    ),
    Case(
        "labels as texts",
        lambda: train(y=np.array(list("abcabcab")), model=linear(3), loss=SPARSE),
        ValueError,
        (
            "Invalid value for argument `y`: expected an array of numbers. Received: y='array of "
            "<U1'"
        ),
    ),
    Case(
        "targets beyond one",
        lambda: train(y=LABELS, loss="binary_crossentropy"),
        ValueError,
        (
            "Invalid value for argument `y`: the loss binary_crossentropy expects values from 0 "
            "to 1. Received: values from 0 to 2"
        ),
    ),
    Case(
        "sample weights in a matrix",
        lambda: train(sample_weight=X),
        ValueError,
        (
            "Invalid shape for argument `sample_weight`: expected one weight a sample, (8,). "
            "Received: sample_weight.shape=(8, 3)"
        ),
    ),
    Case(
        "sample weights too few",
        lambda: train(sample_weight=np.ones(3)),
        ValueError,
        (
            "Arrays of different length: expected one target and one weight a sample. Received: "
            "len(x)=8, len(y)=8, len(sample_weight)=3"
        ),
    ),
    Case(
        "sample weights by name",
        lambda: train(sample_weight="auto"),
        ValueError,
        (
            "Invalid value for argument `sample_weight`: expected an array of numbers. Received: "
            "sample_weight='array of <U4'"
        ),
    ),
    Case(
        "class weights in a list",
        lambda: train(y=LABELS, model=linear(3), loss=SPARSE, class_weight=[1, 2, 3]),
        ValueError,
        (
            "Invalid value for argument `class_weight`: expected a dict of weights by label. "
            "Received: class_weight=[1, 2, 3]"
        ),
    ),
    Case(
        "class weights by name",
        lambda: train(y=LABELS, model=linear(3), loss=SPARSE, class_weight="balanced"),
        ValueError,
        (
            "Invalid value for argument `class_weight`: expected a dict of weights by label. "
            "Received: class_weight='balanced'"
        ),
    ),
    Case(
        "class weight negative",
        lambda: train(y=LABELS, model=linear(3), loss=SPARSE, class_weight={0: -1}),
        ValueError,
        (
            "Invalid value for argument `class_weight[0]`: expected a finite float >= 0. "
            "Received: class_weight[0]=-1"
        ),
    ),
    Case(
        "class weight NaN",
        lambda: train(y=LABELS, model=linear(3), loss=SPARSE, class_weight={0: NAN}),
        ValueError,
        (
            "Invalid value for argument `class_weight[0]`: expected a finite float >= 0. "
            "Received: class_weight[0]=nan"
        ),
    ),
    Case(
        "class weight of no class",
        lambda: train(y=LABELS, model=linear(3), loss=SPARSE, class_weight={7: 1.0}),
        ValueError,
        (
            "Invalid value for argument `class_weight`: expected labels of the targets, [0, 1, "
            "2]. Received: the label 7"
        ),
    ),
    Case(
        "validation data a share",
        lambda: train(validation_data=0.2),
        ValueError,
        (
            "Invalid value for argument `validation_data`: expected (x, y), (x, y, "
            "sample_weight) or a tf.data.Dataset. Received: float"
        ),
    ),
    Case(
        "validation targets None",
        lambda: train(validation_data=(X, None)),
        ValueError,
        (
            "Invalid value for argument `validation y`: expected an array of targets. Received: "
            "validation y=None"
        ),
    ),
    Case(
        "validation features too few",
        lambda: train(validation_data=(X[:, :2], Y)),
        ValueError,
        (
            "Invalid shape for argument `validation x`: the model 'linear' expects (None, 3). "
            "Received: validation x.shape=(8, 2)"
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
