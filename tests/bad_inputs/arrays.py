"""Data sets, folds, descents, figures and folders with what they cannot take: no model."""

import numpy as np
from matplotlib.figure import Figure
from sklearn.model_selection import GroupKFold, KFold

import kerasreg
from bad_inputs.case import Case
from bad_inputs.subjects import (
    COEFFICIENTS,
    CURVES,
    HISTOGRAMS,
    INF,
    LABELS,
    NAN,
    NAN_X,
    SCORES,
    SPARSE,
    SURFACE,
    WEIGHTS,
    X,
    Y,
    written,
)
from kerasreg import datasets, descent, plots, tables
from kerasreg.checkpoints import CheckpointFolder
from kerasreg.folds import fold_indices

CASES = [
    Case(
        "data set misspelt",
        lambda: datasets.load("digts"),
        ValueError,
        (
            "Invalid value for argument `name`: expected one of 'breast_cancer', 'diabetes', "
            "'digits', 'wine', 'mnist', 'fashion_mnist', 'imdb'. Received: name='digts'. Did you "
            "mean 'digits'?"
        ),
    ),
    Case(
        "data set None",
        lambda: datasets.load(None),
        ValueError,
        (
            "Invalid value for argument `name`: expected one of 'breast_cancer', 'diabetes', "
            "'digits', 'wine', 'mnist', 'fashion_mnist', 'imdb'. Received: name=None"
        ),
    ),
    Case(
        "data set in capitals",
        lambda: datasets.load("MNIST"),
        ValueError,
        (
            "Invalid value for argument `name`: expected one of 'breast_cancer', 'diabetes', "
            "'digits', 'wine', 'mnist', 'fashion_mnist', 'imdb'. Received: name='MNIST'. Did you "
            "mean 'mnist'?"
        ),
    ),
    Case(
        "seed beyond 32 bits",
        lambda: datasets.load("digits", seed=2**40),
        ValueError,
        (
            "Invalid value for argument `seed`: expected an int from 0 to 4294967295. Received: "
            "seed=1099511627776"
        ),
    ),
    Case(
        "seed of data a bool",
        lambda: datasets.load("wine", seed=True),
        ValueError,
        (
            "Invalid value for argument `seed`: expected an int from 0 to 4294967295. "
            "Received: seed=True"
        ),
    ),
    Case(
        "validation share of nothing",
        lambda: datasets.wine(validation=0),
        ValueError,
        (
            "Invalid values for arguments `validation` and `test`: expected shares that leave at "
            "least 3 of 178 samples in each part. Received: validation=0.0, test=0.2"
        ),
    ),
    Case(
        "validation share negative",
        lambda: datasets.wine(validation=-0.1),
        ValueError,
        (
            "Invalid value for argument `validation`: expected a finite float between 0 and 1. "
            "Received: validation=-0.1"
        ),
    ),
    Case(
        "validation as a number of samples",
        lambda: datasets.wine(validation=100),
        ValueError,
        (
            "Invalid value for argument `validation`: expected a finite float between 0 and 1. "
            "Received: validation=100"
        ),
    ),
    Case(
        "shares beyond one",
        lambda: datasets.wine(validation=0.6, test=0.6),
        ValueError,
        (
            "Invalid values for arguments `validation` and `test`: expected shares that leave at "
            "least 3 of 178 samples in each part. Received: validation=0.6, test=0.6"
        ),
    ),
    Case(
        "sparse data without rows",
        lambda: datasets.sparse_logistic(0),
        ValueError,
        "Invalid value for argument `n_samples`: expected an int >= 1. Received: n_samples=0",
    ),
    Case(
        "weights as texts",
        lambda: descent.logistic_costs(X, LABELS > 1, "abc", 1),
        ValueError,
        (
            "Invalid value for argument `weights`: expected an array of numbers. Received: "
            "weights='array of <U3'"
        ),
    ),
    Case(
        "sparse data with too few columns",
        lambda: datasets.sparse_logistic(10, 2),
        ValueError,
        ("Invalid value for argument `n_features`: expected an int >= 3. Received: n_features=2"),
    ),
    Case(
        "sparse data, fractional seed",
        lambda: datasets.sparse_logistic(seed=1.5),
        ValueError,
        (
            "Invalid value for argument `seed`: expected an int from 0 to 4294967295. "
            "Received: seed=1.5"
        ),
    ),
    Case(
        "words before any download",
        lambda: datasets.imdb(n_words=0),
        ValueError,
        "Invalid value for argument `n_words`: expected an int >= 1. Received: n_words=0",
    ),
    Case(
        "share before any download",
        lambda: datasets.mnist(validation=2),
        ValueError,
        (
            "Invalid value for argument `validation`: expected a finite float between 0 and 1. "
            "Received: validation=2"
        ),
    ),
    Case(
        "share a text before any download",
        lambda: datasets.imdb(validation="x"),
        ValueError,
        (
            "Invalid value for argument `validation`: expected a finite float between 0 and 1. "
            "Received: validation='x'"
        ),
    ),
    Case(
        "seed before any download",
        lambda: datasets.fashion_mnist(seed=-1),
        ValueError,
        (
            "Invalid value for argument `seed`: expected an int from 0 to 4294967295. "
            "Received: seed=-1"
        ),
    ),
    Case(
        "labels that are not 0 or 1",
        lambda: descent.logistic_costs(X, LABELS, np.zeros(3), 1),
        ValueError,
        ("Invalid value for argument `y`: expected labels 0 or 1. Received: values from 0 to 2"),
    ),
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
    Case(
        "table a text",
        lambda: plots.plot_path("a"),
        ValueError,
        (
            "Invalid value for argument `coefficients`: expected a table with the columns "
            "['strength', 'variable', 'index', 'value']. Received: str"
        ),
    ),
    Case(
        "table without a column",
        lambda: plots.plot_path(COEFFICIENTS.drop(columns="value")),
        ValueError,
        (
            "Invalid value for argument `coefficients`: expected a table with the columns "
            "['strength', 'variable', 'index', 'value']. Missing: ['value']. Received: "
            "['strength', 'variable', 'index']"
        ),
    ),
    Case(
        "table without rows",
        lambda: plots.plot_path(COEFFICIENTS[:0]),
        ValueError,
        "Invalid value for argument `coefficients`: expected at least one row",
    ),
    Case(
        "strengths as texts",
        lambda: plots.plot_path(COEFFICIENTS.assign(strength=["a", "b"])),
        ValueError,
        (
            "Invalid value for argument `coefficients`: expected numbers in the column "
            "'strength'. Received: str"
        ),
    ),
    Case(
        "strength zero on a logarithmic axis",
        lambda: plots.plot_path(COEFFICIENTS.assign(strength=[0.0, 1.0])),
        ValueError,
        (
            "Invalid value for argument `coefficients`: expected finite strengths > 0, for their "
            "axis is logarithmic. Received: 0 among them. Pass "
            'coefficients[coefficients["strength"] > 0]'
        ),
    ),
    Case(
        "strength infinite on an axis",
        lambda: plots.plot_sparsity(WEIGHTS.assign(strength=[INF, 1.0])),
        ValueError,
        (
            "Invalid value for argument `weights`: expected finite strengths > 0, for their axis "
            'is logarithmic. Received: inf among them. Pass weights[weights["strength"] > 0]'
        ),
    ),
    Case(
        "variable misspelt",
        lambda: plots.plot_path(COEFFICIENTS, variable="dense/kernal"),
        ValueError,
        (
            "Invalid value for argument `variable`: expected one of ['dense/kernel']. Received: "
            "variable='dense/kernal'. Did you mean 'dense/kernel'?"
        ),
    ),
    Case(
        "labels too many",
        lambda: plots.plot_path(COEFFICIENTS, labels=["a", "b"]),
        ValueError,
        (
            "Invalid value for argument `labels`: expected a name for each of the 1 weights. "
            "Received: 2"
        ),
    ),
    Case(
        "labels one text",
        lambda: plots.plot_path(COEFFICIENTS, labels="a"),
        ValueError,
        ("Invalid value for argument `labels`: expected a sequence of names. Received: labels='a'"),
    ),
    Case(
        "selected strength negative",
        lambda: plots.plot_path(COEFFICIENTS, selected=-1),
        ValueError,
        (
            "Invalid value for argument `selected`: expected a finite float > 0. Received: "
            "selected=-1"
        ),
    ),
    Case(
        "axes a text",
        lambda: plots.plot_path(COEFFICIENTS, ax="a"),
        TypeError,
        (
            "Invalid type for argument `ax`: expected matplotlib Axes, such as "
            "figure.add_subplot(), or None. Received: str"
        ),
    ),
    Case(
        "axes a figure",
        lambda: plots.plot_curves(CURVES, ax=Figure()),
        TypeError,
        (
            "Invalid type for argument `ax`: expected matplotlib Axes, such as "
            "figure.add_subplot(), or None. Received: Figure"
        ),
    ),
    Case(
        "share misspelt",
        lambda: plots.plot_sparsity(WEIGHTS, quantity="shares"),
        ValueError,
        (
            "Invalid value for argument `quantity`: expected 'share' or 'number'. Received: "
            "quantity='shares'"
        ),
    ),
    Case(
        "variables one text",
        lambda: plots.plot_sparsity(WEIGHTS, variables="dense/kernel"),
        ValueError,
        (
            "Invalid value for argument `variables`: expected a list of names from "
            "['dense/kernel']. Received: variables='dense/kernel'"
        ),
    ),
    Case(
        "variables none",
        lambda: plots.plot_sparsity(WEIGHTS, variables=[]),
        ValueError,
        (
            "Invalid value for argument `variables`: expected a list of names from "
            "['dense/kernel']. Received: variables=[]"
        ),
    ),
    Case(
        "curves instead of scores",
        lambda: plots.plot_cross_validation(CURVES),
        ValueError,
        (
            "Invalid value for argument `scores`: expected a table with the columns ['strength', "
            "'fold', 'split', 'quantity', 'value']. Missing: ['strength', 'fold']. Received: "
            "['epoch', 'split', 'quantity', 'value']"
        ),
    ),
    Case(
        "scores of no split",
        lambda: plots.plot_cross_validation(SCORES.assign(split="val")),
        ValueError,
        (
            "Invalid value for argument `scores`: expected a split 'train' or 'validation'. "
            "Received: ['val']"
        ),
    ),
    Case(
        "selected strength NaN",
        lambda: plots.plot_cross_validation(SCORES, selected={"best": NAN}),
        ValueError,
        (
            "Invalid value for argument `selected`: expected a finite float > 0. Received: "
            "selected=nan"
        ),
    ),
    Case(
        "quantity misspelt",
        lambda: plots.plot_curves(CURVES, "los"),
        ValueError,
        (
            "Invalid value for argument `quantity`: expected one of ['loss']. Received: "
            "quantity='los'. Did you mean 'loss'?"
        ),
    ),
    Case(
        "curves of no split",
        lambda: plots.plot_curves(CURVES.assign(split="val")),
        ValueError,
        (
            "Invalid value for argument `curves`: expected a split 'train' or 'validation'. "
            "Received: ['val']"
        ),
    ),
    Case(
        "histogram of an unknown variable",
        lambda: plots.plot_histograms(HISTOGRAMS, "bias"),
        ValueError,
        (
            "Invalid value for argument `variable`: expected one of ['dense/kernel']. Received: "
            "variable='bias'"
        ),
    ),
    Case(
        "surface that is no grid",
        lambda: plots.plot_contours(SURFACE[:3]),
        ValueError,
        (
            "Invalid value for argument `surface`: expected one row for each point of a grid, "
            "every `w_1` with every `w_2`, two of each at least. Received: 3 rows with 2 values "
            "of `w_1`, [0.0, 1.0], and 2 of `w_2`"
        ),
    ),
    Case(
        "surface of texts",
        lambda: plots.plot_contours(SURFACE.assign(value="a")),
        ValueError,
        (
            "Invalid value for argument `surface`: expected numbers in the column 'value'. "
            "Received: str"
        ),
    ),
    Case(
        "level outside the surface",
        lambda: plots.plot_contours(SURFACE, level=9),
        ValueError,
        (
            "Invalid value for argument `level`: expected a float > 0 and < 2, the range of "
            "`penalty_value`. Received: level=9"
        ),
    ),
    Case(
        "level NaN",
        lambda: plots.plot_contours(SURFACE, level=NAN),
        ValueError,
        (
            "Invalid value for argument `level`: expected a float > 0 and < 2, the range of "
            "`penalty_value`. Received: level=nan"
        ),
    ),
    Case(
        "levels a number",
        lambda: plots.plot_contours(SURFACE, levels=3.0),
        ValueError,
        (
            "Invalid value for argument `levels`: expected a sequence of finite floats. "
            "Received: levels=3.0"
        ),
    ),
    Case(
        "levels of texts",
        lambda: plots.plot_contours(SURFACE, levels=["a"]),
        ValueError,
        "Invalid value for argument `levels`: expected finite floats. Received: levels='a'",
    ),
    Case(
        "minimum outside the surface",
        lambda: plots.plot_contours(SURFACE, minimum=(3, 3)),
        ValueError,
        (
            "Invalid value for argument `minimum`: expected a point (w_1, w_2) with w_1 from 0 "
            "to 1 and w_2 from 0 to 1, as in the table. Received: minimum=(3, 3)"
        ),
    ),
    Case(
        "colour unknown",
        lambda: plots.plot_contours(SURFACE, level=1.0, color="blau"),
        ValueError,
        (
            "Invalid value for argument `color`: expected a colour that Matplotlib knows. "
            "Received: color='blau'"
        ),
    ),
    Case(
        "path without steps",
        lambda: plots.plot_contours(SURFACE, path=SURFACE),
        ValueError,
        (
            "Invalid value for argument `path`: expected a table with the columns ['step', "
            "'w_1', 'w_2']. Missing: ['step']. Received: ['w_1', 'w_2', 'value', "
            "'penalty_value']"
        ),
    ),
    Case(
        "record in a number",
        lambda: tables.TrainingRecord(3),
        ValueError,
        (
            "Invalid value for argument `log_dir`: expected the path of a folder, or None. "
            "Received: log_dir=3"
        ),
    ),
    Case(
        "module misspelt",
        lambda: kerasreg.trainning,
        AttributeError,
        "module 'kerasreg' has no attribute 'trainning'",
    ),
    Case(
        "checkpoint a file",
        lambda: CheckpointFolder("ck", {}),
        NotADirectoryError,
        (
            "The checkpoint folder 'ck' cannot be used: Not a directory. Pass a checkpoint_dir "
            "that can be made and written"
        ),
        before=written("ck", ""),
    ),
    Case(
        "checkpoint below a file",
        lambda: CheckpointFolder("file/ck", {}),
        NotADirectoryError,
        (
            "The checkpoint folder 'file/ck' cannot be used: Not a directory. Pass a "
            "checkpoint_dir that can be made and written"
        ),
        before=written("file", ""),
    ),
    Case(
        "checkpoint among other files",
        lambda: CheckpointFolder("ck", {}),
        ValueError,
        (
            "The folder 'ck' is not a checkpoint: it has no 'call.json', but holds 'notes.txt'. "
            "Pass a checkpoint_dir that is empty or does not exist"
        ),
        before=written("ck/notes.txt", ""),
    ),
    Case(
        "checkpoint in a place that takes no files",
        lambda: CheckpointFolder("/proc/ck", {}),
        FileNotFoundError,
        (
            "The checkpoint folder '/proc/ck' cannot be used: No such file or directory. Pass a "
            "checkpoint_dir that can be made and written"
        ),
    ),
]
