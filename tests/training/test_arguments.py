"""Calls of `train` that are refused in one line before the first step."""

import keras
import numpy as np
import pytest
from keras import layers

if keras.backend.backend() != "tensorflow":
    pytest.skip("kerasreg.training needs the TensorFlow backend", allow_module_level=True)

import tensorflow as tf

from kerasreg.training import train
from tests.training.models import CROSSENTROPY, TARGETS, N, X, Y, sequential


class OwnStep(keras.Model):
    def train_step(self, data):
        return {}


def own_step():
    inputs = keras.Input((6,))
    return OwnStep(inputs, layers.Dense(1)(inputs), name="own")


def classifier():
    return sequential(lambda: keras.Input((6,)), lambda: layers.Dense(3, "softmax"))


def with_nan():
    x = X.copy()
    x[4, 2] = np.nan
    return x


BAD_CALLS = {
    "no targets": (
        lambda: train(classifier(), X, loss="mse"),
        "Invalid value for argument `y`: expected an array of targets. Received: y=None",
    ),
    "epochs": (
        lambda: train(classifier(), X, Y, loss=CROSSENTROPY, epochs=0),
        "Invalid value for argument `epochs`: expected an int >= 1. Received: epochs=0",
    ),
    "batch size": (
        lambda: train(classifier(), X, Y, loss=CROSSENTROPY, batch_size=2.5),
        "Invalid value for argument `batch_size`: expected an int >= 1. Received: batch_size=2.5",
    ),
    "seed": (
        lambda: train(classifier(), X, Y, loss=CROSSENTROPY, seed=-1),
        "Invalid value for argument `seed`: expected an int >= 0 or None. Received: seed=-1",
    ),
    "jit_compile": (
        lambda: train(classifier(), X, Y, loss=CROSSENTROPY, jit_compile="yes"),
        'Invalid value for argument `jit_compile`: expected True, False or "auto". '
        "Received: jit_compile='yes'",
    ),
    "own train_step": (
        lambda: train(own_step(), X, TARGETS, loss="mse"),
        "The model 'own' has a `train_step` of its own, which this loop would pass by. Use "
        "model.fit with kerasreg.callbacks.RegularizationMonitor",
    ),
    "validation data": (
        lambda: train(classifier(), X, Y, loss=CROSSENTROPY, validation_data=X),
        "Invalid value for argument `validation_data`: expected (x, y), (x, y, sample_weight) or "
        "a tf.data.Dataset. Received: ndarray",
    ),
    "endless dataset": (
        lambda: train(
            classifier(),
            tf.data.Dataset.from_tensor_slices((X, Y)).batch(8).repeat(),
            loss=CROSSENTROPY,
        ),
        "Invalid value for argument `x`: expected a dataset with at least one batch and an end. "
        "Use `dataset.take(n)` on one that repeats",
    ),
    "targets beside a dataset": (
        lambda: train(
            classifier(),
            tf.data.Dataset.from_tensor_slices((X, Y)).batch(8),
            Y,
            loss=CROSSENTROPY,
        ),
        "Argument `y` has no place beside a tf.data.Dataset, which yields (x, y) or "
        "(x, y, sample_weight)",
    ),
    "NaN in x": (
        lambda: train(classifier(), with_nan(), Y, loss=CROSSENTROPY),
        "Invalid value for argument `x`: expected finite numbers. Received: 1 of 450 are NaN or "
        "infinite, the first at index (4, 2)",
    ),
    "NaN in validation": (
        lambda: train(classifier(), X, Y, loss=CROSSENTROPY, validation_data=(with_nan(), Y)),
        "Invalid value for argument `validation x`: expected finite numbers. Received: 1 of 450 "
        "are NaN or infinite, the first at index (4, 2)",
    ),
    "lengths": (
        lambda: train(classifier(), X, Y[:-1], loss=CROSSENTROPY),
        "Arrays of different length: expected one target and one weight a sample. "
        "Received: len(x)=75, len(y)=74",
    ),
    "empty": (
        lambda: train(classifier(), X[:0], Y[:0], loss=CROSSENTROPY),
        "Invalid value for argument `x`: expected at least one sample. Received: x.shape=(0, 6)",
    ),
    "strings": (
        lambda: train(classifier(), X.astype(str), Y, loss=CROSSENTROPY),
        "Invalid value for argument `x`: expected an array of numbers. "
        f"Received: x={'array of <U32'!r}",
    ),
    "features": (
        lambda: train(classifier(), X[:, :5], Y, loss=CROSSENTROPY),
        "Invalid shape for argument `x`: the model 'sequential' expects (None, 6). "
        "Received: x.shape=(75, 5)",
    ),
    "labels": (
        lambda: train(classifier(), X, Y + 1, loss=CROSSENTROPY),
        "Invalid value for argument `y`: expected whole labels from 0 to 2, for the model has 3 "
        "outputs. Received: labels from 1 to 3",
    ),
    "one-hot for sparse": (
        lambda: train(classifier(), X, np.eye(3)[Y], loss=CROSSENTROPY),
        "Invalid shape for argument `y`: the loss sparse_categorical_crossentropy expects labels "
        "of shape (None,). Received: y.shape=(75, 3)",
    ),
    "labels for one-hot": (
        lambda: train(classifier(), X, Y, loss="categorical_crossentropy"),
        "Invalid shape for argument `y`: the loss categorical_crossentropy expects the shape of "
        "the model's output, (None, 3). Received: y.shape=(75,)",
    ),
    "broadcast targets": (
        lambda: train(classifier(), X, TARGETS, loss="mse"),
        "Invalid shape for argument `y`: the loss mean_squared_error expects the shape of the "
        "model's output, (None, 3). Received: y.shape=(75, 1)",
    ),
    "both weights": (
        lambda: train(
            classifier(), X, Y, loss=CROSSENTROPY, sample_weight=np.ones(N), class_weight={0: 2}
        ),
        "Arguments `sample_weight` and `class_weight` exclude each other: multiply them into one "
        "`sample_weight`",
    ),
    "nothing to train": (
        lambda: train(frozen(), X, Y, loss=CROSSENTROPY),
        "The model 'sequential' has no trainable weights. Set `trainable = True` on the layers "
        "to train",
    ),
}


def frozen():
    model = classifier()
    model.trainable = False
    return model


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_calls_are_refused_in_one_line_before_the_first_step(name):
    keras.backend.clear_session()
    call, message = BAD_CALLS[name]
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == message


def test_not_a_model():
    with pytest.raises(TypeError) as error:
        train("model", X, Y, loss="mse")
    assert str(error.value) == (
        "Invalid type for argument `model`: expected a keras.Model. Received: str"
    )
