"""A model with a penalty for each layer, and its fit under a schedule."""

import keras
import numpy as np
from keras import layers, regularizers

from kerasreg.optimizers import ProximalAdam, ProximalSGD
from kerasreg.regularizers import (
    MCP,
    ElasticNet,
    GroupLasso,
    scaled_regularizer,
)
from kerasreg.variables import values_of

IS_TENSORFLOW = keras.backend.backend() == "tensorflow"
X = np.random.default_rng(0).normal(size=(96, 6)).astype("float32")
Y = X[:, :1] * 2 - X[:, 1:2]

# Strengths are multiplied in float32 here and by Python there: some units in the last place.
PARITY = 1e-6
PENALTIES = [
    regularizers.L1L2(1e-2, 2e-2),
    ElasticNet(5e-2, l1_ratio=0.5),
    GroupLasso(3e-2),
    MCP(0.1, gamma=2.0),
]


def build(scale=1.0, penalties=PENALTIES):
    """A network in which each layer has another penalty, at `scale` times its strength."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    tensor = inputs = keras.Input((6,))
    for penalty in penalties:
        tensor = layers.Dense(
            5,
            "tanh",
            kernel_regularizer=scaled_regularizer(penalty, scale),
            activity_regularizer=scaled_regularizer(regularizers.L2(1e-2), scale),
        )(tensor)
    return keras.Model(inputs, layers.Dense(1)(tensor))


def compiled(optimizer=None, scale=1.0, penalties=PENALTIES[-1:], **settings):
    model = build(scale, penalties)
    model.compile(ProximalAdam(0.02) if optimizer is None else optimizer, "mse", **settings)
    return model


def fit(model, *callbacks, **settings):
    settings = {"epochs": 3, "batch_size": 32, "verbose": 0, "shuffle": False, **settings}
    return model.fit(X, Y, callbacks=list(callbacks), **settings).history


def weights_of(model):
    return [values_of(weight).copy() for weight in model.weights]


def assert_equal_weights(model, expected, atol=0.0):
    for weight, values in zip(model.weights, expected, strict=True):
        np.testing.assert_allclose(values_of(weight), values, rtol=0, atol=atol)


def curves_of(monitor):
    return monitor.curves.set_index(["epoch", "split", "quantity"])["value"]


OPTIMIZERS = {
    "Adam": lambda: keras.optimizers.Adam(0.02, epsilon=1e-3),
    "ProximalAdam": lambda: ProximalAdam(0.02, epsilon=1e-3),
    "ProximalSGD": lambda: ProximalSGD(0.1, momentum=0.5),
    "clipped": lambda: ProximalSGD(0.1, clipnorm=0.3),
    "scaled loss": lambda: keras.optimizers.LossScaleOptimizer(ProximalSGD(0.1), 2.0**10),
}


def regression(optimizer, penalty):
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(1, kernel_regularizer=penalty, kernel_initializer="ones", use_bias=False),
        ]
    )
    model.compile(optimizer, "mse")
    return model
