"""Descents and folds with what they cannot take."""

import numpy as np
from sklearn.model_selection import GroupKFold, KFold

from kerasreg import descent
from kerasreg.folds import fold_indices
from tests.robustness.bad_inputs.case import Case
from tests.robustness.bad_inputs.subjects import (
    LABELS,
    NAN,
    NAN_X,
    SPARSE,
    X,
    Y,
)

CASES = [
    Case(
        "weights too few",
        lambda: descent.logistic_costs(X, LABELS > 1, np.zeros(2), 1),
        ValueError,
        (
            "Invalid shape for argument `weights`: expected (…, 3), one weight a feature. "
            "Received: weights.shape=(2,)"
        ),
    ),
    Case(
        "weights NaN",
        lambda: descent.logistic_costs(X, LABELS > 1, np.full(3, NAN), 1),
        ValueError,
        (
            "Invalid value for argument `weights`: expected finite numbers. Received: 3 of 3 are "
            "NaN or infinite, the first at index (0,)"
        ),
    ),
    Case(
        "samples a text",
        lambda: descent.logistic_costs("a", LABELS, [0], 1),
        ValueError,
        (
            "Invalid value for argument `x`: expected an array of numbers. Received: x='array of "
            "<U1'"
        ),
    ),
    Case(
        "samples complex",
        lambda: descent.logistic_costs(X.astype(complex), LABELS > 1, np.zeros(3), 1),
        ValueError,
        (
            "Invalid value for argument `x`: expected an array of numbers. Received: x='array of "
            "complex128'"
        ),
    ),
    Case(
        "descent at a negative strength",
        lambda: descent.lasso_descent(X, Y, -1, np.zeros(4)),
        ValueError,
        (
            "Invalid value for argument `strength`: expected a finite float >= 0. Received: "
            "strength=-1"
        ),
    ),
    Case(
        "initial weights without the bias",
        lambda: descent.lasso_descent(X, Y, 1, np.zeros(3)),
        ValueError,
        (
            "Invalid value for argument `initial_weights`: expected 4 finite numbers, shape "
            "(4,). Received: initial_weights=array([0., 0., 0.])"
        ),
    ),
    Case(
        "initial weights a text",
        lambda: descent.lasso_descent(X, Y, 1, "zeros"),
        ValueError,
        (
            "Invalid value for argument `initial_weights`: expected 4 finite numbers, shape "
            "(4,). Received: initial_weights='zeros'"
        ),
    ),
    Case(
        "learning rate zero",
        lambda: descent.lasso_descent(X, Y, 1, np.zeros(4), learning_rate=0),
        ValueError,
        (
            "Invalid value for argument `learning_rate`: expected a finite float > 0. Received: "
            "learning_rate=0"
        ),
    ),
    Case(
        "learning rate far too large",
        lambda: descent.lasso_descent(X, Y, 1, np.zeros(4), learning_rate=1e9),
        FloatingPointError,
        (
            "The descent diverged: a weight is NaN or infinite at step 33. Try a smaller "
            "learning rate. Received: learning_rate=1000000000.0"
        ),
    ),
    Case(
        "no steps",
        lambda: descent.ridge_descent(X, Y, 1, np.zeros(4), steps=0),
        ValueError,
        "Invalid value for argument `steps`: expected an int >= 1. Received: steps=0",
    ),
    Case(
        "penalize_bias a text",
        lambda: descent.lasso_descent(X, Y, 1, np.zeros(4), penalize_bias="no"),
        ValueError,
        (
            "Invalid value for argument `penalize_bias`: expected True or False. Received: "
            "penalize_bias='no'"
        ),
    ),
    Case(
        "descent on NaN",
        lambda: descent.ridge_descent(NAN_X, Y, 1, np.zeros(4)),
        ValueError,
        (
            "Invalid value for argument `x`: expected finite numbers. Received: 1 of 24 are NaN "
            "or infinite, the first at index (2, 1)"
        ),
    ),
    Case(
        "rows of different lengths",
        lambda: descent.lasso_descent([[1], [1, 2]], [1, 2], 1, np.zeros(4)),
        ValueError,
        (
            "Invalid value for argument `x`: expected an array of numbers, with as many in each "
            "row. Received: rows of different lengths"
        ),
    ),
    Case(
        "targets too few for a descent",
        lambda: descent.elastic_net_descent(X, Y[:3], 1, 1, np.zeros(4)),
        ValueError,
        (
            "Invalid shape for argument `y`: expected one target a sample, (8,). Received: "
            "y.shape=(3,)"
        ),
    ),
    Case(
        "targets in a column",
        lambda: descent.lasso_descent(X, Y[:, None], 1, np.zeros(4)),
        ValueError,
        (
            "Invalid shape for argument `y`: expected one target a sample, (8,). Received: "
            "y.shape=(8, 1)"
        ),
    ),
    Case(
        "l1 NaN",
        lambda: descent.elastic_net_descent(X, Y, NAN, 1, np.zeros(4)),
        ValueError,
        "Invalid value for argument `l1`: expected a finite float >= 0. Received: l1=nan",
    ),
    Case(
        "one fold",
        lambda: fold_indices(1, X, Y),
        ValueError,
        (
            "Invalid value for argument `folds`: expected an int from 2 to 8, the number of "
            "samples. Received: folds=1"
        ),
    ),
    Case(
        "more folds than samples",
        lambda: fold_indices(9, X, Y),
        ValueError,
        (
            "Invalid value for argument `folds`: expected an int from 2 to 8, the number of "
            "samples. Received: folds=9"
        ),
    ),
    Case(
        "more folds than samples of a class",
        lambda: fold_indices(3, X, LABELS, loss=SPARSE),
        ValueError,
        (
            "Invalid value for argument `folds`: expected at most 2, for the folds are "
            "stratified and class 2 has no more samples. Received: folds=3. Without strata: "
            "folds=sklearn.model_selection.KFold(3, shuffle=True, random_state=0)"
        ),
    ),
    Case(
        "folds a bool",
        lambda: fold_indices(True, X, Y),
        ValueError,
        (
            "Invalid value for argument `folds`: expected an int >= 2, a scikit-learn splitter, "
            "or an iterable of (train, test) pairs of row numbers or masks. Received: folds=True"
        ),
    ),
    Case(
        "folds a class",
        lambda: fold_indices(KFold, X, Y),
        ValueError,
        (
            "Invalid value for argument `folds`: expected an int >= 2, a scikit-learn splitter, "
            "or an iterable of (train, test) pairs of row numbers or masks. Received: "
            "folds=<class 'sklearn.model_selection._split.KFold'>"
        ),
    ),
    Case(
        "no folds",
        lambda: fold_indices([], X, Y),
        ValueError,
        (
            "Invalid value for argument `folds`: expected at least one fold. Received: an "
            "iterable that yields nothing"
        ),
    ),
    Case(
        "fold outside the samples",
        lambda: fold_indices([([0, 1], [9])], X, Y),
        ValueError,
        (
            "Invalid value for argument `folds`: expected the held-out part of fold 0 to hold "
            "rows from 0 to 7. Received: 1 outside, the first is 9"
        ),
    ),
    Case(
        "fold that trains on what it holds out",
        lambda: fold_indices([([0, 1], [1])], X, Y),
        ValueError,
        (
            "Invalid value for argument `folds`: expected samples of fold 0 to be either trained "
            "on or held out. Received: 1 in both parts, the first is row 1"
        ),
    ),
    Case(
        "fold seed beyond 32 bits",
        lambda: fold_indices(2, X, Y, seed=2**32),
        ValueError,
        (
            "Invalid value for argument `seed`: expected an int from 0 to 4294967295. Received: "
            "seed=4294967296"
        ),
    ),
    Case(
        "folds of a misspelt loss",
        lambda: fold_indices(2, X, LABELS, loss="sparse_categorical_crossentrop"),
        ValueError,
        (
            "Invalid value for argument `loss`: expected the name of a Keras loss, a "
            "keras.losses.Loss or a callable. Received: loss='sparse_categorical_crossentrop'. "
            "Did you mean 'sparse_categorical_crossentropy'?"
        ),
    ),
    Case(
        "groups too few",
        lambda: fold_indices(GroupKFold(2), X, Y, groups=[1]),
        ValueError,
        (
            "Invalid shape for argument `groups`: expected one label a sample, (8,). Received: "
            "groups.shape=(1,)"
        ),
    ),
    Case(
        "folds of rows of different lengths",
        lambda: fold_indices(2, [[1, 2], [1]], [1, 2]),
        ValueError,
        (
            "Invalid value for argument `x`: expected an array of numbers, with as many in each "
            "row. Received: rows of different lengths"
        ),
    ),
]
