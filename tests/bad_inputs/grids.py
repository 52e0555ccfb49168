"""Grids, paths and cross-validation with what they cannot take."""

from functools import cache

import keras
import numpy as np

from bad_inputs.case import Case
from bad_inputs.subjects import (
    L1,
    LABELS,
    NAN,
    SPARSE,
    X,
    Y,
    dataset,
    deep,
    dense,
    grid,
    largest,
    linear,
    path,
    validate,
    written,
)
from kerasreg.optimality import strength_max

MEMBERS, VALIDATION = cache(grid), cache(validate)


def in_half_precision():
    layer = keras.layers.Dense(1, kernel_initializer="ones", dtype="mixed_float16", name="dense")
    return keras.Sequential([keras.Input((3,)), layer])


def frozen():
    model = linear()
    model.trainable = False
    return model


def of_two_inputs():
    inputs = [keras.Input((3,)), keras.Input((3,))]
    return keras.Model(inputs, dense()(keras.layers.Add()(inputs)))


def dataset_of_dicts():
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices({"x": X, "y": Y}).batch(4)


CASES = [
    Case(
        "strengths one number",
        lambda: grid(strengths=0.1),
        ValueError,
        (
            "Invalid value for argument `strengths`: expected a sequence of finite floats >= 0. "
            "Received: strengths=0.1"
        ),
    ),
    Case(
        "strengths a text",
        lambda: grid(strengths="0.1"),
        ValueError,
        (
            "Invalid value for argument `strengths`: expected a sequence of finite floats >= 0. "
            "Received: strengths='0.1'"
        ),
    ),
    Case(
        "strengths a dict",
        lambda: grid(strengths={0.1: "small"}),
        ValueError,
        (
            "Invalid value for argument `strengths`: expected a sequence of finite floats >= 0. "
            "Received: strengths={0.1: 'small'}"
        ),
    ),
    Case(
        "no strengths",
        lambda: grid(strengths=[]),
        ValueError,
        (
            "Invalid value for argument `strengths`: expected at least one strength. Received: "
            "strengths=[]"
        ),
    ),
    Case(
        "strengths twice",
        lambda: grid(strengths=[0.1, 1.0, 0.1]),
        ValueError,
        (
            "Invalid value for argument `strengths`: expected each strength once, not [0.1] "
            "again. Received: strengths=[0.1, 1.0, 0.1]"
        ),
    ),
    Case(
        "strengths zero and minus zero",
        lambda: grid(strengths=[0.0, -0.0]),
        ValueError,
        (
            "Invalid value for argument `strengths`: expected each strength once, not [0.0] "
            "again. Received: strengths=[0.0, -0.0]"
        ),
    ),
    Case(
        "strengths negative",
        lambda: grid(strengths=[-1]),
        ValueError,
        (
            "Invalid value for argument `strengths`: expected a finite float >= 0. Received: "
            "strengths=-1"
        ),
    ),
    Case(
        "strengths NaN",
        lambda: grid(strengths=[NAN]),
        ValueError,
        (
            "Invalid value for argument `strengths`: expected a finite float >= 0. Received: "
            "strengths=nan"
        ),
    ),
    Case(
        "strengths complex",
        lambda: grid(strengths=[1j]),
        ValueError,
        (
            "Invalid value for argument `strengths`: expected a finite float >= 0. Received: "
            "strengths=1j"
        ),
    ),
    Case(
        "strengths bools",
        lambda: grid(strengths=[True]),
        ValueError,
        (
            "Invalid value for argument `strengths`: expected a finite float >= 0. Received: "
            "strengths=True"
        ),
    ),
    Case(
        "strengths beyond float32",
        lambda: grid(strengths=[1e300]),
        ValueError,
        (
            "Invalid value for argument `strengths`: expected strengths that float32 can hold. "
            "Received: strengths=1e+300"
        ),
    ),
    Case(
        "seeds one number",
        lambda: grid(seeds=3),
        ValueError,
        (
            "Invalid value for argument `seeds`: expected a sequence of ints >= 0, such as (0,). "
            "Received: seeds=3"
        ),
    ),
    Case(
        "seeds twice",
        lambda: grid(seeds=[1, 1]),
        ValueError,
        (
            "Invalid value for argument `seeds`: expected at least one seed, and each once. "
            "Received: seeds=[1, 1]"
        ),
    ),
    Case(
        "seeds a text",
        lambda: grid(seeds="01"),
        ValueError,
        (
            "Invalid value for argument `seeds`: expected an int from 0 to 4294967295. "
            "Received: seeds='0'"
        ),
    ),
    Case(
        "seeds beyond 32 bits",
        lambda: grid(seeds=[2**40]),
        ValueError,
        (
            "Invalid value for argument `seeds`: expected an int from 0 to 4294967295. Received: "
            "seeds=1099511627776"
        ),
    ),
    Case(
        "initial weights misspelt",
        lambda: grid(initial_weights="modle"),
        ValueError,
        (
            'Invalid value for argument `initial_weights`: expected "seed" or "model". Received: '
            "initial_weights='modle'"
        ),
    ),
    Case(
        "warm start a text",
        lambda: grid(warm_start="yes"),
        ValueError,
        (
            "Invalid value for argument `warm_start`: expected True or False. Received: "
            "warm_start='yes'"
        ),
    ),
    Case(
        "no chunk",
        lambda: grid(chunk_size=0),
        ValueError,
        ("Invalid value for argument `chunk_size`: expected an int >= 1. Received: chunk_size=0"),
    ),
    Case(
        "no jobs",
        lambda: grid(n_jobs=0),
        ValueError,
        (
            "Invalid value for argument `n_jobs`: expected an int that is not 0, or None. "
            "Received: n_jobs=0"
        ),
    ),
    Case(
        "no members to log",
        lambda: grid(log_members=0),
        ValueError,
        ("Invalid value for argument `log_members`: expected an int >= 1. Received: log_members=0"),
    ),
    Case(
        "groups without folds",
        lambda: grid(groups=LABELS),
        ValueError,
        "Argument `groups` has no place without folds, which it keeps together",
    ),
    Case(
        "folds and validation data",
        lambda: grid(folds=2, validation_data=(X, Y)),
        ValueError,
        "Pass folds or validation_data: with folds each is validated on what it holds out",
    ),
    Case(
        "folds of a dataset",
        lambda: grid(dataset(), None, folds=2),
        ValueError,
        "Folds need arrays; a tf.data.Dataset has no rows. Pass x and y",
    ),
    Case(
        "grid of a misspelt optimizer",
        lambda: grid(optimizer="adamm"),
        ValueError,
        (
            "Invalid value for argument `optimizer`: expected the name or an instance of a Keras "
            "optimizer. Received: optimizer='adamm'. Did you mean 'adam'?"
        ),
    ),
    Case(
        "grid of None as an optimizer",
        lambda: grid(optimizer=None),
        ValueError,
        (
            "Invalid value for argument `optimizer`: expected the name or an instance of a Keras "
            "optimizer. Received: optimizer=None"
        ),
    ),
    Case(
        "grid of an optimizer that mixes weights",
        lambda: grid(optimizer="muon"),
        ValueError,
        (
            "A grid cannot use the optimizer Muon: it mixes the weights of a variable, and so "
            "those of different members. Pass one that moves each weight by itself, such as "
            "Adam, SGD or kerasreg.optimizers.ProximalAdam, or train the members one by one with "
            "kerasreg.training.train"
        ),
    ),
    Case(
        "grid of None as a loss",
        lambda: grid(loss=None),
        ValueError,
        (
            "Invalid value for argument `loss`: expected the name of a Keras loss, a "
            "keras.losses.Loss or a callable. Received: loss=None"
        ),
    ),
    Case(
        "grid of a metric",
        lambda: grid(metrics="mae"),
        ValueError,
        (
            'Invalid value for argument `metrics`: expected a list such as ["mae"], or a dict by '
            "output. Received: metrics='mae'"
        ),
    ),
    Case(
        "grid of weights in a matrix",
        lambda: grid(sample_weight=X),
        ValueError,
        (
            "Invalid shape for argument `sample_weight`: expected one weight a sample, (8,). "
            "Received: sample_weight.shape=(8, 3)"
        ),
    ),
    Case(
        "grid of None as inputs",
        lambda: grid(None),
        ValueError,
        (
            "Invalid value for argument `x`: expected an array of at least one sample. Received: "
            "x=None"
        ),
    ),
    Case(
        "checkpoint folder a number",
        lambda: grid(checkpoint_dir=3),
        ValueError,
        (
            "Invalid value for argument `checkpoint_dir`: expected the path of a folder, or "
            "None. Received: checkpoint_dir=3"
        ),
    ),
    Case(
        "checkpoint folder a file",
        lambda: grid(checkpoint_dir="ck"),
        NotADirectoryError,
        (
            "The checkpoint folder 'ck' cannot be used: Not a directory. Pass a checkpoint_dir "
            "that can be made and written"
        ),
        before=written("ck", ""),
    ),
    Case(
        "checkpoint folder of somebody else",
        lambda: grid(checkpoint_dir="ck"),
        ValueError,
        (
            "The folder 'ck' is not a checkpoint: it has no 'call.json', but holds 'notes.txt'. "
            "Pass a checkpoint_dir that is empty or does not exist"
        ),
        before=written("ck/notes.txt", ""),
    ),
    Case(
        "checkpoint of a dataset",
        lambda: grid(dataset(), None, checkpoint_dir="ck"),
        ValueError,
        (
            "A checkpoint_dir needs arrays: it cannot be known whether a tf.data.Dataset is that "
            "of the call before. Pass x and y"
        ),
    ),
    Case(
        "member that is not there",
        lambda: MEMBERS().model(3.0),
        ValueError,
        (
            "There is no member with strength=3.0, fold=0, seed=0: the nearest strength is 0.1, "
            "the folds are [0], the seeds [0]"
        ),
    ),
    Case(
        "member of a strength NaN",
        lambda: MEMBERS().model(NAN),
        ValueError,
        (
            "Invalid value for argument `strength`: expected a finite float >= 0. Received: "
            "strength=nan"
        ),
    ),
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
    Case(
        "grid in half precision",
        lambda: grid(model=in_half_precision()),
        ValueError,
        (
            "A grid has no loss scaling, so that gradients of the layers ['dense'], which compute "
            "in float16, would vanish. Use float32 or mixed_bfloat16"
        ),
    ),
    Case(
        "grid of a frozen model",
        lambda: grid(model=frozen()),
        ValueError,
        (
            "The model 'linear' has no trainable weights. Set `trainable = True` on the layers to "
            "train"
        ),
    ),
    Case(
        "dataset of dicts",
        lambda: grid(dataset_of_dicts(), None),
        ValueError,
        (
            "Invalid value for argument `x`: expected a dataset of (x, y) or (x, y, "
            "sample_weight). Received elements: {'x': TensorSpec(shape=(None, 3), "
            "dtype=tf.float32, name=None), 'y': TensorSpec(shape=(None,), dtype=tf.float32, "
            "name=None)}"
        ),
    ),
    Case(
        "one array for two inputs",
        lambda: grid(model=of_two_inputs()),
        ValueError,
        ("Invalid value for argument `x`: expected 2 arrays for the model's inputs. Received: 1"),
    ),
    Case(
        "path that diverges at every strength",
        lambda: path(model=deep(), optimizer=keras.optimizers.SGD(1e30), epochs=2),
        ValueError,
        (
            "Training diverged at each of 100 strengths from 1e-07 to 1e+05: take a smaller "
            "learning rate, or scale the data"
        ),
    ),
]
