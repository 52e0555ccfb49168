"""Surgery on models, by rules and with samples that it cannot take."""

import keras
import numpy as np

from kerasreg import surgery
from tests.robustness.bad_inputs.case import Case
from tests.robustness.bad_inputs.subjects import (
    L1,
    NAN,
    NAN_X,
    Called,
    X,
    Y,
    compiled,
    dense,
    filled,
    linear,
    unbuilt,
)


def scaled_norm(weights, strength):
    return strength * keras.ops.norm(weights)


def convolutional():
    layer = keras.layers.Conv2D(2, 3, kernel_initializer="ones", name="conv2d")
    return keras.Sequential([keras.Input((5, 5, 1)), layer])


CASES = [
    Case(
        "regularize a text",
        lambda: surgery.regularize("model", {"*": L1}),
        TypeError,
        "Invalid type for argument `model`: expected a keras.Model. Received: str",
    ),
    Case(
        "regularize an unbuilt model",
        lambda: surgery.regularize(unbuilt(), {"*": L1}),
        ValueError,
        (
            "The model 'unbuilt' is not built, so it has no variables yet. Build it with "
            "`model.build(input_shape)`, or call it on a batch of data"
        ),
    ),
    Case(
        "regularize without rules",
        lambda: surgery.regularize(linear(), {}),
        ValueError,
        (
            'Invalid value for argument `rules`: expected a dict such as {"dense*/kernel": '
            "regularizer}. Received: rules={}"
        ),
    ),
    Case(
        "regularize a misspelt layer",
        lambda: surgery.regularize(linear(), {"dens": L1}),
        ValueError,
        (
            "The rule 'dens' matches nothing in the model 'linear'. It has the layers "
            "['input_layer', 'dense'] and the variables ['dense/kernel', 'dense/bias']. Did you "
            "mean 'dense'?"
        ),
    ),
    Case(
        "regularize, one of two rules misspelt",
        lambda: surgery.regularize(linear(), {"dense": None, "dense/kernal": L1}),
        ValueError,
        (
            "The rule 'dense/kernal' matches nothing in the model 'linear'. It has the layers "
            "['input_layer', 'dense'] and the variables ['dense/kernel', 'dense/bias']. Did you "
            "mean 'dense/kernel'?"
        ),
    ),
    Case(
        "regularize by an unknown name",
        lambda: surgery.regularize(linear(), {"dense": "l3"}),
        TypeError,
        (
            "Invalid regularizer in the rule for 'dense': expected a regularizer of "
            "keras.regularizers or kerasreg.regularizers, a function of the weights, or None. "
            "Received: 'l3'"
        ),
    ),
    Case(
        "function of two arguments as a regularizer",
        lambda: surgery.regularize(linear(), {"dense": scaled_norm}),
        ValueError,
        (
            "Invalid regularizer scaled_norm in the rule for 'dense': cannot take the weights "
            "'dense/kernel' of shape (3, 1): scaled_norm() missing 1 required positional argument: "
            "'strength'"
        ),
    ),
    Case(
        "function that returns an array as a regularizer",
        lambda: surgery.regularize(linear(), {"dense": keras.ops.abs}),
        ValueError,
        (
            "Invalid regularizer abs in the rule for 'dense': expected a scalar for the weights "
            "'dense/kernel' of shape (3, 1). Received: a tensor of shape (3, 1)"
        ),
    ),
    Case(
        "regularizer for weights of another rank",
        lambda: surgery.regularize(
            convolutional(), {"conv2d": keras.regularizers.OrthogonalRegularizer()}
        ),
        ValueError,
        (
            "Invalid regularizer OrthogonalRegularizer(factor=0.01, mode='rows') in the rule for "
            "'conv2d': cannot take the weights 'conv2d/kernel' of shape (3, 3, 1, 2): Inputs to "
            "OrthogonalRegularizer must have rank 2. Received: inputs.shape=(3, 3, 1, 2)"
        ),
    ),
    Case(
        "regularize by a number",
        lambda: surgery.regularize(linear(), {"dense": 0.1}),
        TypeError,
        (
            "Invalid regularizer in the rule for 'dense': expected a regularizer of "
            "keras.regularizers or kerasreg.regularizers, a function of the weights, or None. "
            "Received: 0.1"
        ),
    ),
    Case(
        "regularize a number",
        lambda: surgery.regularize(linear(), {3: L1}),
        TypeError,
        (
            "Invalid key in argument `rules`: expected the name of a layer or variable, a "
            "pattern, a layer class or a layer. Received: 3 of type int"
        ),
    ),
    Case(
        "regularize a class that is not there",
        lambda: surgery.regularize(linear(), {keras.layers.Conv2D: L1}),
        ValueError,
        (
            "The rule for Conv2D matches nothing in the model 'linear', whose kernels are in "
            "layers of the classes ['Dense']. Name variables for a bias or scale: "
            "['dense/kernel', 'dense/bias']"
        ),
    ),
    Case(
        "audit of a text",
        lambda: surgery.audit("model"),
        TypeError,
        "Invalid type for argument `model`: expected a keras.Model. Received: str",
    ),
    Case(
        "audit of targets alone",
        lambda: surgery.audit(linear(), y=Y),
        ValueError,
        ("Invalid value for argument `x`: expected inputs for the targets `y`. Received: x=None"),
    ),
    Case(
        "audit of a number as a step",
        lambda: surgery.audit(linear(), train_step=3),
        ValueError,
        (
            "Invalid value for argument `train_step`: expected a function of (x, y), or None. "
            "Received: train_step=3"
        ),
    ),
    Case(
        "audit of NaN",
        lambda: surgery.audit(compiled(), NAN_X, Y),
        ValueError,
        (
            "Invalid value for argument `x`: expected finite numbers. Received: 1 of 24 are NaN "
            "or infinite, the first at index (2, 1)"
        ),
    ),
    Case(
        "audit of too few features",
        lambda: surgery.audit(linear(), X[:, :2]),
        ValueError,
        (
            "Invalid shape for argument `x`: the model 'linear' expects (None, 3). Received: "
            "x.shape=(8, 2)"
        ),
    ),
    Case(
        "audit of a text as inputs",
        lambda: surgery.audit(linear(), "abc"),
        ValueError,
        (
            "Invalid value for argument `x`: expected an array of numbers. Received: x='array of "
            "<U3'"
        ),
    ),
    Case(
        "audit of too many targets a sample",
        lambda: surgery.audit(compiled(), X, np.ones((8, 2))),
        ValueError,
        (
            "Invalid shape for argument `y`: the loss mean_squared_error expects the shape of "
            "the model's output, (None, 1). Received: y.shape=(8, 2)"
        ),
    ),
    Case(
        "refit of a text",
        lambda: surgery.refit_support("model", X, Y),
        TypeError,
        "Invalid type for argument `model`: expected a keras.Model. Received: str",
    ),
    Case(
        "refit of a model that is not compiled",
        lambda: surgery.refit_support(linear(), X, Y),
        ValueError,
        (
            "The model 'linear' is not compiled, so its loss is not known. Compile it: "
            '`model.compile("adam", loss)`'
        ),
    ),
    Case(
        "refit without zeros",
        lambda: surgery.refit_support(compiled(), X, Y),
        ValueError,
        (
            "The model 'linear' has no exact zeros, so there is no support to hold. Regularizers "
            "give zeros with a proximal optimizer: "
            "`model.compile(kerasreg.optimizers.ProximalAdam(1e-3), loss)`"
        ),
    ),
    Case(
        "refit with too much relaxation",
        lambda: surgery.refit_support(filled(0), X, Y, relaxation=2),
        ValueError,
        (
            "Invalid value for argument `relaxation`: expected a finite float between 0 and 1. "
            "Received: relaxation=2"
        ),
    ),
    Case(
        "refit by a misspelt optimizer",
        lambda: surgery.refit_support(filled(0), X, Y, optimizer="sdg"),
        ValueError,
        (
            "Invalid value for argument `optimizer`: expected the name or an instance of a Keras "
            "optimizer. Received: optimizer='sdg'. Did you mean 'sgd'?"
        ),
    ),
    Case(
        "refit on too few features",
        lambda: surgery.refit_support(filled(0), X[:, :2], Y),
        ValueError,
        (
            "Invalid shape for argument `x`: the model 'linear' expects (None, 3). Received: "
            "x.shape=(8, 2)"
        ),
    ),
    Case(
        "refit on NaN",
        lambda: surgery.refit_support(filled(0), NAN_X, Y),
        ValueError,
        (
            "Invalid value for argument `x`: expected finite numbers. Received: 1 of 24 are NaN "
            "or infinite, the first at index (2, 1)"
        ),
    ),
    Case(
        "refit on too few targets",
        lambda: surgery.refit_support(filled(0), X, Y[:3]),
        ValueError,
        (
            "Arrays of different length: expected one target and one weight a sample. Received: "
            "len(x)=8, len(y)=3"
        ),
    ),
    Case(
        "refit on nothing",
        lambda: surgery.refit_support(filled(0), None, Y),
        ValueError,
        (
            "Invalid value for argument `x`: expected an array of at least one sample. Received: "
            "x=None"
        ),
    ),
    Case(
        "refit for no epochs",
        lambda: surgery.refit_support(filled(0), X, Y, epochs=0),
        ValueError,
        "Invalid value for argument `epochs`: expected an int >= 1. Received: epochs=0",
    ),
    Case(
        "fixed support of a text",
        lambda: surgery.fixed_support("model").__enter__(),
        TypeError,
        "Invalid type for argument `model`: expected a keras.Model. Received: str",
    ),
    Case(
        "fixed support without zeros",
        lambda: surgery.fixed_support(linear()).__enter__(),
        ValueError,
        (
            "The model 'linear' has no exact zeros, so there is no support to hold. Regularizers "
            "give zeros with a proximal optimizer: "
            "`model.compile(kerasreg.optimizers.ProximalAdam(1e-3), loss)`"
        ),
    ),
    Case(
        "shrink None",
        lambda: surgery.shrink(None),
        TypeError,
        "Invalid type for argument `model`: expected a keras.Model. Received: NoneType",
    ),
    Case(
        "shrink a layer",
        lambda: surgery.shrink(dense()),
        TypeError,
        "Invalid type for argument `model`: expected a keras.Model. Received: Dense",
    ),
    Case(
        "shrink an unbuilt model",
        lambda: surgery.shrink(unbuilt()),
        ValueError,
        (
            "The model 'unbuilt' is not built, so it has no variables yet. Build it with "
            "`model.build(input_shape)`, or call it on a batch of data"
        ),
    ),
    Case(
        "shrink, no batch",
        lambda: surgery.shrink(linear(), batch_size=0),
        ValueError,
        ("Invalid value for argument `batch_size`: expected an int >= 1. Received: batch_size=0"),
    ),
    Case(
        "shrink, tolerance negative",
        lambda: surgery.shrink(linear(), tolerance=-1),
        ValueError,
        (
            "Invalid value for argument `tolerance`: expected a finite float >= 0. Received: "
            "tolerance=-1"
        ),
    ),
    Case(
        "shrink, timed a text",
        lambda: surgery.shrink(linear(), timed="no"),
        ValueError,
        "Invalid value for argument `timed`: expected True or False. Received: timed='no'",
    ),
    Case(
        "shrink on too few features",
        lambda: surgery.shrink(linear(), X[:, :2]),
        ValueError,
        (
            "Invalid shape for argument `x`: the model 'linear' expects (None, 3). Received: "
            "x.shape=(8, 2)"
        ),
    ),
    Case(
        "shrink on a text",
        lambda: surgery.shrink(linear(), "abc"),
        ValueError,
        (
            "Invalid value for argument `x`: expected an array of numbers. Received: x='array of "
            "<U3'"
        ),
    ),
    Case(
        "shrink on no samples",
        lambda: surgery.shrink(linear(), X[:0]),
        ValueError,
        ("Invalid value for argument `x`: expected at least one sample. Received: x.shape=(0, 3)"),
    ),
    Case(
        "shrink NaN weights",
        lambda: surgery.shrink(filled(NAN), timed=False),
        RuntimeError,
        (
            "The smaller model cannot be shown to compute what 'linear' does: output 'dense' "
            "differs by nan, expected at most 1e-05 of its largest value, nan; they are not "
            "finite"
        ),
    ),
    Case(
        "low rank of a text",
        lambda: surgery.low_rank("model", 0.1),
        TypeError,
        "Invalid type for argument `model`: expected a keras.Model. Received: str",
    ),
    Case(
        "low rank, tolerance one",
        lambda: surgery.low_rank(linear(), 1),
        ValueError,
        (
            "Invalid value for argument `tolerance`: expected a finite float > 0 and < 1. "
            "Received: tolerance=1"
        ),
    ),
    Case(
        "low rank of a subclassed model",
        lambda: surgery.low_rank(Called(), 0.1),
        ValueError,
        (
            "The model 'called' cannot be rebuilt with other layers: what Called computes is "
            "written in its `call`. Pass a Sequential or functional model, such as a part of it"
        ),
    ),
    Case(
        "low rank of NaN weights",
        lambda: surgery.low_rank(filled(NAN), 0.1),
        ValueError,
        (
            "The weights 'dense/kernel' have no singular values: expected finite numbers. "
            "Received: 3 of 3 are NaN or infinite"
        ),
    ),
]
