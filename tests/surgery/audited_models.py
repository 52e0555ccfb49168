"""Models to audit, and how a fix of an audit is applied to them."""

import keras
import numpy as np
from keras import layers, ops, optimizers, regularizers

import kerasreg
import kerasreg.surgery

L1, L2 = regularizers.L1, regularizers.L2


def data(n=64, d=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)).astype("float32")
    return x, (x @ np.arange(1.0, d + 1) + rng.normal(0, 0.1, n))[:, None].astype("float32")


def dense(regularizer=None, optimizer="sgd", *, units=1, **settings):
    """A model of one layer, compiled."""
    layer = layers.Dense(units, kernel_regularizer=regularizer, name="dense", **settings)
    return compiled([keras.Input((3,)), layer], optimizer)


def compiled(stack, optimizer="sgd"):
    model = keras.Sequential(stack)
    model.compile(optimizer, "mse")
    return model


def after(model, change):
    change(model)
    return model


def attention(**settings):
    inputs = keras.Input((4, 3))
    attended = layers.MultiHeadAttention(1, 2, **settings, name="mha")(inputs, inputs)
    model = keras.Model(inputs, attended)
    model.compile("sgd", "mse")
    return model


@keras.saving.register_keras_serializable(package="test_audit")
class Quartic(keras.Regularizer):
    """A penalty of the user's own, of which nothing is known."""

    def __call__(self, w):
        return 1e-3 * ops.sum(w**4)

    def get_config(self):
        return {}


@keras.saving.register_keras_serializable(package="test_audit")
class MeanSquare(keras.Regularizer):
    """A mean over the batch, which Keras divides by its size once more."""

    def __call__(self, w):
        return ops.mean(ops.square(w))

    def get_config(self):
        return {}


def scaling(optimizer):
    return optimizers.LossScaleOptimizer(optimizer)


K, B = "dense/kernel", "dense/bias"


def paste(line, model):
    exec(line, {"__name__": "__main__", "model": model, "keras": keras, "kerasreg": kerasreg})


def found_in(result):
    return list(result.warnings[["where", "warning"]].itertuples(index=False, name=None))
