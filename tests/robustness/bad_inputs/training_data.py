"""The loop of one model with samples and targets that it cannot take."""

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from tests.robustness.bad_inputs.case import Case
from tests.robustness.bad_inputs.subjects import (
    INF,
    LABELS,
    NAN,
    NAN_X,
    SPARSE,
    X,
    Y,
    linear,
    train,
)

CASES = [
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
]
