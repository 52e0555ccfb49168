"""Data and models of the grids that are compared member by member."""

import keras
import numpy as np
from keras import layers

from kerasreg import optimizers
from tests.grid.members import CROSSENTROPY, compared

RANDOM = np.random.default_rng(0)
N = 43  # two batches of 16 and a short one of 11
X = RANDOM.normal(size=(N, 5)).astype("float32")
W = np.array([2.0, -1.0, 0.5, 0, 0], "float32")
TARGETS = (X @ W + 0.1 * RANDOM.normal(size=N)).astype("float32")[:, None]
LABELS = (X[:, 0] > 0).astype("int32") + (X[:, 1] > 0.5)
IMAGES = RANDOM.normal(size=(N, 6, 6, 1)).astype("float32")
SEQUENCES = RANDOM.normal(size=(N, 4, 3)).astype("float32")
WORDS = RANDOM.integers(0, 7, size=(N, 4))


def mlp(activation="tanh", first="l2", last=None, **settings):
    return keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(6, activation, kernel_regularizer=first, **settings),
            layers.Dense(3, "softmax", kernel_regularizer=last),
        ]
    )


def classified(model, x=X, **settings):
    settings = {"loss": CROSSENTROPY, "metrics": ["accuracy"], "optimizer": adam} | settings
    return compared(model, x, LABELS, **settings)


def adam():
    return optimizers.ProximalAdam(0.02)


def plain():
    return keras.optimizers.SGD(0.1)
