"""Paths and cross-validation with what they cannot take."""

from functools import cache

import numpy as np

from kerasreg.optimality import strength_max
from tests.robustness.bad_inputs.case import Case
from tests.robustness.bad_inputs.subjects import (
    L1,
    LABELS,
    SPARSE,
    X,
    dataset,
    deep,
    grid,
    largest,
    linear,
    path,
    validate,
)

MEMBERS, VALIDATION = cache(grid), cache(validate)


CASES = [
    Case(
        "path of one strength",
        lambda: path(n_strengths=1),
        ValueError,
        ("Invalid value for argument `n_strengths`: expected an int >= 2. Received: n_strengths=1"),
    ),
    Case(
        "path to nothing",
        lambda: path(min_ratio=0),
        ValueError,
        (
            "Invalid value for argument `min_ratio`: expected a finite float > 0 and < 1. "
            "Received: min_ratio=0"
        ),
    ),
    Case(
        "path of a model without penalties",
        lambda: path(model=linear(1, None)),
        ValueError,
        "The weights 'dense/kernel' have no regularizer, so no strength makes them zero",
    ),
    Case(
        "path of a text",
        lambda: path(model="model"),
        TypeError,
        "Invalid type for argument `model`: expected a keras.Model. Received: str",
    ),
    Case(
        "path for texts of epochs",
        lambda: path(model=deep(), epochs="10"),
        ValueError,
        "Invalid value for argument `epochs`: expected an int >= 1. Received: epochs='10'",
    ),
    Case(
        "path without seeds",
        lambda: path(model=deep(), seeds=()),
        ValueError,
        (
            "Invalid value for argument `seeds`: expected at least one seed, and each once. "
            "Received: seeds=()"
        ),
    ),
    Case(
        "path without targets",
        lambda: path(y=None),
        ValueError,
        "Invalid value for argument `y`: expected an array of targets. Received: y=None",
    ),
    Case(
        "path of labels outside the classes",
        lambda: path(y=LABELS + 5, model=linear(3), loss=SPARSE),
        ValueError,
        (
            "Invalid value for argument `y`: expected whole labels from 0 to 2, for the model "
            "has 3 outputs. Received: labels from 5 to 7"
        ),
    ),
    Case(
        "path of constant targets",
        lambda: path(y=np.zeros(8)),
        ValueError,
        (
            "Every strength makes the penalized weights of the model 'linear' zero, so that "
            "there is no path: with all of them at zero the gradient of the data loss is zero. "
            "Are the inputs or the targets constant, or the regularizer's own strength 0?"
        ),
    ),
    Case(
        "path of constant features",
        lambda: path(np.zeros((8, 3))),
        ValueError,
        (
            "Every strength makes the penalized weights of the model 'linear' zero, so that "
            "there is no path: with all of them at zero the gradient of the data loss is zero. "
            "Are the inputs or the targets constant, or the regularizer's own strength 0?"
        ),
    ),
    Case(
        "path validated on a number",
        lambda: path(model=deep(), validation_data=3),
        ValueError,
        (
            "Invalid value for argument `validation_data`: expected (x, y), (x, y, "
            "sample_weight) or a tf.data.Dataset. Received: int"
        ),
    ),
    Case(
        "path logged to a number",
        lambda: path(model=deep(), log_dir=3),
        ValueError,
        (
            "Invalid value for argument `log_dir`: expected the path of a folder, or None. "
            "Received: log_dir=3"
        ),
    ),
    Case(
        "largest strength of a number of texts",
        lambda: largest(deep(), n_strengths="a"),
        ValueError,
        (
            "Invalid value for argument `n_strengths`: expected an int >= 2. Received: "
            "n_strengths='a'"
        ),
    ),
    Case(
        "largest strength without targets",
        lambda: largest(y=None),
        ValueError,
        "Invalid value for argument `y`: expected an array of targets. Received: y=None",
    ),
    Case(
        "cross-validation of a text",
        lambda: validate(model="model"),
        TypeError,
        "Invalid type for argument `model`: expected a keras.Model. Received: str",
    ),
    Case(
        "cross-validation with more folds than samples",
        lambda: validate(folds=9),
        ValueError,
        (
            "Invalid value for argument `folds`: expected an int from 2 to 8, the number of "
            "samples. Received: folds=9"
        ),
    ),
    Case(
        "cross-validation by a name",
        lambda: validate(folds="kfold"),
        ValueError,
        (
            "Invalid value for argument `folds`: expected an int >= 2, a scikit-learn splitter, "
            "or an iterable of (train, test) pairs of row numbers or masks. Received: "
            "folds='kfold'"
        ),
    ),
    Case(
        "cross-validation with a seed as a text",
        lambda: validate(shuffle_seed="a"),
        ValueError,
        (
            "Invalid value for argument `shuffle_seed`: expected an int >= 0. Received: "
            "shuffle_seed='a'"
        ),
    ),
    Case(
        "cross-validation of a dataset",
        lambda: validate(dataset(), None),
        ValueError,
        "Folds need arrays; a tf.data.Dataset has no rows. Pass x and y",
    ),
    Case(
        "cross-validation with groups and a number",
        lambda: validate(folds=3, groups=LABELS),
        ValueError,
        (
            "Argument `groups` needs a splitter that keeps them together. Received: folds=3. "
            "Pass folds=sklearn.model_selection.GroupKFold(3)"
        ),
    ),
    Case(
        "rule misspelt",
        lambda: VALIDATION().select("mni"),
        ValueError,
        (
            "Invalid value for argument `rule`: expected one of ['min', 'one_standard_error']. "
            "Received: rule='mni'. Did you mean 'min'?"
        ),
    ),
    Case(
        "quantity of no score",
        lambda: VALIDATION().select(quantity="los"),
        ValueError,
        (
            "Invalid value for argument `quantity`: expected one of ['data_loss', 'loss', "
            "'penalty', 'penalty/dense/kernel']. Received: quantity='los'. Did you mean 'loss'?"
        ),
    ),
    Case(
        "mode misspelt",
        lambda: VALIDATION().select(mode="mean"),
        ValueError,
        (
            'Invalid value for argument `mode`: expected "min", "max" or None. Received: '
            "mode='mean'"
        ),
    ),
    Case(
        "refit for a negative seed",
        lambda: VALIDATION().refit(seed=-1),
        ValueError,
        (
            "Invalid value for argument `seeds`: expected an int from 0 to 4294967295. "
            "Received: seeds=-1"
        ),
    ),
    Case(
        "strength_max of one class",
        lambda: strength_max(linear(1, L1, "sigmoid"), X, np.zeros(8), "binary_crossentropy"),
        ValueError,
        (
            "strength_max could not fit the bias at zero weights: all targets are equal, and the "
            "best bias for them is infinite. Pass samples of more than one class"
        ),
    ),
]
